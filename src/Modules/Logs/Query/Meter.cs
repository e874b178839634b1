namespace Domicile.Modules.Logs.Query;

/// <summary>What a running query has used, and the end of it when that is too much.</summary>
/// <param name="limits">What it may use.</param>
/// <param name="clock">What measures its time.</param>
/// <param name="cancel">When nobody waits for it any more.</param>
/// <param name="timeout">When its time is over, or nobody waits for it any more.</param>
internal sealed class Meter(LogQueryLimits limits, TimeProvider clock, CancellationToken cancel, CancellationToken timeout)
{
    private readonly long _start = clock.GetTimestamp();
    private long _held;
    private long _built;
    private long _batchStart;

    /// <summary>What it may use.</summary>
    public LogQueryLimits Limits { get; } = limits;

    /// <summary>How long it has run.</summary>
    public TimeSpan Elapsed => clock.GetElapsedTime(_start);

    /// <summary>Rows that came from tables.</summary>
    public long RowsRead { get; set; }

    /// <summary>Rows in which cells were opened.</summary>
    public long RowsOpened { get; set; }

    /// <summary>The most that it held, in bytes.</summary>
    public long Peak { get; private set; }

    /// <summary>Ends the query when its time is over or nobody waits for it any more. Called for every batch, and within what takes long over one.</summary>
    public void Check(int at)
    {
        _batchStart = _built;
        cancel.ThrowIfCancellationRequested();
        if (Elapsed > Limits.Time)
        {
            throw OutOfTime(at);
        }
    }

    /// <summary>The same for every row, where only a look at a flag is cheap enough: one batch may take long when what is asked of a row does.</summary>
    public void CheckRow(int at)
    {
        if (timeout.IsCancellationRequested)
        {
            cancel.ThrowIfCancellationRequested();
            throw OutOfTime(at);
        }
    }

    /// <summary>The fault of a query that takes too long.</summary>
    public QueryFault OutOfTime(int at) => QueryFault.Limit(LogQueryError.OutOfTime, $"The query ran for {Limits.Time.TotalSeconds:0.###} seconds, which is all that it may.", at);

    /// <summary>Counts bytes that the query holds until its end.</summary>
    public void Hold(long bytes, int at)
    {
        _held += bytes;
        Peak = Math.Max(Peak, _held);
        if (_held > Limits.StateBytes)
        {
            throw QueryFault.Limit("LIM0004", $"What this step keeps in memory takes more than {Limits.StateBytes} bytes. Read less time, or fewer groups.", at);
        }
    }

    /// <summary>Bytes of texts and JSON that the query has put together since its begin.</summary>
    public long Built => _built;

    /// <summary>Counts characters that the query puts together; within one batch they may be no more than it may hold.</summary>
    public void Build(long characters, int at)
    {
        if (characters > Limits.ValueCharacters)
        {
            throw QueryFault.Limit("LIM0006", $"A value of more than {Limits.ValueCharacters} characters comes out of this.", at);
        }

        _built += 24 + (2 * characters);
        if (_built - _batchStart > Limits.StateBytes)
        {
            throw QueryFault.Limit("LIM0004", $"What this step puts together takes more than {Limits.StateBytes} bytes.", at);
        }
    }

    /// <summary>Gives back what is held no more.</summary>
    public void Release(long bytes) => _held -= bytes;

    /// <summary>Counts rows that an operator has opened.</summary>
    public void Open(long rows, int at)
    {
        RowsOpened += rows;
        if (RowsOpened > Limits.OpenedRows)
        {
            throw QueryFault.Limit("LIM0005", $"This step needs the text of a sealed column in more than {Limits.OpenedRows} rows. Filter by other columns, or by equality, before.", at);
        }
    }

    /// <summary>What a row's cells take, about.</summary>
    public static long SizeOf(ReadOnlySpan<LogValue> row)
    {
        var size = 24L;
        foreach (var value in row)
        {
            size += SizeOf(value);
        }

        return size;
    }

    /// <summary>What a cell takes, about.</summary>
    public static long SizeOf(LogValue value) => 16 + value.Footprint;
}
