using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using Domicile.Modules.Logs.Query;
using Domicile.Storage;

namespace Domicile.Modules.Logs;

/// <summary>The tables of one resource for one caller. Before the first protected cell is opened, that it is goes into the audit log.</summary>
internal sealed class ResourceLogs : ILogTables
{
    private readonly Home _home;
    private readonly Dictionary<string, LogSource> _sources;
    private readonly byte[] _key;
    private readonly bool _mayOpen;
    private readonly Func<string, CancellationToken, Task> _audit;
    private readonly SortedSet<string> _asked = new(StringComparer.Ordinal);
    private bool _isAudited;

    private ResourceLogs(Home home, IEnumerable<LogSource> sources, byte[] key, bool mayOpen, Func<string, CancellationToken, Task> audit)
    {
        _home = home;
        _sources = sources.ToDictionary(source => source.TableName, StringComparer.Ordinal);
        _key = key;
        _mayOpen = mayOpen;
        _audit = audit;
    }

    /// <summary>Opens the tables.</summary>
    /// <param name="home">The resource.</param>
    /// <param name="sources">The tables that there are.</param>
    /// <param name="mayOpen">Whether the caller may have protected cells opened.</param>
    /// <param name="audit">Writes down, durably, which columns are opened.</param>
    /// <param name="cancel">Gives up.</param>
    public static async ValueTask<ResourceLogs> Open(Home home, IEnumerable<LogSource> sources, bool mayOpen, Func<string, CancellationToken, Task> audit, CancellationToken cancel) =>
        new(home, sources, HMACSHA256.HashData(await home.Secret("log tokens", cancel), home.ResourceId.ToByteArray(bigEndian: true)), mayOpen, audit);

    /// <summary>The table's source; null when there is none.</summary>
    public LogSource? SourceOf(string name) => _sources.GetValueOrDefault(name);

    /// <inheritdoc/>
    public LogTable? Find(string name) => SourceOf(name)?.Table;

    /// <inheritdoc/>
    public LogToken TokenOf(string identifier)
    {
        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes(identifier), hash);
        return new LogToken(BinaryPrimitives.ReadUInt128BigEndian(hash));
    }

    /// <inheritdoc/>
    public bool MayOpen(LogTable table, LogColumn column)
    {
        if (_mayOpen)
        {
            _asked.Add($"{table.Name}.{column.Name}");
        }

        return _mayOpen;
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<LogBatch> Read(LogScan scan, [EnumeratorCancellation] CancellationToken cancel)
    {
        var source = _sources[scan.Table.Name];
        for (LogKey? after = null; ;)
        {
            var page = await source.Read(new LogPageRequest(_home, scan.Range, scan.Columns, after, TokenOf), cancel);
            if (page.Rows.Count > 0)
            {
                yield return page.Rows;
            }

            if (page.Next is not { } next)
            {
                yield break;
            }

            after = next;
        }
    }

    /// <inheritdoc/>
    public async ValueTask Open(IReadOnlyList<LogSealed> cells, CancellationToken cancel)
    {
        if (cells.Count == 0)
        {
            return;
        }

        await Audit(cancel);
        foreach (var cell in cells)
        {
            ((SealedCell)cell).Open();
        }
    }

    private async ValueTask Audit(CancellationToken cancel)
    {
        if (!_mayOpen)
        {
            throw new InvalidOperationException("A cell is to be opened for somebody who may not.");
        }

        if (!_isAudited)
        {
            await _audit(string.Join(", ", _asked), cancel);
            _isAudited = true;
        }
    }
}
