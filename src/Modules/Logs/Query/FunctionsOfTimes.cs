using System.Globalization;
using System.Text;

namespace Domicile.Modules.Logs.Query;

/// <content>Functions of instants and durations, all in UTC.</content>
internal static partial class Functions
{
    private static void Times()
    {
        Add("now", 0, 1, call => new ConstantScalar(LogType.DateTime, Shift(call.Binder.Query.Now, call.Count == 0 ? 0 : call.Constant(0, LogType.TimeSpan).Ticks)));
        Add("ago", 1, 1, call => Of(LogType.DateTime, span => Shift(call.Binder.Query.Now, -span.Ticks), call.Value(0, LogType.TimeSpan)));
        foreach (var (name, start, next) in (ReadOnlySpan<(string, Func<DateTime, DateTime>, Func<DateTime, DateTime>)>)
            [
                ("hour", at => new DateTime(at.Ticks - (at.Ticks % TimeSpan.TicksPerHour)), at => at.AddHours(1)),
                ("day", at => at.Date, at => at.AddDays(1)),
                ("week", StartOfWeek, at => at.AddDays(7)),
                ("month", at => new DateTime(at.Year, at.Month, 1), at => at.AddMonths(1)),
                ("year", at => new DateTime(at.Year, 1, 1), at => at.AddYears(1)),
            ])
        {
            Add($"startof{name}", 1, 2, call => Boundary(call, name, start));
            Add($"endof{name}", 1, 2, call => Boundary(call, name, at => next(start(at)).AddTicks(-1)));
        }

        Add("hourofday", LogType.DateTime, LogType.Int, value => LogValue.Of((long)value.DateTime.Hour));
        Add("dayofweek", LogType.DateTime, LogType.TimeSpan, value => LogValue.Of(TimeSpan.FromDays((int)value.DateTime.DayOfWeek)));
        Add("dayofmonth", LogType.DateTime, LogType.Int, value => LogValue.Of((long)value.DateTime.Day));
        Add("dayofyear", LogType.DateTime, LogType.Int, value => LogValue.Of((long)value.DateTime.DayOfYear));
        Add("monthofyear", LogType.DateTime, LogType.Int, value => LogValue.Of((long)value.DateTime.Month));
        Alias("getmonth", "monthofyear");
        Add("getyear", LogType.DateTime, LogType.Int, value => LogValue.Of((long)value.DateTime.Year));
        Add("week_of_year", LogType.DateTime, LogType.Long, value => LogValue.Of((long)ISOWeek.GetWeekOfYear(value.DateTime)));
        Add("datetime_part", 2, 2, call => Of(LogType.Long, (part, at) => Number(part.Text, at.DateTime) is { } number ? LogValue.Of(number) : LogValue.Null, PartOf(call), call.Value(1, LogType.DateTime)));
        Add("datetime_diff", 3, 3, call => Of(LogType.Long, values => LogValue.Of(Difference(values[0].Text, values[1].DateTime, values[2].DateTime)), PartOf(call), call.Value(1, LogType.DateTime), call.Value(2, LogType.DateTime)));
        Add("datetime_add", 3, 3, call => Of(LogType.DateTime, values => Later(values[0].Text, values[1].Long, values[2].DateTime), PartOf(call), call.Value(1, LogType.Long), call.Value(2, LogType.DateTime)));
        Add("format_datetime", 2, 2, call =>
        {
            var format = Format(call, "yMdHhmsfFt");
            return Of(LogType.String, value => LogValue.Of(value.DateTime.ToString(format, CultureInfo.InvariantCulture)), call.Value(0, LogType.DateTime));
        });
        Add("format_timespan", 2, 2, call =>
        {
            var format = Format(call, "dHhmsfF").Replace('H', 'h');
            try
            {
                _ = TimeSpan.Zero.ToString(format, CultureInfo.InvariantCulture);
            }
            catch (FormatException)
            {
                throw QueryFault.Semantic("This is no format.", call.Syntax(1).At);
            }

            return Of(LogType.String, value => LogValue.Of((value.Ticks < 0 ? "-" : "") + value.TimeSpan.ToString(format, CultureInfo.InvariantCulture)), call.Value(0, LogType.TimeSpan));
        });
        Add("make_datetime", 3, 6, call => Of(
            LogType.DateTime,
            values => Made([.. values.Select(value => value.Real)]),
            [.. Enumerable.Range(0, call.Count).Select(at => call.Value(at, LogType.Real))]));
        foreach (var (name, ticks) in (ReadOnlySpan<(string, long)>)
            [("seconds", TimeSpan.TicksPerSecond), ("milliseconds", TimeSpan.TicksPerMillisecond), ("microseconds", TimeSpan.TicksPerMicrosecond)])
        {
            Add($"unixtime_{name}_todatetime", LogType.Long, LogType.DateTime, value => Shift(DateTime.UnixEpoch.Ticks, (Int128)value.Long * ticks));
        }
    }

    private static LogValue Shift(long instant, Int128 by)
    {
        var ticks = instant + by;
        return ticks >= 0 && ticks <= DateTime.MaxValue.Ticks ? LogValue.Of((long)ticks) : LogValue.Null;
    }

    private static DateTime StartOfWeek(DateTime at) => new(Math.Max(0, at.Date.Ticks - ((int)at.DayOfWeek * TimeSpan.TicksPerDay)));

    private static Scalar Boundary(FunctionCall call, string part, Func<DateTime, DateTime> boundary) => Of(
        LogType.DateTime,
        (value, offset) =>
        {
            try
            {
                return Later(part, offset.Long, value.DateTime) is { IsNull: false } shifted ? LogValue.Of(boundary(shifted.DateTime).Ticks) : LogValue.Null;
            }
            catch (ArgumentOutOfRangeException)
            {
                // The last day that there is has no next.
                return LogValue.Null;
            }
        },
        call.Value(0, LogType.DateTime), call.Count > 1 ? call.Value(1, LogType.Long) : new ConstantScalar(LogType.Long, LogValue.Of(0L)));

    private static ConstantScalar PartOf(FunctionCall call)
    {
        var part = call.Constant(0, LogType.String).Text.ToLowerInvariant();
        return TicksOf(part) > 0 || part is "year" or "quarter" or "month" or "week_of_year" or "dayofyear"
            ? new ConstantScalar(LogType.String, LogValue.Of(part))
            : throw QueryFault.Semantic("A part of an instant is 'year', 'quarter', 'month', 'week', 'day', 'hour', 'minute', 'second', 'millisecond' or 'microsecond'.", call.Syntax(0).At);
    }

    private static long TicksOf(string part) => part switch
    {
        "week" => 7 * TimeSpan.TicksPerDay,
        "day" => TimeSpan.TicksPerDay,
        "hour" => TimeSpan.TicksPerHour,
        "minute" => TimeSpan.TicksPerMinute,
        "second" => TimeSpan.TicksPerSecond,
        "millisecond" => TimeSpan.TicksPerMillisecond,
        "microsecond" => TimeSpan.TicksPerMicrosecond,
        _ => 0,
    };

    private static long? Number(string part, DateTime at) => part switch
    {
        "year" => at.Year,
        "quarter" => ((at.Month - 1) / 3) + 1,
        "month" => at.Month,
        "week" or "week_of_year" => ISOWeek.GetWeekOfYear(at),
        "day" => at.Day,
        "dayofyear" => at.DayOfYear,
        "hour" => at.Hour,
        "minute" => at.Minute,
        "second" => at.Second,
        "millisecond" => at.Millisecond,
        "microsecond" => at.Ticks % TimeSpan.TicksPerSecond / TimeSpan.TicksPerMicrosecond,
        _ => null,
    };

    /// <summary>How many boundaries of the part lie between: an instant before midnight and one after are a day apart.</summary>
    private static long Difference(string part, DateTime later, DateTime earlier) => part switch
    {
        "year" => later.Year - earlier.Year,
        "quarter" => ((later.Year - earlier.Year) * 4) + ((later.Month - 1) / 3) - ((earlier.Month - 1) / 3),
        "month" => ((later.Year - earlier.Year) * 12) + later.Month - earlier.Month,
        "week" or "week_of_year" => (StartOfWeek(later).Ticks - StartOfWeek(earlier).Ticks) / (7 * TimeSpan.TicksPerDay),
        "dayofyear" => Difference("day", later, earlier),
        _ => (later.Ticks / TicksOf(part)) - (earlier.Ticks / TicksOf(part)),
    };

    private static LogValue Later(string part, long amount, DateTime at)
    {
        var months = part switch { "year" => 12, "quarter" => 3, "month" => 1, _ => 0 };
        if (months == 0)
        {
            return Shift(at.Ticks, (Int128)amount * TicksOf(part is "dayofyear" ? "day" : part is "week_of_year" ? "week" : part));
        }

        var total = (Int128)amount * months;
        var year = (((Int128)at.Year * 12) + at.Month - 1 + total) / 12;
        return Int128.Abs(total) <= 12 * 10_000 && year >= 1 && year <= 9999 ? LogValue.Of(at.AddMonths((int)total)) : LogValue.Null;
    }

    private static LogValue Made(double[] parts)
    {
        var (year, month, day) = (parts[0], parts[1], parts[2]);
        var (hour, minute, second) = (parts.ElementAtOrDefault(3), parts.ElementAtOrDefault(4), parts.ElementAtOrDefault(5));
        return year is >= 1 and <= 9999 && month is >= 1 and <= 12 && day >= 1 && day <= DateTime.DaysInMonth((int)year, (int)month) && hour is >= 0 and < 24 && minute is >= 0 and < 60 && second is >= 0 and < 60
            ? LogValue.Of(new DateTime((int)year, (int)month, (int)day, (int)hour, (int)minute, 0, DateTimeKind.Utc).AddTicks((long)(second * TimeSpan.TicksPerSecond)))
            : LogValue.Null;
    }

    /// <summary>A format for .NET of one for the language: the letters of parts, and signs between them that stand for themselves.</summary>
    private static string Format(FunctionCall call, string letters)
    {
        var format = call.Constant(1, LogType.String).Text;
        var built = new StringBuilder();
        foreach (var c in format)
        {
            if (letters.Contains(c, StringComparison.Ordinal))
            {
                built.Append(c);
            }
            else if (" /-:,._[]".Contains(c, StringComparison.Ordinal))
            {
                built.Append('\\').Append(c);
            }
            else
            {
                throw QueryFault.Semantic($"A format is made of {string.Join(' ', letters.AsEnumerable())} and the signs / - : , . _ [ ] and space.", call.Syntax(1).At);
            }
        }

        if (built.Length == 0 || built.Length > 100 || Longest(format) > 7)
        {
            throw QueryFault.Semantic("This is no format.", call.Syntax(1).At);
        }

        // A letter alone would be the name of a standard format.
        return built.Length == 1 ? $"%{built}" : built.ToString();
    }

    private static int Longest(string text)
    {
        var (longest, run) = (0, 0);
        for (var at = 0; at < text.Length; at++)
        {
            run = at > 0 && text[at] == text[at - 1] ? run + 1 : 1;
            longest = Math.Max(longest, run);
        }

        return longest;
    }
}
