using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Domicile.Modules.Chat;

/// <summary>Threads, the people in them, and what they write.</summary>
public sealed class ChatModule : IModule
{
    /// <inheritdoc/>
    public void Describe(Catalogue catalogue) => catalogue
        .Add<ChatThread>(ChatRecords.Default)
        .Add<ChatParticipant>(ChatRecords.Default)
        .Add<ChatMessage>(ChatRecords.Default)
        .Add<ChatReceipt>(ChatRecords.Default)
        .Add<ChatCreation>(ChatRecords.Default)
        .Add<ChatThreadDeletion>(ChatRecords.Default);

    /// <summary>Takes the scale units that the node serves, by the homes of their own records: threads that go when their time has come are told of, like those that somebody deletes.</summary>
    public static void Prepare(IServiceProvider services, IReadOnlyList<Home> scaleUnits)
    {
        var clock = services.GetRequiredService<TimeProvider>();
        foreach (var unit in scaleUnits)
        {
            unit.Administration!.SayBeforeTheEnd<ChatThread>(async (home, thread, cancel) =>
            {
                var deletion = await ChatThreads.DeletionOf(home, thread, default, clock.GetUtcNow(), cancel);
                return b => b.Insert(deletion);
            });
        }
    }

    /// <inheritdoc/>
    public void AddServices(IServiceCollection services) => services
        .AddSingleton<ChatStore>()
        .AddSingleton<ThreadDoor>()
        .AddSingleton<ChatThreads>()
        .AddSingleton<ChatMessages>()
        .AddSingleton<ChatParticipants>()
        .AddSingleton<ChatReceipts>()
        .AddSingleton<ChatEndpoints>()
        .AddSingleton(provider => new ChatHappenings(provider.GetRequiredService<ChatStore>()));

    /// <inheritdoc/>
    public IEnumerable<Operation> Operations(IServiceProvider services) => services.GetRequiredService<ChatEndpoints>().Operations();
}
