namespace Domicile.Modules.Logs.Query;

/// <summary>What a query needs of one table. What is read may be more than the conditions ask for, never less: the query applies them again.</summary>
/// <param name="Table">The table.</param>
/// <param name="Range">Which rows, by <see cref="LogTable.Time"/>.</param>
/// <param name="Conditions">All of them hold for every row that the query looks at.</param>
/// <param name="Columns">
/// The columns that the query uses, in the order in which a <see cref="LogBatch"/> has them; maybe none. Cells of protected ones are given as <see cref="LogSealed"/>,
/// or as the empty text where there is none.
/// </param>
/// <param name="AtMost">Rows after which the query stops reading; null when it reads all. A hint.</param>
internal sealed record LogScan(
    LogTable Table, LogTimeRange Range, IReadOnlyList<LogCondition> Conditions, IReadOnlyList<LogColumn> Columns, long? AtMost);

/// <summary>That a column has one of these values.</summary>
/// <param name="Column">An unprotected column, or one of <see cref="LogProtection.Person"/>.</param>
/// <param name="AnyOf">Values of the column's type; empty for a person's column, unless the empty text is one of them.</param>
/// <param name="AnyToken">For a person's column, the tokens; else empty.</param>
internal sealed record LogCondition(LogColumn Column, IReadOnlyList<LogValue> AnyOf, IReadOnlyList<LogToken> AnyToken);

/// <summary>A range of instants.</summary>
/// <param name="From">The first, in UTC.</param>
/// <param name="Before">The first that is not in it any more, in UTC.</param>
internal readonly record struct LogTimeRange(DateTime From, DateTime Before)
{
    /// <summary>All that there is.</summary>
    public static LogTimeRange All { get; } = new(DateTime.SpecifyKind(DateTime.MinValue, DateTimeKind.Utc), DateTime.SpecifyKind(DateTime.MaxValue, DateTimeKind.Utc));

    /// <summary>Nothing is in it.</summary>
    public bool IsEmpty => From >= Before;

    /// <summary>What is in both.</summary>
    public LogTimeRange And(LogTimeRange other) => new(From > other.From ? From : other.From, Before < other.Before ? Before : other.Before);

    /// <summary>Whether the instant is in it.</summary>
    public bool Has(DateTime instant) => instant >= From && instant < Before;
}
