using System.Text;
using System.Text.RegularExpressions;

namespace Domicile.Modules.Logs.Query;

/// <content>Functions of texts.</content>
internal static partial class Functions
{
    private static void Texts()
    {
        Add("strlen", LogType.String, LogType.Long, value => LogValue.Of((long)value.Text.Length));
        Add("tolower", LogType.String, LogType.String, value => LogValue.Of(value.Text.ToLowerInvariant()));
        Add("toupper", LogType.String, LogType.String, value => LogValue.Of(value.Text.ToUpperInvariant()));
        Add("reverse", LogType.String, LogType.String, value => LogValue.Of(new string([.. value.Text.Reverse()])));
        Add("isempty", 1, 1, call => Emptiness(call, whenEmpty: true));
        Add("isnotempty", 1, 1, call => Emptiness(call, whenEmpty: false));
        Add("strcat", 1, 64, call => Joined(call, null, 0));
        Add("strcat_delim", 2, 64, call => Joined(call, call.Value(0, LogType.String), 1));
        Add("substring", 2, 3, call => call.Count == 2
            ? Of(LogType.String, (text, start) => Part(text.Text, start.Long, long.MaxValue), call.Value(0, LogType.String), call.Value(1, LogType.Long))
            : Of(LogType.String, values => Part(values[0].Text, values[1].Long, values[2].Long), call.Value(0, LogType.String), call.Value(1, LogType.Long), call.Value(2, LogType.Long)));
        Add("indexof", 2, 3, call => Of(
            LogType.Long,
            values => LogValue.Of(values[2].Long < 0 || values[2].Long > values[0].Text.Length ? -1L : values[0].Text.IndexOf(values[1].Text, (int)values[2].Long, StringComparison.Ordinal)),
            call.Value(0, LogType.String), call.Value(1, LogType.String), call.Count > 2 ? call.Value(2, LogType.Long) : new ConstantScalar(LogType.Long, LogValue.Of(0L))));
        Add("countof", 2, 2, call => Of(LogType.Long, (text, part) => LogValue.Of(Occurrences(text.Text, part.Text)), call.Value(0, LogType.String), call.Value(1, LogType.String)));
        Add("split", 2, 3, Split);
        Add("replace_string", 3, 3, call => Of(
            LogType.String,
            values => values[1].Text.Length == 0 ? values[0] : Replaced(call, values[0].Text, values[1].Text, values[2].Text),
            call.Value(0, LogType.String), call.Value(1, LogType.String), call.Value(2, LogType.String)));
        Add("replace_regex", 3, 3, ReplaceRegex);
        Add("strrep", 2, 3, call => Of(
            LogType.String,
            values => Repeated(call, values[0].Text, values[1].Long, values[2].Text),
            ScalarBinder.Convert(call.Value(0), LogType.String), call.Value(1, LogType.Long), call.Count > 2 ? call.Value(2, LogType.String) : new ConstantScalar(LogType.String, LogValue.Empty)));
        Add("trim", 2, 2, call => Trimmed(call, start: true, end: true));
        Add("trim_start", 2, 2, call => Trimmed(call, start: true, end: false));
        Add("trim_end", 2, 2, call => Trimmed(call, start: false, end: true));
        Add("extract", 3, 4, Extract);
        Add("url_decode", LogType.String, LogType.String, value => LogValue.Of(Uri.UnescapeDataString(value.Text.Replace('+', ' '))));
    }

    private static Scalar Emptiness(FunctionCall call, bool whenEmpty)
    {
        // Whether there is a person at all, a cell says without being opened.
        var of = call.Binder.Raw(call.Syntax(0));
        return of.Type == LogType.String
            ? ScalarBinder.Fold(new UnaryScalar(LogType.Bool, of, value => LogValue.Of((value.Sealed is null && value.Text.Length == 0) == whenEmpty)), of)
            : ScalarBinder.Fold(new UnaryScalar(LogType.Bool, of, value => LogValue.Of(value.IsNull == whenEmpty)), of);
    }

    private static Scalar Joined(FunctionCall call, Scalar? delimiter, int from)
    {
        Scalar[] parts = [.. delimiter is null ? [] : (Scalar[])[delimiter], .. call.Values(from).Select(value => ScalarBinder.Convert(value, LogType.String))];
        return OfNulls(
            LogType.String,
            values =>
            {
                var length = values.Sum(value => (long)value.Text.Length) + (from == 1 ? (long)values.Length * values[0].Text.Length : 0);
                call.Meter.Build(length, call.At);
                return LogValue.Of(from == 1 ? string.Join(values[0].Text, values.Skip(1).Select(value => value.Text)) : string.Concat(values.Select(value => value.Text)));
            },
            parts);
    }

    private static LogValue Part(string text, long start, long length)
    {
        start = start < 0 ? Math.Max(0, text.Length + start) : start;
        return start >= text.Length || length <= 0 ? LogValue.Empty : LogValue.Of(text.Substring((int)start, (int)Math.Min(length, text.Length - start)));
    }

    private static long Occurrences(string text, string part)
    {
        var count = 0L;
        for (var at = part.Length == 0 ? -1 : text.IndexOf(part, StringComparison.Ordinal); at >= 0; at = at + 1 < text.Length ? text.IndexOf(part, at + 1, StringComparison.Ordinal) : -1)
        {
            count++;
        }

        return count;
    }

    private static Scalar Split(FunctionCall call)
    {
        var (text, delimiter) = (call.Value(0, LogType.String), call.Value(1, LogType.String));
        return call.Count == 2
            ? Of(LogType.Dynamic, (one, two) => Pieces(one.Text, two.Text), text, delimiter)
            : Of(
                LogType.Dynamic,
                values =>
                {
                    var pieces = Cut(values[0].Text, values[1].Text);
                    return call.Built(LogDynamic.Array(values[2].Long >= 0 && values[2].Long < pieces.Length ? [LogDynamic.Of(LogType.String, LogValue.Of(pieces[values[2].Long]))] : []));
                },
                text, delimiter, call.Value(2, LogType.Long));

        LogValue Pieces(string whole, string by) => call.Built(LogDynamic.Array([.. Cut(whole, by).Select(piece => LogDynamic.Of(LogType.String, LogValue.Of(piece)))]));

        static string[] Cut(string whole, string by) => by.Length == 0 ? [whole] : whole.Split(by);
    }

    private static LogValue Replaced(FunctionCall call, string text, string old, string with)
    {
        if (with.Length > old.Length)
        {
            call.Meter.Build(text.Length + ((long)(text.Length / old.Length) * (with.Length - old.Length)), call.At);
        }

        return LogValue.Of(text.Replace(old, with, StringComparison.Ordinal));
    }

    private static Scalar ReplaceRegex(FunctionCall call)
    {
        var regex = call.Regex(1);

        // \1 is what stands in the first parentheses; .NET writes it ${1}, and takes $ for the begin of such a thing.
        var with = BackReference().Replace(call.Constant(2, LogType.String).Text.Replace("$", "$$", StringComparison.Ordinal), "${$1}");
        return Of(
            LogType.String,
            text =>
            {
                call.Meter.Build(Math.Min(call.Meter.Limits.ValueCharacters, (text.Text.Length + 1L) * (with.Length + 1)), call.At);
                return call.Built(call.Within(() => regex.Replace(text.Text, with)));
            },
            call.Value(0, LogType.String));
    }

    private static LogValue Repeated(FunctionCall call, string text, long times, string delimiter)
    {
        times = Math.Clamp(times, 0, 1024);
        call.Meter.Build((text.Length + (long)delimiter.Length) * times, call.At);
        var built = new StringBuilder();
        for (var time = 0; time < times; time++)
        {
            built.Append(time > 0 ? delimiter : "").Append(text);
        }

        return LogValue.Of(built.ToString());
    }

    private static Scalar Trimmed(FunctionCall call, bool start, bool end)
    {
        var pattern = call.Constant(0, LogType.String).Text;
        var first = start ? Patterns.Make($@"\A(?:{pattern})", call.Binder.Query.Limits, call.Syntax(0).At) : null;
        var last = end ? Patterns.Make($@"(?:{pattern})\z", call.Binder.Query.Limits, call.Syntax(0).At) : null;
        return Of(
            LogType.String,
            value => call.Within(() =>
            {
                var text = value.Text;
                if (first?.Match(text) is { Success: true } before)
                {
                    text = text[before.Length..];
                }

                return LogValue.Of(last?.Match(text) is { Success: true } after ? text[..after.Index] : text);
            }),
            call.Value(1, LogType.String));
    }

    private static Scalar Extract(FunctionCall call)
    {
        var regex = call.Regex(0);
        var group = call.Constant(1, LogType.Long).Long;
        var type = call.Count < 4 ? LogType.String : call.Syntax(3) is TypeSyntax typed ? typed.Type : throw QueryFault.Semantic("Argument 4 of extract() is a type, such as typeof(long).", call.Syntax(3).At);
        var text = Of(
            LogType.String,
            value => call.Within(() => group >= 0 && group < int.MaxValue && regex.Match(value.Text) is { Success: true } match ? LogValue.Of(match.Groups[(int)group].Value) : LogValue.Empty),
            call.Value(2, LogType.String));
        return ScalarBinder.Convert(text, type);
    }

    [GeneratedRegex(@"\\(\d)")]
    private static partial Regex BackReference();
}
