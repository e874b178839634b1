using System.Text.Json;

namespace Domicile.Cli.Transfer;

/// <summary>A list of ids in a file or on standard input: one a line, CSV with an id in one of its columns, or JSON lines with an id in one of their members.</summary>
internal static class IdList
{
    private const int Most = 10_000_000;
    private static readonly string[] Members = ["id", "userId", "communicationUserId", "rawId", "threadId", "user", "thread"];

    /// <summary>Reads a list.</summary>
    /// <param name="path">The file; <c>-</c> for standard input.</param>
    /// <param name="prefix">What every id begins with.</param>
    /// <param name="terminal">For standard input.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="CommandFailure">It cannot be read, or a line has no id.</exception>
    public static async Task<IReadOnlyList<string>> Read(string path, string prefix, Terminal terminal, CancellationToken cancel)
    {
        var ids = new List<string>();
        var known = new HashSet<string>(StringComparer.Ordinal);
        try
        {
            using var file = path == "-" ? null : new StreamReader(path);
            var reader = file ?? terminal.Input;
            for (var number = 1; await reader.ReadLineAsync(cancel) is { } line; number++)
            {
                if (string.IsNullOrWhiteSpace(line))
                {
                    continue;
                }

                if (IdIn(line.Trim(), prefix) is { } id)
                {
                    if (known.Add(id))
                    {
                        ids.Add(id);
                    }
                }
                else if (number > 1 || line.TrimStart().StartsWith('{'))
                {
                    // A first line without an id is a heading.
                    throw CommandFailure.Usage($"Line {number} of {(path == "-" ? "standard input" : path)} has no id that begins with {prefix}: one id a line, CSV with the id in a column, or JSON lines with a member such as \"id\".");
                }

                if (ids.Count > Most)
                {
                    throw CommandFailure.Usage($"There are more than {Most} ids. Split the list; each part can be moved for itself.");
                }
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw CommandFailure.Usage($"The list {path} cannot be read: {failure.Message}");
        }

        return ids;
    }

    private static string? IdIn(string line, string prefix)
    {
        if (!line.StartsWith('{'))
        {
            return line.Split(',', ';', '\t').Select(cell => cell.Trim().Trim('"')).FirstOrDefault(cell => cell.StartsWith(prefix, StringComparison.Ordinal));
        }

        try
        {
            var json = JsonElement.Parse(line);
            return Members.Select(name => json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null)
                .FirstOrDefault(text => text?.StartsWith(prefix, StringComparison.Ordinal) == true);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
