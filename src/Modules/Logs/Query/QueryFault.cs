namespace Domicile.Modules.Logs.Query;

/// <summary>Ends a query at once; <see cref="LogQuery"/> makes an answer of it. It never leaves the language.</summary>
internal sealed class QueryFault(LogQueryFault fault, string code, string message, int at, int length = 0) : Exception(message)
{
    /// <summary>What kind of fault.</summary>
    public LogQueryFault Fault { get; } = fault;

    /// <summary>Its code.</summary>
    public string Code { get; } = code;

    /// <summary>Where, in characters of the text.</summary>
    public int At { get; } = at;

    /// <summary>How many characters stand there that are to be shown.</summary>
    public int Length { get; } = length;

    /// <summary>The text is no query.</summary>
    public static QueryFault Syntax(string message, int at, int length = 0) => new(LogQueryFault.Syntax, "SYN0002", message, at, length);

    /// <summary>What is there does not parse; the place and the token say the rest.</summary>
    public static QueryFault Unexpected(Token token, string wanted) => Syntax(
        token.Kind == TokenKind.End ? $"The query ends where {wanted} was expected." : $"Query could not be parsed at '{token.Short}': {wanted} was expected.", token.At, token.Text.Length);

    /// <summary>A name that is not there.</summary>
    public static QueryFault Unknown(string what, string name, int at) => new(LogQueryFault.Semantic, "SEM0100", $"Failed to resolve {what} named '{Token.Shorten(name)}'.", at, name.Length);

    /// <summary>What does not fit together.</summary>
    public static QueryFault Semantic(string message, int at, int length = 0) => new(LogQueryFault.Semantic, "SEM0001", message, at, length);

    /// <summary>A part of the language that is not here.</summary>
    public static QueryFault Unsupported(string what, int at, int length = 0) => new(LogQueryFault.Semantic, "SEM0002", $"{what} is not supported.", at, length);

    /// <summary>A column that the caller may not have opened.</summary>
    public static QueryFault Forbidden(string column, int at) =>
        new(LogQueryFault.Forbidden, "SEC0001", $"The column '{column}' is sealed, and this caller may not have it opened.", at, column.Length);

    /// <summary>A limit was met.</summary>
    public static QueryFault Limit(string code, string message, int at) => new(LogQueryFault.Limit, code, message, at);
}
