namespace Domicile.Cli;

/// <summary>Columns of plain text: no lines, no colours, so that it reads the same in a terminal, a file and a pipe.</summary>
internal sealed class Table
{
    private readonly List<string[]> rows = [];

    /// <summary>A table with a heading.</summary>
    public Table(params string[] heading)
    {
        if (heading.Length > 0)
        {
            Add([.. heading.Select(word => word.ToUpperInvariant())]);
        }
    }

    /// <summary>Adds a row; rows may differ in length.</summary>
    public void Add(params string[] cells) => rows.Add([.. cells.Select(Clean)]);

    /// <summary>Writes it, the columns two spaces apart and nothing behind the last.</summary>
    public void Write(TextWriter output)
    {
        var columns = rows.Count == 0 ? 0 : rows.Max(row => row.Length);
        var widths = Enumerable.Range(0, columns)
            .Select(column => rows.Max(row => column < row.Length ? row[column].Length : 0))
            .ToArray();
        foreach (var row in rows)
        {
            output.WriteLine(string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
        }
    }

    /// <summary>Text from elsewhere must not steer the terminal.</summary>
    public static string Clean(string text) =>
        text.Any(char.IsControl) ? string.Concat(text.Select(letter => char.IsControl(letter) ? '\uFFFD' : letter)) : text;
}
