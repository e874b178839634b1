using System.Data.Common;
using System.Runtime.CompilerServices;

namespace Domicile.Storage;

/// <summary>
/// Commands that stay prepared as long as their connection: for connections that stay and are used by one reader at a time, as those of the embedded engine. To prepare a
/// statement over many tables costs more than to run it for one person.
/// </summary>
internal static class KeptCommands
{
    private static readonly ConditionalWeakTable<DbConnection, Dictionary<string, DbCommand>> Kept = [];

    /// <summary>The command of a text. The texts are constant and few; with the connection its commands are closed.</summary>
    public static DbCommand Of(DbConnection connection, string sql)
    {
        var commands = Kept.GetOrCreateValue(connection);
        if (!commands.TryGetValue(sql, out var command))
        {
            command = connection.CreateCommand();
#pragma warning disable CA2100 // Constant texts of the store.
            command.CommandText = sql;
#pragma warning restore CA2100
            commands.Add(sql, command);
        }

        return command;
    }
}
