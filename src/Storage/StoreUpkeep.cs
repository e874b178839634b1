using Domicile.Residency;
using Domicile.Storage.Engine;
using Domicile.Storage.Postgres;
using Domicile.Storage.Sqlite;
using Npgsql;

namespace Domicile.Storage;

/// <summary>What an operator does with the databases of a scale unit while no node of theirs is involved: look at them, bring them up to date, tell them that they were restored.</summary>
public static class StoreUpkeep
{
    private const int Connections = 2;

    /// <summary>The sessions of a node that has just stopped end a moment after it: for so long a node is not taken for connected.</summary>
    private const int RestoredAttempts = 50;

    private static readonly TimeSpan RestoredPause = TimeSpan.FromMilliseconds(100);

    /// <summary>Compares both databases with what a start expects, and changes nothing.</summary>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static async Task<IReadOnlyList<StoreCondition>> Check(ScaleUnitOptions options, Catalogue catalogue, CancellationToken cancel)
    {
        FileKeyProvider? provider = null;
        string? rootFault = null;
        try
        {
            provider = File.Exists(ScaleUnit.RootKeyOf(options)) ? FileKeyProvider.Open(ScaleUnit.RootKeyOf(options), options.Geography, TimeProvider.System) : null;
        }
        catch (InvalidDataException damaged)
        {
            rootFault = damaged.Message;
        }

        using (provider)
        {
            if (options.Postgres is { } postgres)
            {
                return
                [
                    await Look(options, "data", postgres.Data, (database, cancel) => PostgresSchema.Pending(database, catalogue, options.Geography, cancel), null, cancel),
                    await Look(
                        options,
                        "keys",
                        postgres.Keys,
                        async (database, cancel) =>
                        {
                            await using var connection = await database.Open(cancel);
                            return await PostgresKeySchema.Pending(connection, options.Geography, provider?.CheckValue, cancel);
                        },
                        rootFault,
                        cancel),
                ];
            }

            var (data, keys) = (Path.Combine(options.Directory, "data.db"), Path.Combine(options.Directory, "keys.db"));
            return
            [
                Look(options, "data", data, session => SqliteSchema.Pending(session, catalogue, options.Geography), !File.Exists(keys) ? "make the database" : null, null),
                Look(
                    options,
                    "keys",
                    keys,
                    session => provider is null
                        ? throw new InvalidDataException($"There is no root key file {ScaleUnit.RootKeyOf(options)}. Put it back from where it is kept.")
                        : SqliteKeyStore.Pending(session, options.Geography, provider),
                    provider is null && !File.Exists(data) ? "make the root key and the key store" : null,
                    rootFault),
            ];
        }
    }

    /// <summary>Does what a start would do to the databases. On PostgreSQL nodes of the version before may go on running meanwhile.</summary>
    /// <exception cref="SchemaMismatchException">The databases are not for this program or this geography.</exception>
    /// <exception cref="InvalidDataException">The root key is missing, damaged or another's.</exception>
    /// <exception cref="DirectoryInUseException">A server uses the directory of a scale unit on SQLite.</exception>
    /// <exception cref="StoreUnavailableException">A database does not answer.</exception>
    public static async Task Migrate(ScaleUnitOptions options, Catalogue catalogue, CancellationToken cancel)
    {
        if (options.Postgres is { } postgres)
        {
            await ScaleUnit.PreparePostgres(options, postgres, catalogue, cancel);
            return;
        }

        await using var unit = await ScaleUnit.Open(options, catalogue, TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance, cancel);
    }

    /// <summary>
    /// Tells a database on PostgreSQL that it was put back from a backup, before the first node starts: readers of the feed begin anew, and nobody waits for
    /// leases of before. <c>StoreBackup</c> does so itself for SQLite.
    /// </summary>
    /// <exception cref="DatabaseInUseException">Nodes are connected, and were for five seconds.</exception>
    /// <exception cref="SchemaMismatchException">The database is empty.</exception>
    /// <exception cref="StoreUnavailableException">The database does not answer.</exception>
    public static async Task Restored(PostgresStore store, CancellationToken cancel)
    {
        await using var database = PostgresDatabase.Of(store.Data, Connections);
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await database.Use((database, cancel) => PostgresSchema.Restored(database, cancel), cancel);
                return;
            }
            catch (DatabaseInUseException) when (attempt < RestoredAttempts)
            {
                await Task.Delay(RestoredPause, TimeProvider.System, cancel);
            }
        }
    }

    private static async Task<StoreCondition> Look(
        ScaleUnitOptions options, string which, PostgresAddress address, Func<PostgresDatabase, CancellationToken, Task<IReadOnlyList<string>>> look, string? rootFault, CancellationToken cancel)
    {
        var (fault, pending) = (rootFault, (IReadOnlyList<string>)[]);
        try
        {
            await using var database = PostgresDatabase.Of(address, Connections);
            pending = fault is null ? await database.Use(look, cancel) : [];
        }
        catch (Exception refused) when (refused is SchemaMismatchException or StoreUnavailableException)
        {
            fault = refused.Message;
        }
        catch (PostgresException refused)
        {
            // Such as a password that is not right.
            fault = $"The database refuses (SQLSTATE {refused.SqlState}).";
        }

        return new StoreCondition(options.Name, options.Geography.Name, which, address.ToString(), fault, pending);
    }

    private static StoreCondition Look(ScaleUnitOptions options, string which, string path, Func<SqliteSession, IReadOnlyList<string>> look, string? whenMissing, string? rootFault)
    {
        var (fault, pending) = (rootFault, (IReadOnlyList<string>)[]);
        if (fault is null && !File.Exists(path))
        {
            (fault, pending) = whenMissing is null ? ($"The file {path} is missing. Put it back from a backup.", pending) : (null, [whenMissing]);
        }
        else if (fault is null)
        {
            try
            {
                using var session = SqliteSession.Open(path, readOnly: true);
                pending = look(session);
            }
            catch (Exception refused) when (refused is SchemaMismatchException or InvalidDataException or SqliteFault or Microsoft.Data.Sqlite.SqliteException)
            {
                fault = refused is SqliteFault or Microsoft.Data.Sqlite.SqliteException ? $"The file {path} cannot be read as a database ({refused.Message})." : refused.Message;
            }
        }

        return new StoreCondition(options.Name, options.Geography.Name, which, path, fault, pending);
    }
}
