using System.Text.Json.Serialization.Metadata;
using Domicile.Modules.Transfer;

namespace Domicile.Cli.Transfer;

/// <summary>The resource that is moved into, or exported: the transfer part of the administration API.</summary>
internal sealed class TransferTarget(AdminClient client, ResourceReply resource, TimeProvider clock)
{
    private const int Attempts = 12;

    /// <summary>The resource.</summary>
    public ResourceReply Resource => resource;

    private string Path => Installation.ResourcePath(resource.Id);

    /// <summary>Says how long threads without use are kept; 0 for ever.</summary>
    public Task Begin(int idleDays, CancellationToken cancel) => Repeat(async () =>
    {
        await client.Post(AdminRoles.ForTransfer, $"{Path}/import", TransferJson.Default.BeginImportRequest, new BeginImportRequest(idleDays), cancel);
        return true;
    }, cancel);

    /// <summary>Brings users in, at most <see cref="TransferLimits.Users"/>.</summary>
    public Task<ImportUsersReply> Users(IReadOnlyList<TransferUser> users, CancellationToken cancel) =>
        Post("import/users", TransferJson.Default.ImportUsersRequest, new ImportUsersRequest(users), TransferJson.Default.ImportUsersReply, cancel);

    /// <summary>Brings a thread in, or the next part of its messages.</summary>
    public Task<ImportThreadReply> Thread(TransferThread thread, IReadOnlyList<TransferMessage> messages, CancellationToken cancel) =>
        Post("import/threads", TransferJson.Default.ImportThreadRequest, new ImportThreadRequest(thread, messages), TransferJson.Default.ImportThreadReply, cancel);

    /// <summary>Every thread that is there.</summary>
    public async IAsyncEnumerable<TransferThread> Threads(string reason, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel)
    {
        string? after = null;
        do
        {
            var page = await Post("export/threads", TransferJson.Default.ExportThreadsRequest, new ExportThreadsRequest(reason, after), TransferJson.Default.ExportThreadsReply, cancel);
            foreach (var thread in page.Value)
            {
                yield return thread;
            }

            after = page.Next;
        }
        while (after is not null);
    }

    /// <summary>Every message of a thread, from the oldest.</summary>
    public async IAsyncEnumerable<TransferMessage> Messages(string reason, string thread, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel)
    {
        string? after = null;
        do
        {
            var page = await Post("export/messages", TransferJson.Default.ExportMessagesRequest, new ExportMessagesRequest(reason, thread, after), TransferJson.Default.ExportMessagesReply, cancel);
            foreach (var message in page.Value)
            {
                yield return message;
            }

            after = page.Next;
        }
        while (after is not null);
    }

    /// <summary>Every user that is there.</summary>
    public IAsyncEnumerable<IdentityReply> Identities(CancellationToken cancel) => client.List(AdminRoles.ForIdentities, $"{Path}/identities", AdminJson.Default.PageIdentityReply, cancel);

    private Task<TReply> Post<TBody, TReply>(string what, JsonTypeInfo<TBody> bodyType, TBody body, JsonTypeInfo<TReply> replyType, CancellationToken cancel) =>
        Repeat(() => client.Post(AdminRoles.ForTransfer, $"{Path}/{what}", bodyType, body, replyType, cancel), cancel);

    /// <summary>A server that is busy or starts again is waited for: whatever was done is not done twice.</summary>
    private async Task<T> Repeat<T>(Func<Task<T>> ask, CancellationToken cancel)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await ask();
            }
            catch (CommandFailure failure) when (failure.IsTransient && attempt < Attempts)
            {
                await Task.Delay(Retry.Wait(attempt, null, clock), clock, cancel);
            }
        }
    }
}
