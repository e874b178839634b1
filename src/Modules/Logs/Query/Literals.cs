using System.Globalization;
using System.Text;

namespace Domicile.Modules.Logs.Query;

/// <summary>Texts as values: of typed literals such as <c>datetime(2026-11-28)</c>, and of the conversions, which read them in the same way.</summary>
internal static class Literals
{
    private static readonly string[] DateTimeFormats =
    [
        "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK", "yyyy-MM-dd HH:mm:ss.FFFFFFFK", "yyyy-MM-dd'T'HH:mmK", "yyyy-MM-dd HH:mmK", "yyyy-MM-ddK", "yyyy-MM", "yyyy", "yyyyMMdd",
        "MM/dd/yyyy HH:mm:ss.FFFFFFFK", "M/d/yyyy H:mm:ss", "M/d/yyyy H:mm", "M/d/yyyy", "ddd, dd MMM yyyy HH:mm:ss 'GMT'", "dd MMM yyyy HH:mm:ss", "dd MMM yyyy",
    ];

    private static readonly string[] TimeSpanFormats =
        [@"d\.hh\:mm\:ss\.FFFFFFF", @"d\.hh\:mm\:ss", @"d\.hh\:mm", @"hh\:mm\:ss\.FFFFFFF", @"h\:mm\:ss", @"hh\:mm\:ss", @"hh\:mm", @"h\:mm"];

    /// <summary>A typed literal.</summary>
    public static LiteralSyntax Read(Token token)
    {
        var type = LogTypes.Of(token.Text)!.Value;
        var inside = token.Value.Trim();
        if (inside is "null" || (type == LogType.Dynamic && inside.Length == 0))
        {
            return new LiteralSyntax(token.At, type, LogValue.Null);
        }

        if (type == LogType.Dynamic)
        {
            return LogDynamic.TryParse(WithDoubleQuotes(inside), out var json)
                ? new LiteralSyntax(token.At, type, LogValue.Of(json))
                : throw QueryFault.Syntax("Query could not be parsed at 'dynamic': what stands in its parentheses is no JSON.", token.At, token.Text.Length);
        }

        if (type == LogType.TimeSpan && TryDuration(inside, out var duration))
        {
            return new LiteralSyntax(token.At, type, duration);
        }

        if (type is LogType.DateTime or LogType.TimeSpan or LogType.Guid && inside.Length > 1 && inside[0] is '"' or '\'' && inside[^1] == inside[0])
        {
            inside = inside[1..^1];
        }

        var value = Convert(type, inside);
        return value.IsNull
            ? throw QueryFault.Syntax($"Query could not be parsed at '{token.Text}': '{Token.Shorten(inside)}' is no {LogTypes.NameOf(type)}.", token.At, token.Text.Length)
            : new LiteralSyntax(token.At, type, value);
    }

    /// <summary>What a text says, read as that type; null when it does not.</summary>
    public static LogValue Convert(LogType type, string text)
    {
        text = text.Trim();
        switch (type)
        {
            case LogType.Bool:
                return text switch
                {
                    "true" or "True" or "TRUE" => LogValue.True,
                    "false" or "False" or "FALSE" => LogValue.False,
                    _ => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var bit) ? LogValue.Of(bit != 0) : LogValue.Null,
                };
            case LogType.Int:
                return Convert(LogType.Long, text) is { IsNull: false } number && number.Long is >= int.MinValue and <= int.MaxValue ? number : LogValue.Null;
            case LogType.Long:
                if (text.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
                {
                    return long.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var hex) ? LogValue.Of(hex) : LogValue.Null;
                }

                return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) ? LogValue.Of(whole) : LogValue.Null;
            case LogType.Real:
                return text switch
                {
                    "nan" or "NaN" => LogValue.Of(double.NaN),
                    "+inf" or "inf" or "Infinity" => LogValue.Of(double.PositiveInfinity),
                    "-inf" or "-Infinity" => LogValue.Of(double.NegativeInfinity),
                    _ => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var real) ? LogValue.Of(real) : LogValue.Null,
                };
            case LogType.DateTime:
                return DateTime.TryParseExact(
                    text, DateTimeFormats, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal | DateTimeStyles.AllowWhiteSpaces, out var instant)
                    ? LogValue.Of(instant)
                    : LogValue.Null;
            case LogType.TimeSpan:
                return Duration(text);
            case LogType.Guid:
                return Guid.TryParse(text, out var guid) ? LogValue.Of(guid) : LogValue.Null;
            case LogType.Dynamic:
                return LogValue.Of(LogDynamic.Parse(text));
            default:
                return LogValue.Of(text);
        }
    }

    private static LogValue Duration(string text)
    {
        if (TryDuration(text, out var duration))
        {
            return duration;
        }

        var negative = text.StartsWith('-');
        return TimeSpan.TryParseExact(negative ? text[1..] : text, TimeSpanFormats, CultureInfo.InvariantCulture, out var span)
            ? LogValue.Of(negative ? -span : span)
            : LogValue.Null;
    }

    // 5m, or a number of days alone.
    private static bool TryDuration(string text, out LogValue duration)
    {
        duration = default;
        var negative = text.StartsWith('-');
        try
        {
            if (new Lexer(negative ? text[1..] : text).All() is not [var first, { Kind: TokenKind.End }] || first.Kind is not (TokenKind.TimeSpan or TokenKind.Long))
            {
                return false;
            }

            var ticks = first.Kind == TokenKind.TimeSpan ? first.Number.Ticks : first.Number.Long is < 10_000_000 and var days ? days * TimeSpan.TicksPerDay : 0;
            duration = LogValue.Of(new TimeSpan(negative ? -ticks : ticks));
            return true;
        }
        catch (QueryFault)
        {
            return false;
        }
    }

    /// <summary>JSON whose texts may stand in single quotes.</summary>
    private static string WithDoubleQuotes(string json)
    {
        if (!json.Contains('\'', StringComparison.Ordinal))
        {
            return json;
        }

        var built = new StringBuilder();
        var quote = '\0';
        for (var at = 0; at < json.Length; at++)
        {
            var c = json[at];
            if (quote == '\0')
            {
                quote = c is '"' or '\'' ? c : '\0';
                built.Append(quote == '\'' ? '"' : c);
            }
            else if (c == '\\' && at + 1 < json.Length)
            {
                at++;
                built.Append(json[at] == '\'' ? "'" : $"\\{json[at]}");
            }
            else if (c == quote)
            {
                quote = '\0';
                built.Append('"');
            }
            else
            {
                built.Append(c == '"' ? "\\\"" : c.ToString());
            }
        }

        return built.ToString();
    }
}
