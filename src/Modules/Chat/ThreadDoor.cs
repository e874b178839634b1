using Domicile.Modules.Http;
using Domicile.Residency;

namespace Domicile.Modules.Chat;

/// <summary>Where every request about a thread comes in: finds the thread, and what the caller is to it.</summary>
internal sealed class ThreadDoor(ChatStore store)
{
    /// <summary>The thread for who is or was in it. A stranger learns no more of it than of one that does not exist.</summary>
    public async ValueTask<(ChatParticipant? Me, Problem? Problem)> ForReading(Call call, CancellationToken cancel)
    {
        if (await store.Find(call.Home, call.Route("threadId"), cancel) is not { } thread
            || await call.Home.Store.Get<ChatParticipant>([thread, call.User.Subject], cancel) is not { } me)
        {
            return (null, ChatProblems.NoThread);
        }

        return (me, null);
    }

    /// <summary>The thread for who is in it.</summary>
    public async ValueTask<(ChatParticipant? Me, Problem? Problem)> ForTakingPart(Call call, CancellationToken cancel)
    {
        var (me, problem) = await ForReading(call, cancel);
        return me?.RemovedOn is not null ? (null, ChatProblems.NoLongerIn) : (me, problem);
    }

    /// <summary>Only the thread, for a batch that requires the membership itself; a refusal goes through <see cref="Explain"/>.</summary>
    public ValueTask<Ref<ChatThread>?> Find(Call call, CancellationToken cancel) => store.Find(call.Home, call.Route("threadId"), cancel);

    /// <summary>Whoever was never in the thread is told that there is none.</summary>
    public static async ValueTask<Problem> Explain(Call call, Ref<ChatThread> thread, Problem refused, CancellationToken cancel) =>
        refused == ChatProblems.NoLongerIn && await call.Home.Store.Get<ChatParticipant>([thread, call.User.Subject], cancel) is null
            ? ChatProblems.NoThread
            : refused;
}
