namespace Domicile.Modules.Logs.Query;

/// <summary>Values of one type as values of another; null where there is none.</summary>
internal static class Conversion
{
    /// <summary>Converts, as <c>tolong</c>, <c>tostring</c> and their like do.</summary>
    public static LogValue Convert(LogType from, LogType to, LogValue value)
    {
        if (from == to)
        {
            return value.Sealed is null ? value : LogValue.Of(value.Text);
        }

        if (value.IsNull)
        {
            return to == LogType.String ? LogValue.Empty : LogValue.Null;
        }

        if (to == LogType.String)
        {
            return LogValue.Of(LogText.Of(from, value));
        }

        if (to == LogType.Dynamic)
        {
            return LogValue.Of(LogDynamic.Of(from, value));
        }

        if (from == LogType.Dynamic)
        {
            var json = value.Dynamic!;
            return json.Type == LogType.Dynamic ? LogValue.Null : Convert(json.Type, to, json.Scalar);
        }

        if (from == LogType.String)
        {
            return Literals.Convert(to, value.Text);
        }

        return to switch
        {
            LogType.Bool when from.IsNumber() => LogValue.Of(from == LogType.Real ? value.Real != 0 : value.Long != 0),
            LogType.Int when from == LogType.Real => Whole(value.Real, int.MinValue, int.MaxValue),
            LogType.Int when from is LogType.Long or LogType.Bool => value.Long is >= int.MinValue and <= int.MaxValue ? LogValue.Of(value.Long) : LogValue.Null,
            LogType.Long when from == LogType.Real => Whole(value.Real, long.MinValue, long.MaxValue),
            LogType.Long when from is LogType.Int or LogType.Bool or LogType.DateTime or LogType.TimeSpan => LogValue.Of(value.Long),
            LogType.Real when from is LogType.Int or LogType.Long or LogType.Bool or LogType.DateTime or LogType.TimeSpan => LogValue.Of((double)value.Long),
            LogType.DateTime when from is LogType.Long => value.Long >= 0 && value.Long <= DateTime.MaxValue.Ticks ? LogValue.Of(value.Long) : LogValue.Null,
            LogType.TimeSpan when from is LogType.Long => LogValue.Of(value.Long),
            _ => LogValue.Null,
        };
    }

    private static LogValue Whole(double value, double least, double most) =>
        double.IsNaN(value) || value < least || value >= most + 1 ? LogValue.Null : LogValue.Of((long)Math.Truncate(value));
}
