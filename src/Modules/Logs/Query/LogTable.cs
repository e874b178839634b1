namespace Domicile.Modules.Logs.Query;

/// <summary>How a column's text rests, and so what a query may do with it.</summary>
internal enum LogProtection
{
    /// <summary>Nothing about a person: every operator.</summary>
    None,

    /// <summary>
    /// Identifies a person: sealed, with a <see cref="LogToken"/> beside it. Equality, <c>in</c>, <c>distinct</c>, <c>join</c>, <c>dcount</c>, group-by and the question
    /// whether it is empty run on the token; everything else opens it first.
    /// </summary>
    Person,

    /// <summary>Sealed without a token, such as an address: every operator opens it first.</summary>
    Sealed,
}

/// <summary>A column of a table.</summary>
/// <param name="Name">As queries write it; case matters.</param>
/// <param name="Type">What its cells are. A protected column is <see cref="LogType.String"/>.</param>
/// <param name="Protection">How it rests.</param>
internal sealed record LogColumn(string Name, LogType Type, LogProtection Protection = LogProtection.None);

/// <summary>A table that queries can name.</summary>
/// <param name="Name">As queries write it; case matters.</param>
/// <param name="Columns">In the order in which results show them. One is <see cref="Time"/>.</param>
internal sealed record LogTable(string Name, IReadOnlyList<LogColumn> Columns)
{
    /// <summary>The column by which ranges of time are read; a <see cref="LogType.DateTime"/>.</summary>
    public const string Time = "TimeGenerated";
}
