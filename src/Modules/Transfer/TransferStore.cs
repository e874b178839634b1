using Dapper;
using Domicile.Modules.Chat;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Transfer;

/// <summary>The one query of a transfer that is not a look-up by key.</summary>
internal static class TransferStore
{
    /// <summary>The last arrival in a thread; 0 when there was none. One row, by its key; the thread was found in the resource before.</summary>
    public static ValueTask<long> LastArrival(Home home, Ref<ChatThread> thread, CancellationToken cancel) =>
        home.Store.Query(
            async (connection, cancel) => await connection.ExecuteScalarAsync<long?>(new CommandDefinition(
                "SELECT h.arrival FROM chat_message_head h JOIN chat_thread t ON t.key = h.parent WHERE h.parent = @thread AND t.resource = @resource",
                new { thread = thread.Value, resource = home.Resource.Number },
                cancellationToken: cancel)) ?? 0,
            cancel);
}
