namespace Domicile.Cli;

/// <summary>Finds the word that was meant.</summary>
internal static class Spelling
{
    /// <summary>The word that is at most a third of the letters away (insertions, deletions, replacements, two neighbours that changed places), or none.</summary>
    public static string? Closest(string wrong, IEnumerable<string> words)
    {
        var (best, distance) = words
            .Select(word => (Word: word, Distance: Distance(wrong, word)))
            .OrderBy(pair => pair.Distance)
            .FirstOrDefault();
        return best is not null && distance <= Math.Max(1, best.Length / 3) ? best : null;
    }

    private static int Distance(string left, string right)
    {
        // A word far longer than any of ours is not a slip of the finger.
        if (left.Length > 40)
        {
            return int.MaxValue;
        }

        var (before, last, row) = (new int[right.Length + 1], new int[right.Length + 1], Enumerable.Range(0, right.Length + 1).ToArray());
        for (var i = 1; i <= left.Length; i++)
        {
            (before, last, row) = (last, row, before);
            row[0] = i;
            for (var j = 1; j <= right.Length; j++)
            {
                row[j] = Math.Min(last[j - 1] + (Same(i, j) ? 0 : 1), Math.Min(last[j], row[j - 1]) + 1);
                if (i > 1 && j > 1 && Same(i, j - 1) && Same(i - 1, j))
                {
                    row[j] = Math.Min(row[j], before[j - 2] + 1);
                }
            }
        }

        return row[right.Length];

        bool Same(int i, int j) => char.ToLowerInvariant(left[i - 1]) == char.ToLowerInvariant(right[j - 1]);
    }
}
