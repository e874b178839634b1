namespace Domicile.Modules.Logs.Query;

/// <content>Functions of numbers.</content>
internal static partial class Functions
{
    private static void Numbers()
    {
        Add("bin", 2, 2, Bin);
        Add("floor", 1, 2, call => call.Count == 2 ? Bin(call) : Rounded(call, Math.Floor));
        Add("bin_at", 3, 3, BinAt);
        Add("ceiling", 1, 1, call => Rounded(call, Math.Ceiling));
        Add("round", 1, 2, call => Of(
            LogType.Real,
            (value, digits) => LogValue.Of(Round(value.Real, digits.Long)),
            call.Value(0, LogType.Real), call.Count > 1 ? call.Value(1, LogType.Long) : new ConstantScalar(LogType.Long, LogValue.Of(0L))));
        Add("abs", 1, 1, Abs);
        Add("sign", 1, 1, call => Of(LogType.Real, value => LogValue.Of(double.IsNaN(value.Real) ? double.NaN : Math.Sign(value.Real)), call.Value(0, LogType.Real)));
        Add("sqrt", LogType.Real, LogType.Real, value => value.Real < 0 ? LogValue.Null : LogValue.Of(Math.Sqrt(value.Real)));
        Add("exp", LogType.Real, LogType.Real, value => LogValue.Of(Math.Exp(value.Real)));
        Add("log", LogType.Real, LogType.Real, value => value.Real <= 0 ? LogValue.Null : LogValue.Of(Math.Log(value.Real)));
        Add("log10", LogType.Real, LogType.Real, value => value.Real <= 0 ? LogValue.Null : LogValue.Of(Math.Log10(value.Real)));
        Add("log2", LogType.Real, LogType.Real, value => value.Real <= 0 ? LogValue.Null : LogValue.Of(Math.Log2(value.Real)));
        Add("pow", 2, 2, call => Of(LogType.Real, (value, power) => LogValue.Of(Math.Pow(value.Real, power.Real)), call.Value(0, LogType.Real), call.Value(1, LogType.Real)));
        Add("isnan", LogType.Real, LogType.Bool, value => LogValue.Of(double.IsNaN(value.Real)));
        Add("isinf", LogType.Real, LogType.Bool, value => LogValue.Of(double.IsInfinity(value.Real)));
        Add("isfinite", LogType.Real, LogType.Bool, value => LogValue.Of(double.IsFinite(value.Real)));
        Add("min_of", 1, 64, call => Extreme(call, greatest: false));
        Add("max_of", 1, 64, call => Extreme(call, greatest: true));
    }

    private static Scalar Bin(FunctionCall call)
    {
        var (value, size) = (call.Value(0), call.Value(1));
        value = value.Type == LogType.Dynamic ? ScalarBinder.Convert(value, size.Type == LogType.TimeSpan ? LogType.DateTime : LogType.Real) : value;
        switch (value.Type)
        {
            case LogType.DateTime or LogType.TimeSpan:
                size = call.Value(1, LogType.TimeSpan);
                break;
            case LogType.Int or LogType.Long when size.Type is LogType.Int or LogType.Long:
                break;
            case LogType.Int or LogType.Long or LogType.Real:
                (value, size) = (ScalarBinder.Convert(value, LogType.Real), call.Value(1, LogType.Real));
                return Of(LogType.Real, (one, by) => by.Real > 0 ? LogValue.Of(Math.Floor(one.Real / by.Real) * by.Real) : LogValue.Null, value, size);
            default:
                throw call.Wrong(0, value.Type, "a number, an instant or a duration");
        }

        return Of(value.Type == LogType.Int ? LogType.Long : value.Type, (one, by) => by.Long > 0 ? LogValue.Of(Arithmetic.Floor(one.Long, by.Long)) : LogValue.Null, value, size);
    }

    private static Scalar BinAt(FunctionCall call)
    {
        var value = call.Value(0);
        var size = value.Type is LogType.DateTime ? call.Value(1, LogType.TimeSpan) : call.Value(1, value.Type == LogType.Int ? LogType.Long : value.Type);
        var from = call.Value(2, value.Type == LogType.Int ? LogType.Long : value.Type);
        return value.Type switch
        {
            LogType.Real => Of(LogType.Real, values => values[1].Real > 0 ? LogValue.Of((Math.Floor((values[0].Real - values[2].Real) / values[1].Real) * values[1].Real) + values[2].Real) : LogValue.Null, value, size, from),
            LogType.Int or LogType.Long or LogType.DateTime or LogType.TimeSpan => Of(
                value.Type == LogType.Int ? LogType.Long : value.Type,
                values => values[1].Long > 0 ? LogValue.Of(Arithmetic.Floor(values[0].Long - values[2].Long, values[1].Long) + values[2].Long) : LogValue.Null,
                value, size, from),
            _ => throw call.Wrong(0, value.Type, "a number, an instant or a duration"),
        };
    }

    private static Scalar Rounded(FunctionCall call, Func<double, double> round)
    {
        var value = call.Number(0);
        return value.Type == LogType.Real ? Of(LogType.Real, one => LogValue.Of(round(one.Real)), value) : value;
    }

    private static double Round(double value, long digits)
    {
        if (digits >= 0)
        {
            return digits > 15 ? value : Math.Round(value, (int)digits, MidpointRounding.AwayFromZero);
        }

        var scale = Math.Pow(10, Math.Min(-digits, 300));
        return Math.Round(value / scale, MidpointRounding.AwayFromZero) * scale;
    }

    private static Scalar Abs(FunctionCall call)
    {
        var value = call.Value(0);
        if (value.Type is LogType.Int or LogType.Long or LogType.TimeSpan)
        {
            return Of(value.Type, one => LogValue.Of(one.Long < 0 ? unchecked(-one.Long) : one.Long), value);
        }

        return Of(LogType.Real, one => LogValue.Of(Math.Abs(one.Real)), call.Number(0));
    }

    private static Scalar Extreme(FunctionCall call, bool greatest)
    {
        var values = call.Values().ToList();
        var type = values[0].Type;
        foreach (var value in values)
        {
            type = value.Type.IsNumber() && type.IsNumber() && value.Type > type ? value.Type : type;
        }

        Scalar[] of = [.. values.Select((value, at) => ScalarBinder.As(value, type, "What is compared", call.Syntax(at).At))];
        return OfNulls(
            type,
            all =>
            {
                var best = default(LogValue);
                foreach (var each in all)
                {
                    best = each.IsNull || (!best.IsNull && Comparing.Order(type, each, best) * (greatest ? 1 : -1) <= 0) ? best : each;
                }

                return best.IsNull && type == LogType.String ? LogValue.Empty : best;
            },
            of);
    }
}
