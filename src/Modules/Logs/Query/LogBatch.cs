namespace Domicile.Modules.Logs.Query;

/// <summary>Some rows, cell beside cell.</summary>
/// <param name="width">Cells in a row.</param>
/// <param name="capacity">Rows that it has room for at first.</param>
internal sealed class LogBatch(int width, int capacity = 256)
{
    /// <summary>How many rows a batch usually has: enough to hide what a batch costs, few enough to stay in a cache.</summary>
    public const int UsualRows = 1024;

    private LogValue[] _cells = new LogValue[Math.Max(width, 1) * Math.Max(capacity, 1)];

    /// <summary>Cells in a row.</summary>
    public int Width { get; } = width;

    /// <summary>Rows so far.</summary>
    public int Count { get; private set; }

    /// <summary>One row's cells.</summary>
    public Span<LogValue> this[int row] => _cells.AsSpan(row * Width, Width);

    /// <summary>Adds a row and gives its cells, all null, to be filled in.</summary>
    public Span<LogValue> Add()
    {
        var at = Count * Width;
        if (at + Width > _cells.Length)
        {
            Array.Resize(ref _cells, Math.Max(_cells.Length * 2, at + Width));
        }

        Count++;
        return _cells.AsSpan(at, Width);
    }

    /// <summary>Takes the last row away again.</summary>
    public void RemoveLast()
    {
        Count--;
        _cells.AsSpan(Count * Width, Width).Clear();
    }

    /// <summary>Keeps the rows for which the condition is true, in their order.</summary>
    public void Keep(Scalar condition, Meter meter, int at)
    {
        var kept = 0;
        for (var row = 0; row < Count; row++)
        {
            meter.CheckRow(at);
            if (condition.Eval(this[row]).Bool)
            {
                if (kept != row)
                {
                    this[row].CopyTo(this[kept]);
                }

                kept++;
            }
        }

        Truncate(kept);
    }

    /// <summary>Keeps the first rows.</summary>
    public void Truncate(int rows)
    {
        if (rows < Count)
        {
            _cells.AsSpan(rows * Width, (Count - rows) * Width).Clear();
            Count = rows;
        }
    }
}
