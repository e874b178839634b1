using Domicile.Modules.Http;
using Domicile.Residency;
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
