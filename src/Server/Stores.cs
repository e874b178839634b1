using Domicile.Residency;
using Domicile.Storage;
using Domicile.Storage.Engine;

namespace Domicile.Server;

/// <summary>Which scale units an operator means, found as a start finds them.</summary>
/// <param name="DataDirectory">The data directory; with a configuration it may be named there instead.</param>
/// <param name="ConfigurationFile">The configuration of a production server; null for development mode.</param>
/// <param name="Geography">The only geography that is meant; null for all.</param>
public sealed record StoreSelection(string? DataDirectory, string? ConfigurationFile, string? Geography)
{
    /// <summary>Development on PostgreSQL: the file with the connection.</summary>
    public string? PostgresFile { get; init; }
}

/// <summary>What an operator does with the stores of a server besides running it. Nothing here starts a node.</summary>
public static class Stores
{
    /// <summary>Compares each database with what a start expects, and changes nothing.</summary>
    /// <exception cref="StartupException">The configuration cannot be used.</exception>
    public static Task<IReadOnlyList<StoreCondition>> Check(StoreSelection selection, CancellationToken cancel) =>
        Guarded(async () =>
        {
            var catalogue = ProductModules.Catalogue();
            var conditions = new List<StoreCondition>();
            foreach (var unit in Units(selection))
            {
                conditions.AddRange(await StoreUpkeep.Check(unit, catalogue, cancel));
            }

            return (IReadOnlyList<StoreCondition>)conditions;
        });

    /// <summary>Does what a start would do to the databases.</summary>
    /// <returns>How they were before: what was pending then is done now.</returns>
    /// <exception cref="StartupException">A database is not for this program, or a server uses it; the message says what to do. Those before it are done.</exception>
    public static Task<IReadOnlyList<StoreCondition>> Migrate(StoreSelection selection, CancellationToken cancel) =>
        Guarded(async () =>
        {
            var catalogue = ProductModules.Catalogue();
            var done = new List<StoreCondition>();
            foreach (var unit in Units(selection))
            {
                var before = await StoreUpkeep.Check(unit, catalogue, cancel);
                if (before.FirstOrDefault(condition => condition.Fault is not null) is { } refused)
                {
                    throw new StartupException($"The store {refused.Store} cannot be migrated ({refused.Database}). {refused.Fault}");
                }

                if (before.Any(condition => condition.Pending.Count > 0))
                {
                    await StoreUpkeep.Migrate(unit, catalogue, cancel);
                }

                done.AddRange(before);
            }

            return (IReadOnlyList<StoreCondition>)done;
        });

    /// <summary>Tells databases on PostgreSQL that they were put back from a backup.</summary>
    /// <returns>The stores that were told.</returns>
    /// <exception cref="StartupException">Nodes are connected, or a database cannot be used.</exception>
    public static Task<IReadOnlyList<string>> Restored(StoreSelection selection, CancellationToken cancel) =>
        Guarded(async () =>
        {
            var told = new List<string>();
            foreach (var unit in Units(selection))
            {
                if (unit.Postgres is { } postgres)
                {
                    await StoreUpkeep.Restored(postgres, cancel);
                    told.Add(unit.Name);
                }
            }

            return told.Count > 0 ? (IReadOnlyList<string>)told : throw new StartupException("None of these stores is on PostgreSQL. What rests in files is put back with 'restore', which does all that is needed.");
        });

    /// <summary>Takes a backup of scale units on SQLite.</summary>
    /// <returns>The directories that were made, and what each holds.</returns>
    /// <exception cref="StartupException">A store is on PostgreSQL, a database is damaged, or a target cannot be written.</exception>
    public static Task<IReadOnlyList<(string Directory, BackupManifest Manifest)>> Backup(StoreSelection selection, string to, string? keysTo, TimeProvider clock, CancellationToken cancel) =>
        Guarded(() =>
        {
            if (keysTo is not null && (IsWithin(keysTo, to) || IsWithin(to, keysTo)))
            {
                throw new StartupException("The keys need a target of their own, outside that of the records: their backups live shorter.");
            }

            return Task.FromResult(StoreBackup.Take(OnSqlite(selection, mustExist: true), to, keysTo, ProductModules.Catalogue(), clock, cancel));
        });

    /// <summary>Puts databases on SQLite back.</summary>
    /// <returns>The files that were put back.</returns>
    /// <exception cref="StartupException">The backup is damaged or does not fit, or a server runs; nothing was changed.</exception>
    public static Task<IReadOnlyList<string>> Restore(StoreSelection selection, string? from, string? keysFrom, bool withoutLedger, CancellationToken cancel) =>
        Guarded(() => Task.FromResult(StoreBackup.Restore(OnSqlite(selection, mustExist: false), from, keysFrom, ProductModules.Catalogue(), withoutLedger, cancel)));

    private static List<ScaleUnitOptions> OnSqlite(StoreSelection selection, bool mustExist)
    {
        var units = Units(selection);
        if (units.FirstOrDefault(unit => unit.Postgres is not null) is { } elsewhere)
        {
            throw new StartupException($"The store {elsewhere.Name} is on PostgreSQL, which is backed up with its own tools: docs/guides/backup.md.");
        }

        // A development server has four geographies; one that was never started with all of them has fewer.
        return !mustExist || selection.ConfigurationFile is not null ? units
            : units.Where(unit => Directory.Exists(unit.Directory)).ToList() is { Count: > 0 } existing ? existing
            : throw new StartupException($"There is nothing to back up in {selection.DataDirectory}.");
    }

    private static List<ScaleUnitOptions> Units(StoreSelection selection)
    {
        Geography? only = null;
        if (selection.Geography is { } name && !Geography.TryParse(name, out only))
        {
            throw new StartupException($"'{name}' is no geography. There are: {string.Join(", ", Geography.All.Select(known => known.Name))}.");
        }

        IEnumerable<ScaleUnitOptions> units;
        if (selection.ConfigurationFile is { } file)
        {
            var options = OptionsReader.Read(file, Node.Variables());
            units = options.Geographies.Keys.SelectMany(options.ScaleUnits);
        }
        else
        {
            units = Node.DevelopmentUnits(selection.DataDirectory!, selection.PostgresFile);
        }

        return units.Where(unit => only is null || unit.Geography.Equals(only)).ToList() is { Count: > 0 } found ? found : throw new StartupException($"This server does not serve {only}.");
    }

    private static bool IsWithin(string path, string directory) =>
        (Path.GetFullPath(path) + Path.DirectorySeparatorChar).StartsWith(Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory)) + Path.DirectorySeparatorChar, StringComparison.Ordinal);

    private static async Task<T> Guarded<T>(Func<Task<T>> work)
    {
        try
        {
            return await work();
        }
        catch (Exception refused) when (refused is SchemaMismatchException or InvalidDataException or DirectoryInUseException or DatabaseInUseException
            or SealBrokenException or KeyGoneException or StoreUnavailableException or IOException or UnauthorizedAccessException)
        {
            throw new StartupException(refused.Message, refused);
        }
    }
}
