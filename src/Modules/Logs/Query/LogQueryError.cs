using System.Text.Json;

namespace Domicile.Modules.Logs.Query;

/// <summary>What is the matter with a query.</summary>
internal enum LogQueryFault
{
    /// <summary>The text is no query.</summary>
    Syntax,

    /// <summary>It is one, and names what is not there or puts together what does not fit.</summary>
    Semantic,

    /// <summary>It needs to open what the caller may not have opened.</summary>
    Forbidden,

    /// <summary>It needs more than <see cref="LogQueryLimits"/> allow.</summary>
    Limit,
}

/// <summary>Why a query was not answered, and where. Texts of the query are repeated up to a few words, values of rows never.</summary>
/// <param name="Fault">What kind of fault.</param>
/// <param name="Code">A stable code, such as <c>SYN0002</c>.</param>
/// <param name="Message">A sentence.</param>
/// <param name="Line">The line, from 1.</param>
/// <param name="Position">The character in the line, from 0, as the service counts them.</param>
/// <param name="Token">What stands there; null when nothing does.</param>
internal sealed record LogQueryError(LogQueryFault Fault, string Code, string Message, int Line, int Position, string? Token = null)
{
    /// <summary>The HTTP status that fits: 400, 403 for what may not be opened, 504 for time that ran out.</summary>
    public int Status => Fault switch
    {
        LogQueryFault.Forbidden => 403,
        LogQueryFault.Limit when Code == OutOfTime => 504,
        _ => 400,
    };

    /// <summary>The code of a query that took too long.</summary>
    public const string OutOfTime = "LIM0003";

    /// <summary>Writes the value of the answer's <c>error</c>, in the shape of the query API: the code of the request, of the fault, and where.</summary>
    public void WriteTo(Utf8JsonWriter writer, string correlationId)
    {
        writer.WriteStartObject();
        writer.WriteString("message", Status == 504 ? "The query took too long." : Fault == LogQueryFault.Forbidden ? "The query may not read what it names." : "The request had some invalid properties");
        writer.WriteString("code", Status == 504 ? "GatewayTimeout" : Fault == LogQueryFault.Forbidden ? "InsufficientAccessError" : "BadArgumentError");
        writer.WriteString("correlationId", correlationId);
        writer.WriteStartObject("innererror");
        writer.WriteString("code", Fault switch { LogQueryFault.Syntax => "SyntaxError", LogQueryFault.Limit => "LimitError", _ => "SemanticError" });
        writer.WriteString("message", Fault switch
        {
            LogQueryFault.Syntax => "A recognition error occurred in the query.",
            LogQueryFault.Limit => "The query met a limit.",
            _ => "A semantic error occurred.",
        });
        writer.WriteStartObject("innererror");
        writer.WriteString("code", Code);
        writer.WriteString("message", Message);
        writer.WriteNumber("line", Line);
        writer.WriteNumber("pos", Position);
        if (Token is not null)
        {
            writer.WriteString("token", Token);
        }

        writer.WriteEndObject();
        writer.WriteEndObject();
        writer.WriteEndObject();
    }
}
