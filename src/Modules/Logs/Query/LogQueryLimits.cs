namespace Domicile.Modules.Logs.Query;

/// <summary>How much a query may use. What meets a limit ends with an error that says which and where; only too many rows of a result give those that there was room for.</summary>
internal sealed record LogQueryLimits
{
    /// <summary>What a query may use when nobody says otherwise.</summary>
    public static LogQueryLimits Default { get; } = new();

    /// <summary>Characters of a query's text.</summary>
    /// <value>65,536.</value>
    public int TextCharacters { get; init; } = 64 * 1024;

    /// <summary>How deeply parentheses, calls, operators such as + and subqueries may nest.</summary>
    /// <value>128.</value>
    public int Nesting { get; init; } = 128;

    /// <summary>Steps such as <c>where</c> and <c>summarize</c>, once <c>let</c> names are replaced by what they stand for.</summary>
    /// <value>200.</value>
    public int Operators { get; init; } = 200;

    /// <summary>Names, literals and calls in a query, once its <c>let</c> names are replaced by what they stand for.</summary>
    /// <value>10,000.</value>
    public int Nodes { get; init; } = 10_000;

    /// <summary>How long a query may run.</summary>
    /// <value>3 minutes.</value>
    public TimeSpan Time { get; init; } = TimeSpan.FromMinutes(3);

    /// <summary>Rows of a result; the rest is left out, and the result says so.</summary>
    /// <value>500,000.</value>
    public int ResultRows { get; init; } = 500_000;

    /// <summary>Bytes of a result, about; the rest is left out, and the result says so.</summary>
    /// <value>64 MiB.</value>
    public long ResultBytes { get; init; } = 64L << 20;

    /// <summary>Bytes, about, that groups, sorted rows, joined tables and sets may take together.</summary>
    /// <value>128 MiB.</value>
    public long StateBytes { get; init; } = 128L << 20;

    /// <summary>Characters of one text that a query puts together.</summary>
    /// <value>1,048,576.</value>
    public int ValueCharacters { get; init; } = 1 << 20;

    /// <summary>Rows in which an operator may need the text of protected columns.</summary>
    /// <value>100,000.</value>
    public long OpenedRows { get; init; } = 100_000;

    /// <summary>Characters of a regular expression.</summary>
    /// <value>1,000.</value>
    public int RegexCharacters { get; init; } = 1_000;

    /// <summary>How long a regular expression may take over one text.</summary>
    /// <value>250 ms.</value>
    public TimeSpan RegexTime { get; init; } = TimeSpan.FromMilliseconds(250);
}
