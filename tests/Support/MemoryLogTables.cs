using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using Domicile.Modules.Logs.Query;

namespace Domicile.Tests.Support;

/// <summary>Tables of log rows in memory, with protected columns that rest as tokens and open on demand, as those of a resource do.</summary>
internal sealed class MemoryLogTables : ILogTables
{
    private readonly Dictionary<string, (LogTable Table, List<object?[]> Rows)> _tables = [];

    /// <summary>What was asked of them.</summary>
    public List<LogScan> Scans { get; } = [];

    /// <summary>How many cells were opened.</summary>
    public int Opened { get; private set; }

    /// <summary>Columns that the caller may not have opened.</summary>
    public HashSet<string> Closed { get; } = [];

    /// <summary>Identifiers whose key is gone.</summary>
    public HashSet<string> Erased { get; } = [];

    /// <summary>Whether conditions are ignored: storage may give more than was asked for.</summary>
    public bool IsCoarse { get; set; }

    /// <summary>What a read waits for; null for nothing.</summary>
    public Func<CancellationToken, Task>? Waits { get; set; }

    /// <summary>Adds a table. A row's values are plain .NET values; of protected columns, the texts.</summary>
    public MemoryLogTables Add(LogTable table, IEnumerable<object?[]> rows)
    {
        _tables[table.Name] = (table, [.. rows]);
        return this;
    }

    public LogTable? Find(string name) => _tables.TryGetValue(name, out var found) ? found.Table : null;

    public LogToken TokenOf(string identifier) => new(BitConverter.ToUInt128(SHA256.HashData(Encoding.UTF8.GetBytes(identifier)).AsSpan(0, 16)));

    public bool MayOpen(LogTable table, LogColumn column) => !Closed.Contains(column.Name);

    public async IAsyncEnumerable<LogBatch> Read(LogScan scan, [EnumeratorCancellation] CancellationToken cancel)
    {
        Scans.Add(scan);
        if (Waits is not null)
        {
            await Waits(cancel);
        }

        var (table, rows) = _tables[scan.Table.Name];
        int[] places = [.. scan.Columns.Select(column => Place(table, column))];
        var time = table.Columns.ToList().FindIndex(column => column.Name == LogTable.Time);
        var batch = new LogBatch(scan.Columns.Count);
        foreach (var row in rows)
        {
            if (!IsCoarse && ((time >= 0 && !scan.Range.Has((DateTime)row[time]!)) || !scan.Conditions.All(condition => Meets(condition, row[Place(table, condition.Column)]))))
            {
                continue;
            }

            var cells = batch.Add();
            for (var at = 0; at < places.Length; at++)
            {
                cells[at] = ValueOf(scan.Columns[at], row[places[at]]);
            }

            if (batch.Count == 100)
            {
                yield return batch;
                batch = new LogBatch(scan.Columns.Count);
            }
        }

        yield return batch;
    }

    public ValueTask Open(IReadOnlyList<LogSealed> cells, CancellationToken cancel)
    {
        foreach (var cell in cells)
        {
            Opened++;
            var text = ((Cell)cell).Hidden;
            cell.Text = Erased.Contains(text) ? null : text;
        }

        return ValueTask.CompletedTask;
    }

    public static LogValue ValueOf(LogType type, object? value) => value switch
    {
        null => LogValue.Null,
        string text when type == LogType.Dynamic => LogValue.Of(LogDynamic.Parse(text)),
        string text => LogValue.Of(text),
        int number => LogValue.Of((long)number),
        long number => LogValue.Of(number),
        double number => LogValue.Of(number),
        bool truth => LogValue.Of(truth),
        DateTime instant => LogValue.Of(instant),
        TimeSpan duration => LogValue.Of(duration),
        Guid guid => LogValue.Of(guid),
        _ => throw new ArgumentException($"{value.GetType()} is no value of a log."),
    };

    private LogValue ValueOf(LogColumn column, object? value) =>
        column.Protection == LogProtection.None || value is not string { Length: > 0 } text
            ? ValueOf(column.Type, value)
            : LogValue.Of(new Cell(column.Protection == LogProtection.Person ? TokenOf(text) : default, text));

    private bool Meets(LogCondition condition, object? value) =>
        condition.AnyOf.Contains(ValueOf(condition.Column.Type, value ?? (condition.Column.Type == LogType.String ? "" : null))) || (value is string text && condition.AnyToken.Contains(TokenOf(text)));

    private static int Place(LogTable table, LogColumn column) => table.Columns.ToList().FindIndex(each => each.Name == column.Name);

    private sealed class Cell(LogToken token, string hidden) : LogSealed(token)
    {
        public string Hidden => hidden;
    }
}
