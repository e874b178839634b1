using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using Domicile.Modules.Logs.Query;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Logs;

/// <summary>The tables of one resource for one caller. Before the first protected cell is opened, that it is goes into the audit log.</summary>
internal sealed class ResourceLogs : ILogTables
{
    /// <summary>People by whose index a table is read at most; for more of them all of it is read.</summary>
    public const int PeopleMax = 32;

    private readonly Home _home;
    private readonly Dictionary<string, LogSource> _sources;
    private readonly byte[] _key;
    private readonly bool _mayOpen;
    private readonly Func<string, CancellationToken, Task> _audit;
    private readonly Dictionary<LogToken, string> _named = [];
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

    /// <summary>Rows that were read and opened, whatever became of them.</summary>
    internal long RowsRead { get; private set; }

    /// <inheritdoc/>
    public LogToken TokenOf(string identifier)
    {
        // Asked for what stands in the query; it is as many as there is room for there.
        var token = HashOf(identifier);
        _named[token] = identifier;
        return token;
    }

    /// <summary>The token of an identifier that was found in a row.</summary>
    public LogToken HashOf(string identifier)
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
        var people = await PeopleOf(scan, cancel);
        for (LogKey? after = null; people is not { Count: 0 };)
        {
            var page = await source.Read(new LogPageRequest(_home, scan.Range, scan.Columns, after, HashOf) { People = people }, cancel);
            RowsRead += page.RowsRead;
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

    /// <summary>
    /// The people whose rows are all that the query looks at, when its conditions say so: then others' are not read. Null when they do not. A person who is not known here, or was
    /// erased, has no rows that such a condition meets.
    /// </summary>
    private async ValueTask<IReadOnlyCollection<SubjectRef>?> PeopleOf(LogScan scan, CancellationToken cancel)
    {
        var named = scan.Conditions.Where(condition => condition.Column.Protection == LogProtection.Person && condition.AnyOf.Count == 0).MinBy(condition => condition.AnyToken.Count);
        if (named is null || named.AnyToken.Count > PeopleMax)
        {
            return null;
        }

        var people = new HashSet<SubjectRef>();
        foreach (var token in named.AnyToken)
        {
            if (!_named.TryGetValue(token, out var identifier))
            {
                return null;
            }

            if (await _home.FindSubject(new Identifier(Identifier.CommunicationUser, identifier), cancel) is { } person)
            {
                people.Add(person);
            }
        }

        return people;
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
