using System.Text.RegularExpressions;

namespace Domicile.Modules.Logs.Query;

/// <summary>Regular expressions of queries: matched in time linear to the text, bounded in length, in what their repetitions amount to, and in time.</summary>
internal static class Patterns
{
    // What "a{1000}" costs is what "aaa…" does: a state of the automaton for each.
    private const long StatesMax = 10_000;

    /// <summary>Makes one, or says where it is none.</summary>
    public static Regex Make(string pattern, LogQueryLimits limits, int at)
    {
        if (pattern.Length > limits.RegexCharacters)
        {
            throw QueryFault.Limit("LIM0007", $"A regular expression may have {limits.RegexCharacters} characters.", at);
        }

        if (StatesOf(pattern) > StatesMax)
        {
            throw QueryFault.Limit("LIM0007", $"The repetitions of this regular expression amount to more than {StatesMax} characters.", at);
        }

        try
        {
            return new Regex(pattern, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant, limits.RegexTime);
        }
        catch (ArgumentException)
        {
            throw QueryFault.Semantic("This is no regular expression.", at);
        }
        catch (NotSupportedException)
        {
            throw QueryFault.Semantic("A regular expression has no lookaround, no references back and no conditions here.", at);
        }
    }

    /// <summary>The fault of one that takes too long.</summary>
    public static QueryFault OutOfTime(LogQueryLimits limits, int at) =>
        QueryFault.Limit(LogQueryError.OutOfTime, $"The regular expression took longer than {limits.RegexTime.TotalMilliseconds:0} ms over one text.", at);

    /// <summary>About how many states a pattern has: repetitions within repetitions multiply.</summary>
    private static long StatesOf(string pattern)
    {
        var outer = new Stack<long>();
        long sum = 0, last = 0;
        for (var at = 0; at < pattern.Length; at++)
        {
            switch (pattern[at])
            {
                case '\\':
                    at++;
                    (sum, last) = (sum + last, 1);
                    break;
                case '[':
                    for (at++; at < pattern.Length && pattern[at] != ']'; at++)
                    {
                        at += pattern[at] == '\\' ? 1 : 0;
                    }

                    (sum, last) = (sum + last, 1);
                    break;
                case '(':
                    outer.Push(sum + last);
                    (sum, last) = (0, 0);
                    break;
                case ')' when outer.Count > 0:
                    (sum, last) = (outer.Pop(), Math.Max(1, sum + last));
                    break;
                case '{':
                    var end = pattern.IndexOf('}', at);
                    if (end > at && Count(pattern.AsSpan(at + 1, end - at - 1)) is { } count)
                    {
                        last *= Math.Max(1, count);
                        at = end;
                    }

                    break;
                case '*' or '+' or '?' or '|':
                    break;
                default:
                    (sum, last) = (sum + last, 1);
                    break;
            }

            if (sum + last > StatesMax)
            {
                break;
            }
        }

        return sum + last;
    }

    private static long? Count(ReadOnlySpan<char> range)
    {
        var most = 0L;
        foreach (var part in range.ToString().Split(','))
        {
            if (part.Length > 0)
            {
                if (!long.TryParse(part, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var count))
                {
                    return part.All(char.IsAsciiDigit) ? StatesMax + 1 : null;
                }

                most = Math.Max(most, Math.Min(count, StatesMax + 1));
            }
        }

        return most;
    }
}
