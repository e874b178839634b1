namespace Domicile.Modules.Logs.Query;

/// <summary>Plus, minus, times, divided by and the rest.</summary>
internal static class Arithmetic
{
    /// <summary>The operator over what stands on its sides.</summary>
    public static Scalar Bind(string name, Scalar left, Scalar right, int at)
    {
        (left, right) = (Settle(left, right), Settle(right, left));
        if (left.Type.IsNumber() && right.Type.IsNumber())
        {
            var type = left.Type > right.Type ? left.Type : right.Type;
            (left, right) = type == LogType.Real ? (ScalarBinder.Convert(left, type), ScalarBinder.Convert(right, type)) : (left, right);
            return Make(type, left, right, type switch { LogType.Real => OfReals(name), LogType.Int => Narrow(OfLongs(name)), _ => OfLongs(name) });
        }

        return (left.Type, name, right.Type) switch
        {
            (LogType.DateTime, "-", LogType.DateTime) => Make(LogType.TimeSpan, left, right, (one, two) => LogValue.Of(one.Ticks - two.Ticks)),
            (LogType.DateTime, "+" or "-", LogType.TimeSpan) => Make(LogType.DateTime, left, right, name == "+" ? (one, two) => Instant((Int128)one.Ticks + two.Ticks) : (one, two) => Instant((Int128)one.Ticks - two.Ticks)),
            (LogType.TimeSpan, "+", LogType.DateTime) => Make(LogType.DateTime, left, right, (one, two) => Instant((Int128)one.Ticks + two.Ticks)),
            (LogType.TimeSpan, "+" or "-" or "%", LogType.TimeSpan) => Make(LogType.TimeSpan, left, right, OfLongs(name)),
            (LogType.TimeSpan, "/", LogType.TimeSpan) => Make(LogType.Real, left, right, (one, two) => LogValue.Of((double)one.Ticks / two.Ticks)),
            (LogType.TimeSpan, "*" or "/", LogType.Int or LogType.Long or LogType.Real) => Scale(name, left, ScalarBinder.Convert(right, LogType.Real)),
            (LogType.Int or LogType.Long or LogType.Real, "*", LogType.TimeSpan) => Scale(name, right, ScalarBinder.Convert(left, LogType.Real)),
            _ => throw QueryFault.Semantic($"'{name}' has no meaning between a {LogTypes.NameOf(left.Type)} and a {LogTypes.NameOf(right.Type)}.", at, 1),
        };
    }

    /// <summary>The greatest multiple of the size that is not above the value.</summary>
    public static long Floor(long value, long size)
    {
        var rest = value % size;
        return rest < 0 ? value - rest - size : value - rest;
    }

    // A dynamic is taken as what stands on the other side, or else as a real.
    private static Scalar Settle(Scalar scalar, Scalar other) => scalar.Type != LogType.Dynamic
        ? scalar
        : ScalarBinder.Convert(scalar, other.Type is LogType.DateTime or LogType.TimeSpan or LogType.Long ? other.Type : other.Type == LogType.Int ? LogType.Long : LogType.Real);

    private static Scalar Make(LogType type, Scalar left, Scalar right, Func<LogValue, LogValue, LogValue> function) =>
        ScalarBinder.Fold(new BinaryScalar(type, left, right, (one, two) => one.IsNull || two.IsNull ? LogValue.Null : function(one, two)), left, right);

    private static Scalar Scale(string name, Scalar span, Scalar by) => Make(LogType.TimeSpan, span, by, (one, two) =>
    {
        var ticks = name == "*" ? one.Ticks * two.Real : one.Ticks / two.Real;
        return double.IsFinite(ticks) && Math.Abs(ticks) < long.MaxValue ? LogValue.Of((long)Math.Round(ticks)) : LogValue.Null;
    });

    private static LogValue Instant(Int128 ticks) => ticks >= 0 && ticks <= DateTime.MaxValue.Ticks ? LogValue.Of((long)ticks) : LogValue.Null;

    private static Func<LogValue, LogValue, LogValue> OfReals(string name) => name switch
    {
        "+" => (one, two) => LogValue.Of(one.Real + two.Real),
        "-" => (one, two) => LogValue.Of(one.Real - two.Real),
        "*" => (one, two) => LogValue.Of(one.Real * two.Real),
        "/" => (one, two) => LogValue.Of(one.Real / two.Real),
        _ => (one, two) => LogValue.Of(one.Real % two.Real is var rest && rest < 0 ? rest + Math.Abs(two.Real) : rest),
    };

    // Whole numbers divide to whole numbers; nothing is divided by 0; what is left over is never negative.
    private static Func<LogValue, LogValue, LogValue> OfLongs(string name) => name switch
    {
        "+" => (one, two) => LogValue.Of(unchecked(one.Long + two.Long)),
        "-" => (one, two) => LogValue.Of(unchecked(one.Long - two.Long)),
        "*" => (one, two) => LogValue.Of(unchecked(one.Long * two.Long)),
        "/" => (one, two) => two.Long == 0 ? LogValue.Null : LogValue.Of(two.Long == -1 ? unchecked(-one.Long) : one.Long / two.Long),
        _ => (one, two) => two.Long switch
        {
            0 => LogValue.Null,
            -1 => LogValue.Of(0L),
            var by => LogValue.Of(one.Long % by is var rest && rest < 0 ? by < 0 ? rest - by : rest + by : rest),
        },
    };

    private static Func<LogValue, LogValue, LogValue> Narrow(Func<LogValue, LogValue, LogValue> function) =>
        (one, two) => function(one, two) is { IsNull: false } result ? LogValue.Of((long)unchecked((int)result.Long)) : LogValue.Null;
}
