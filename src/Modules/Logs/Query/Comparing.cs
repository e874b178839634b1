namespace Domicile.Modules.Logs.Query;

/// <summary>The order of values of one type.</summary>
internal static class Comparing
{
    /// <summary>Less than, equal to or greater than 0. Neither is null.</summary>
    public static int Order(LogType type, LogValue one, LogValue two) => type switch
    {
        LogType.Real => one.Real.CompareTo(two.Real),
        LogType.String => string.CompareOrdinal(one.Text, two.Text),
        LogType.Guid => one.Guid.CompareTo(two.Guid),
        LogType.Dynamic => OrderDynamic(one.Dynamic!, two.Dynamic!),
        _ => one.Long.CompareTo(two.Long),
    };

    /// <summary>Numbers by their value, else one type after the other, arrays and bags by their JSON.</summary>
    private static int OrderDynamic(LogDynamic one, LogDynamic two)
    {
        if (one.Type.IsNumber() && two.Type.IsNumber())
        {
            return Number(one).CompareTo(Number(two));
        }

        if (one.Type != two.Type)
        {
            return one.Type.CompareTo(two.Type);
        }

        return one.Type == LogType.Dynamic ? string.CompareOrdinal(one.ToJson(), two.ToJson()) : Order(one.Type, one.Scalar, two.Scalar);
    }

    private static double Number(LogDynamic value) => value.Type == LogType.Real ? value.Scalar.Real : value.Scalar.Long;
}
