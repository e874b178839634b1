using System.Globalization;

namespace Domicile.Bench;

/// <summary>A Markdown table on the console.</summary>
internal sealed class Table(params string[] heads)
{
    private readonly List<string[]> _rows = [];

    public void Add(params object[] cells) => _rows.Add([.. cells.Select(cell => Convert.ToString(cell, CultureInfo.InvariantCulture)!)]);

    public void Print()
    {
        Write(heads);
        Write([.. heads.Select((_, i) => i == 0 ? "---" : "---:")]);
        _rows.ForEach(Write);
        Console.WriteLine();
    }

    private static void Write(string[] cells) => Console.WriteLine($"| {string.Join(" | ", cells)} |");
}

internal static class Figures
{
    public static double Median(this IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted.Count == 0 ? double.NaN
            : sorted.Count % 2 == 1 ? sorted[sorted.Count / 2]
            : (sorted[(sorted.Count / 2) - 1] + sorted[sorted.Count / 2]) / 2;
    }

    public static string Thousands(this double value) => value.ToString("N0", CultureInfo.InvariantCulture);

    public static string Of(this double value, int decimals) => value.ToString("F" + decimals.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
}
