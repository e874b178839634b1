using System.Globalization;
using System.Security.Cryptography;
using Domicile.Residency;
using Domicile.Storage.Blobs;
using Domicile.Storage.Engine;
using Domicile.Storage.Sqlite;
using Microsoft.Data.Sqlite;

namespace Domicile.Storage;

/// <summary>
/// Backup and restore of scale units on SQLite. Records, with the sealed files that they own, and keys go to different targets, because keys live shorter in backups; root keys and the erasure
/// ledger go to neither. A backup is taken while the server runs; a restore needs it stopped.
/// </summary>
public static class StoreBackup
{
    private const string Unfinished = ".unfinished";
    private const string Incoming = ".incoming";
    private const string Replaced = ".replaced";

    /// <summary>Takes a backup: each database as it is at one moment, without free pages, checked and described by a manifest.</summary>
    /// <param name="units">The scale units.</param>
    /// <param name="to">The directory below which the records' backup gets a directory named after the time.</param>
    /// <param name="keysTo">The same for the keys; null for none.</param>
    /// <param name="catalogue">The kinds that this program keeps: it tells which records own files.</param>
    /// <param name="clock">The time, by the clock that the server goes by.</param>
    /// <param name="cancel">Gives up; what is unfinished is removed.</param>
    /// <returns>The directories that were made, with their manifests.</returns>
    /// <exception cref="InvalidDataException">A database is damaged.</exception>
    /// <exception cref="IOException">A target cannot be written, or has a backup of this second already.</exception>
    public static IReadOnlyList<(string Directory, BackupManifest Manifest)> Take(
        IReadOnlyList<ScaleUnitOptions> units, string to, string? keysTo, Catalogue catalogue, TimeProvider clock, CancellationToken cancel)
    {
        // Records first: a key is made before the record that needs it, so the keys that follow have all that the records need.
        var now = clock.GetUtcNow();
        var taken = new List<(string, BackupManifest)> { TakeAll(units, "data", to, now, (unit, source, copy) => CopyWithBlobs(unit, source, copy, catalogue, clock, cancel), cancel) };
        if (keysTo is not null)
        {
            taken.Add(TakeAll(units, "keys", keysTo, now, (_, source, copy) => CopyAlone(source, copy), cancel));
        }

        return taken;
    }

    /// <summary>
    /// Puts databases back. Everything is checked, copied beside the place where it belongs and checked again before anything is changed. Afterwards readers
    /// of the feed begin anew, and the next start replays the erasure ledger before it serves.
    /// </summary>
    /// <param name="units">The scale units to restore; those of which the backup has nothing stay as they are.</param>
    /// <param name="from">A directory that <see cref="Take"/> made for records, or null.</param>
    /// <param name="keysFrom">The same for keys, or null.</param>
    /// <param name="catalogue">The kinds that this program keeps.</param>
    /// <param name="withoutLedger">Goes on although an erasure ledger is missing: nobody was erased since the backup.</param>
    /// <param name="cancel">Gives up, before anything is changed.</param>
    /// <returns>The databases that were put back.</returns>
    /// <exception cref="InvalidDataException">The backup is damaged or does not fit; nothing was changed.</exception>
    /// <exception cref="DirectoryInUseException">A server runs; nothing was changed.</exception>
    public static IReadOnlyList<string> Restore(IReadOnlyList<ScaleUnitOptions> units, string? from, string? keysFrom, Catalogue catalogue, bool withoutLedger, CancellationToken cancel)
    {
        var parts = Parts(units, from, "data").Concat(Parts(units, keysFrom, "keys")).ToList();
        var locks = new List<FileStream>();
        try
        {
            foreach (var unit in parts.Select(part => part.Unit).Distinct())
            {
                SecretFile.CreateDirectory(unit.Directory);
                locks.Add(ScaleUnit.TakeLock(unit.Directory));
                Fits(unit, parts, withoutLedger);
            }

            foreach (var part in parts)
            {
                Bring(part, catalogue, cancel);
            }

            // All of them are checked before the first is put in its place. Until the database names them they are strangers there, and a restore that ends here leaves them
            // to the collector.
            var blobs = parts.Where(part => part.Blobs is not null).Select(part => (Part: part, Files: BlobBackup.Check(part.Backup, part.Blobs!, cancel))).ToList();
            foreach (var (part, files) in blobs)
            {
                BlobBackup.Bring(part.Backup, ScaleUnit.BlobsOf(part.Unit), files, cancel);
            }

            cancel.ThrowIfCancellationRequested();
            foreach (var part in parts)
            {
                Exchange(part.Place);
            }

            return [.. parts.Select(part => part.Place)];
        }
        finally
        {
            foreach (var part in parts)
            {
                File.Delete(part.Place + Incoming);
            }

            locks.ForEach(held => held.Dispose());
        }
    }

    private static (string Directory, BackupManifest Manifest) TakeAll(
        IReadOnlyList<ScaleUnitOptions> units, string which, string to, DateTimeOffset now, Func<ScaleUnitOptions, string, string, BackupBlobs?> copyOne, CancellationToken cancel)
    {
        var directory = Path.Combine(to, now.UtcDateTime.ToString("yyyyMMddTHHmmssZ", CultureInfo.InvariantCulture));
        var unfinished = directory + Unfinished;
        if (Path.Exists(directory) || Path.Exists(unfinished))
        {
            throw new IOException($"There is a backup {directory} already, or one is being made.");
        }

        SecretFile.CreateDirectory(unfinished);
        try
        {
            var (files, blobs) = (new List<BackupFile>(), new List<BackupBlobs>());
            foreach (var unit in units)
            {
                cancel.ThrowIfCancellationRequested();
                var (source, path) = (Path.Combine(unit.Directory, $"{which}.db"), Path.Combine(unit.Name, $"{which}.db"));
                var copy = Path.Combine(unfinished, path);
                SecretFile.CreateDirectory(Path.GetDirectoryName(copy)!);
                if (copyOne(unit, source, copy) is { } with)
                {
                    blobs.Add(with);
                }

                files.Add(new BackupFile(unit.Name, unit.Geography.Name, path, new FileInfo(copy).Length, Digest(copy)));
            }

            var manifest = new BackupManifest(BackupManifest.CurrentFormat, which, now, files, blobs.Count > 0 ? blobs : null);
            manifest.Write(unfinished);
            Directory.Move(unfinished, directory);
            return (directory, manifest);
        }
        catch
        {
            Directory.Delete(unfinished, recursive: true);
            throw;
        }
    }

    /// <summary>Copies a database, and the sealed files that its rows name at that moment.</summary>
    private static BackupBlobs CopyWithBlobs(ScaleUnitOptions unit, string source, string copy, Catalogue catalogue, TimeProvider clock, CancellationToken cancel)
    {
        var directory = ScaleUnit.BlobsOf(unit);
        var blobs = new BlobBackup(directory, Path.GetDirectoryName(copy)!);
        blobs.CopyAll(cancel);
        using (BlobHold.Take(directory, clock))
        {
            Copy(source, copy);
            blobs.CopyNamed(copy, catalogue, cancel);
        }

        return blobs.Complete(unit.Name, copy, catalogue);
    }

    private static BackupBlobs? CopyAlone(string source, string copy)
    {
        Copy(source, copy);
        return null;
    }

    /// <summary>
    /// Copies a database as it is at one moment, beside whoever writes to it. What was deleted but still lies in free pages does not come along.
    /// </summary>
    private static void Copy(string source, string copy)
    {
        if (!File.Exists(source))
        {
            throw new InvalidDataException($"There is no database {source}.");
        }

        // SQLite fills an empty file, which has our permissions.
        SecretFile.Open(copy, FileMode.CreateNew, FileAccess.Write, FileShare.None).Dispose();
        try
        {
            using (var reader = SqliteSession.OpenForBackup(source))
            {
                reader.Prepare("VACUUM INTO ?1").Bind(1, copy).Run();
            }

            CheckIntegrity(copy);
            using var flushed = new FileStream(copy, FileMode.Open, FileAccess.ReadWrite);
            flushed.Flush(flushToDisk: true);
        }
        catch (SqliteFault fault)
        {
            throw new InvalidDataException($"The database {source} cannot be backed up ({fault.Message}).", fault);
        }
    }

    private static void CheckIntegrity(string path)
    {
        try
        {
            using var session = SqliteSession.Open(path, readOnly: true);
            using var check = new SqliteStatement(session.Connection.Handle!, "PRAGMA integrity_check(1)");
            if (!check.Step() || check.Text(0) != "ok")
            {
                throw new InvalidDataException($"The database {path} is damaged.");
            }
        }
        catch (Exception damaged) when (damaged is SqliteFault or SqliteException)
        {
            throw new InvalidDataException($"The database {path} is damaged ({damaged.Message}).", damaged);
        }
    }

    private static string Digest(string path)
    {
        using var file = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }

    private static IEnumerable<Part> Parts(IReadOnlyList<ScaleUnitOptions> units, string? from, string which)
    {
        if (from is null)
        {
            yield break;
        }

        var manifest = BackupManifest.Read(from, which);
        var found = 0;
        foreach (var unit in units)
        {
            if (manifest.Files.FirstOrDefault(file => file.Store == unit.Name) is not { } file)
            {
                continue;
            }

            // The path is ours to know: a manifest does not lead elsewhere.
            var source = Path.Combine(from, unit.Name, $"{which}.db");
            if (file.Geography != unit.Geography.Name)
            {
                throw new InvalidDataException($"{source} is of {file.Geography}, and the store {unit.Name} of {unit.Geography}; data never moves between geographies.");
            }

            found++;
            yield return new Part(unit, which, source, Path.Combine(unit.Directory, $"{which}.db"), file, manifest.Blobs?.FirstOrDefault(blobs => blobs.Store == unit.Name));
        }

        if (found == 0)
        {
            throw new InvalidDataException($"{from} has nothing of the stores {string.Join(", ", units.Select(unit => unit.Name))}.");
        }
    }

    private static void Fits(ScaleUnitOptions unit, List<Part> parts, bool withoutLedger)
    {
        foreach (var (which, option) in (ReadOnlySpan<(string, string)>)[("data", "--from"), ("keys", "--keys-from")])
        {
            if (!File.Exists(Path.Combine(unit.Directory, $"{which}.db")) && !parts.Any(part => part.Unit == unit && part.Which == which))
            {
                throw new InvalidDataException($"The store {unit.Name} has no {which}.db, so it has to be restored too ({option}): neither is of use without the other.");
            }
        }

        if (!File.Exists(ScaleUnit.RootKeyOf(unit)))
        {
            throw new InvalidDataException($"There is no root key file {ScaleUnit.RootKeyOf(unit)}. Put it back from where it is kept; without it nothing opens.");
        }

        if (!withoutLedger && !File.Exists(ScaleUnit.LedgerOf(unit)))
        {
            throw new InvalidDataException($"There is no erasure ledger {ScaleUnit.LedgerOf(unit)}. Put it back from where it is kept, or everyone who was erased since the backup is back; if nobody was, say --without-ledger.");
        }
    }

    /// <summary>Copies a database beside its place, and checks it there.</summary>
    private static void Bring(Part part, Catalogue catalogue, CancellationToken cancel)
    {
        var incoming = part.Place + Incoming;
        if (!File.Exists(part.Source))
        {
            throw new InvalidDataException($"The backup lacks {part.Source}.");
        }

        File.Delete(incoming);
        using (var source = File.OpenRead(part.Source))
        using (var target = SecretFile.Open(incoming, FileMode.CreateNew, FileAccess.Write, FileShare.None))
        {
            source.CopyTo(target);
            target.Flush(flushToDisk: true);
        }

        cancel.ThrowIfCancellationRequested();
        if (new FileInfo(incoming).Length != part.File.Bytes || Digest(incoming) != part.File.Sha256)
        {
            throw new InvalidDataException($"{part.Source} is not what the manifest says: it is damaged or was changed.");
        }

        CheckIntegrity(incoming);
        try
        {
            using var session = SqliteSession.Open(incoming, readOnly: true);
            if (part.Which == "data")
            {
                SqliteSchema.Pending(session, catalogue, part.Unit.Geography);
                session.Execute("PRAGMA query_only=0");
                SqliteSchema.BeginEpoch(session);
            }
            else
            {
                using var provider = FileKeyProvider.Open(ScaleUnit.RootKeyOf(part.Unit), part.Unit.Geography, TimeProvider.System);
                SqliteKeyStore.Pending(session, part.Unit.Geography, provider);
            }
        }
        catch (SchemaMismatchException refused)
        {
            throw new InvalidDataException(refused.Message.Replace(incoming, part.Source, StringComparison.Ordinal), refused);
        }
    }

    /// <summary>
    /// The old database steps aside before its log goes: were both there and the power went, the old log would be taken for the new database's. Without a
    /// database a start is refused, and the restore is begun again.
    /// </summary>
    private static void Exchange(string place)
    {
        if (File.Exists(place))
        {
            File.Move(place, place + Replaced, overwrite: true);
        }

        SecretFile.FlushDirectoryOf(place);
        File.Delete(place + "-wal");
        File.Delete(place + "-shm");
        SecretFile.FlushDirectoryOf(place);
        File.Move(place + Incoming, place);
        SecretFile.FlushDirectoryOf(place);
        File.Delete(place + Replaced);
    }

    private sealed record Part(ScaleUnitOptions Unit, string Which, string Source, string Place, BackupFile File, BackupBlobs? Blobs)
    {
        /// <summary>The store's directory in the backup.</summary>
        public string Backup => Path.GetDirectoryName(Source)!;
    }
}
