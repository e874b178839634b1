using System.Globalization;
using System.Security.Cryptography;
using Domicile.Residency;
using Domicile.Storage.Sqlite;

namespace Domicile.Storage.Blobs;

/// <summary>
/// The sealed files in a backup of a scale unit's records: exactly those that the rows of the copied database name, and a list of them with length and digest.
/// Files never change and go only after their rows went, so those that lie there before the database is copied, and those that came until it was, are all that it names;
/// from just before the database is copied a <see cref="BlobHold"/> keeps the latter.
/// </summary>
internal sealed class BlobBackup
{
    /// <summary>The list's name, beside the database.</summary>
    public const string ListName = "blobs.list";

    private const string DirectoryName = "blobs";

    /// <summary>A line of the list: name, length, digest.</summary>
    private const int LineParts = 3;

    private readonly string _from;
    private readonly string _to;
    private readonly Dictionary<Guid, (long Bytes, string Sha256)> _copied = [];

    /// <summary>Begins to copy from the directory of a scale unit into that of a backup.</summary>
    /// <param name="from">The directory of sealed files.</param>
    /// <param name="backup">The store's directory in the backup.</param>
    public BlobBackup(string from, string backup)
    {
        _from = from;
        _to = Path.Combine(backup, DirectoryName);
    }

    /// <summary>Copies what lies there now, before the database is copied.</summary>
    public void CopyAll(CancellationToken cancel)
    {
        foreach (var id in DirectoryBlobs.FilesIn(_from).Select(DirectoryBlobs.IdOf).OfType<Guid>())
        {
            cancel.ThrowIfCancellationRequested();
            Copy(id);
        }
    }

    /// <summary>Copies what a copied database names beyond that. What is not there was lost before.</summary>
    public void CopyNamed(string database, Catalogue catalogue, CancellationToken cancel)
    {
        foreach (var id in Named(database, catalogue).Where(id => !_copied.ContainsKey(id)))
        {
            cancel.ThrowIfCancellationRequested();
            Copy(id);
        }
    }

    /// <summary>Removes what the database does not name, and writes the list.</summary>
    public BackupBlobs Complete(string store, string database, Catalogue catalogue)
    {
        var named = Named(database, catalogue);
        foreach (var id in _copied.Keys.Where(id => !named.Contains(id)).ToList())
        {
            File.Delete(DirectoryBlobs.PathOf(_to, id));
            _copied.Remove(id);
        }

        var list = Path.Combine(Path.GetDirectoryName(_to)!, ListName);
        using (var lines = new StreamWriter(SecretFile.Open(list, FileMode.CreateNew, FileAccess.Write, FileShare.None)))
        {
            foreach (var (id, (bytes, sha256)) in _copied.OrderBy(copied => copied.Key))
            {
                lines.Write(string.Create(CultureInfo.InvariantCulture, $"{id:N} {bytes} {sha256}\n"));
            }

            lines.Flush();
            ((FileStream)lines.BaseStream).Flush(flushToDisk: true);
        }

        return new BackupBlobs(store, _copied.Count, _copied.Values.Sum(copied => copied.Bytes), named.Count - _copied.Count, DigestOf(list));
    }

    /// <summary>Checks the files of a backup: each is there, and is what the list says.</summary>
    /// <returns>Their names.</returns>
    /// <exception cref="InvalidDataException">One is missing or damaged, or the list is.</exception>
    public static IReadOnlyList<(Guid Id, string Sha256)> Check(string backup, BackupBlobs expected, CancellationToken cancel)
    {
        var list = Path.Combine(backup, ListName);
        if (!File.Exists(list) || DigestOf(list) != expected.Sha256)
        {
            throw new InvalidDataException($"{list} is missing, or is not what the manifest says: it is damaged or was changed.");
        }

        var found = new List<(Guid, string)>();
        foreach (var line in File.ReadLines(list))
        {
            cancel.ThrowIfCancellationRequested();
            if (line.Split(' ') is not { Length: LineParts } parts || !Guid.TryParseExact(parts[0], "N", out var id))
            {
                throw new InvalidDataException($"{list} is damaged.");
            }

            var file = new FileInfo(DirectoryBlobs.PathOf(Path.Combine(backup, DirectoryName), id));
            if (!file.Exists || file.Length.ToString(CultureInfo.InvariantCulture) != parts[1] || DigestOf(file.FullName) != parts[2])
            {
                throw new InvalidDataException($"{file.FullName} is missing, or is not what {ListName} says: it is damaged or was changed.");
            }

            found.Add((id, parts[2]));
        }

        return found;
    }

    /// <summary>
    /// Puts checked files where they belong. What lies there whole already stays; what lies there besides stays too, and goes with the next collection when no row names it.
    /// </summary>
    public static void Bring(string backup, string place, IReadOnlyList<(Guid Id, string Sha256)> files, CancellationToken cancel)
    {
        if (files.Count == 0)
        {
            return;
        }

        SecretFile.CreateDirectory(place);
        foreach (var folder in files.GroupBy(file => Path.GetDirectoryName(DirectoryBlobs.PathOf(place, file.Id))!))
        {
            SecretFile.CreateDirectory(folder.Key);
            foreach (var (id, sha256) in folder)
            {
                cancel.ThrowIfCancellationRequested();
                var path = DirectoryBlobs.PathOf(place, id);
                if (File.Exists(path) && DigestOf(path) == sha256)
                {
                    continue;
                }

                File.Delete(path + DirectoryBlobs.DraftSuffix);
                using (var source = File.OpenRead(DirectoryBlobs.PathOf(Path.Combine(backup, DirectoryName), id)))
                using (var target = SecretFile.Open(path + DirectoryBlobs.DraftSuffix, FileMode.CreateNew, FileAccess.Write, FileShare.None))
                {
                    source.CopyTo(target);
                    target.Flush(flushToDisk: true);
                }

                File.Move(path + DirectoryBlobs.DraftSuffix, path, overwrite: true);
            }

            SecretFile.FlushDirectory(folder.Key);
        }

        SecretFile.FlushDirectory(place);
        SecretFile.FlushDirectoryOf(place);
    }

    private static string DigestOf(string path)
    {
        using var file = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }

    private static HashSet<Guid> Named(string database, Catalogue catalogue)
    {
        var named = new HashSet<Guid>();
        using var session = SqliteSession.Open(database, readOnly: true);
        foreach (var kind in catalogue.Kinds.Where(kind => kind.BlobColumn >= 0))
        {
            // A database that waits for its migration has not every kind yet.
            var column = kind.Columns[kind.BlobColumn].Name;
            if (session.Number($"SELECT count(*) FROM pragma_table_info('{kind.Table}') WHERE name = '{column}'") == 0)
            {
                continue;
            }

            using var rows = new SqliteStatement(session.Connection.Handle!, $"SELECT {column} FROM {kind.Table} WHERE {column} IS NOT NULL");
            while (rows.Step())
            {
                if (rows.Bytes(0) is { Length: 16 } id)
                {
                    named.Add(new Guid(id, bigEndian: true));
                }
            }
        }

        return named;
    }

    /// <returns>False when it is not there, or is being removed: its header goes first.</returns>
    private bool Copy(Guid id)
    {
        var (path, buffer) = (DirectoryBlobs.PathOf(_to, id), new byte[BlobSeal.SealedChunkBytes]);
        try
        {
            using var source = new FileStream(DirectoryBlobs.PathOf(_from, id), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
            var read = source.ReadAtLeast(buffer, BlobSeal.HeaderBytes, throwOnEndOfStream: false);
            if (buffer.AsSpan(0, Math.Min(read, BlobSeal.HeaderBytes)).IndexOfAnyExcept((byte)0) < 0)
            {
                return false;
            }

            SecretFile.CreateDirectory(Path.GetDirectoryName(path)!);
            using var target = SecretFile.Open(path, FileMode.CreateNew, FileAccess.Write, FileShare.None);
            using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            long bytes = 0;
            for (; read > 0; read = source.Read(buffer))
            {
                digest.AppendData(buffer, 0, read);
                target.Write(buffer, 0, read);
                bytes += read;
            }

            target.Flush(flushToDisk: true);
            _copied.Add(id, (bytes, Convert.ToHexStringLower(digest.GetHashAndReset())));
            return true;
        }
        catch (Exception gone) when (gone is FileNotFoundException or DirectoryNotFoundException)
        {
            return false;
        }
    }
}
