using Domicile.Modules.Chat;
using Domicile.Residency;
using Domicile.Storage;
using Home = Domicile.Storage.Home;

namespace Domicile.Tests.Modules.Realtime;

/// <summary>A thread without requests.</summary>
internal sealed class PlayedThread
{
    private readonly Home _home;
    private readonly SubjectRef _speaker;
    private readonly Ref<ChatThread> _thread;

    private PlayedThread(Home home, SubjectRef speaker) => (_home, _speaker, _thread) = (home, speaker, home.References.Next<ChatThread>());

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Starts one.</summary>
    /// <param name="home">The resource.</param>
    /// <param name="clock">The clock.</param>
    /// <param name="people">Who is in it; the first of them speaks.</param>
    public static async Task<PlayedThread> Start(Home home, TimeProvider clock, params SubjectRef[] people)
    {
        var thread = new PlayedThread(home, people[0]);
        var now = clock.GetUtcNow();
        await thread.Commit(b =>
        {
            b.Insert(new ChatThread { Key = thread._thread, PublicId = $"19:{Guid.NewGuid():N}@thread.v2", CreatedOn = now, Topic = "t", CreatedBy = people[0] });
            foreach (var person in people)
            {
                b.Insert(new ChatParticipant { Thread = thread._thread, Person = person, AddedOn = now });
            }
        });
        return thread;
    }

    /// <summary>Somebody for it.</summary>
    public static async Task<SubjectRef> Person(Home home) => await home.AddSubject([new Identifier(Identifier.CommunicationUser, $"8:acs:{Guid.NewGuid()}")], Cancel);

    /// <summary>Says something.</summary>
    public Task Say(string text) => Commit(b => b.Lock(_thread, ChatProblems.NoThread).Append(new ChatMessage
    {
        Thread = _thread,
        SealId = Guid.CreateVersion7(),
        Sender = _speaker,
        Type = ChatMessageType.Text,
        Content = text,
    }));

    private async Task Commit(Action<Batch> build) => Assert.Null((await _home.Store.Commit(build, Cancel)).Refused);
}
