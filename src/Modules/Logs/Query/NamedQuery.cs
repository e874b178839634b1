using System.Text.RegularExpressions;

namespace Domicile.Modules.Logs.Query;

/// <summary>A query that an operator of a resource runs again and again, ready to be run: the files of <c>docs/queries</c>.</summary>
/// <param name="Name">The file's name without its ending, such as <c>chat-latency</c>.</param>
/// <param name="Title">What it is called: the first remark of the file.</param>
/// <param name="Shows">What it shows: the remarks that follow.</param>
/// <param name="Text">The query.</param>
internal sealed partial record NamedQuery(string Name, string Title, string Shows, string Text)
{
    private const string Folder = "queries/";
    private const string Ending = ".kql";

    /// <summary>All of them, by name.</summary>
    public static IReadOnlyDictionary<string, NamedQuery> All { get; } = Read();

    /// <summary>The tables that it reads.</summary>
    public IReadOnlyList<string> Tables { get; } = [.. TableName().Matches(Text).Select(match => match.Value).Distinct()];

    /// <summary>Whether one of its tables is enough.</summary>
    public bool TakesAnyTable { get; } = Text.Contains("isfuzzy=true", StringComparison.Ordinal);

    /// <summary>What whoever runs it may set: its constants, each as it stands in the text.</summary>
    public IReadOnlyList<(string Name, string Literal)> Values { get; } = [.. Constant().Matches(Text).Select(match => (match.Groups["name"].Value, match.Groups["literal"].Value))];

    /// <summary>Reads a file.</summary>
    public static NamedQuery Of(string name, string file)
    {
        var lines = file.Split('\n');
        var remarks = lines.TakeWhile(line => line.StartsWith("//", StringComparison.Ordinal)).Select(line => line[2..].Trim()).ToList();
        return new NamedQuery(name, remarks.FirstOrDefault(name), string.Join(' ', remarks.Skip(1)), string.Join('\n', lines.Skip(remarks.Count)).TrimEnd());
    }

    [GeneratedRegex(@"\bACS[A-Za-z]+\b", RegexOptions.CultureInvariant)]
    private static partial Regex TableName();

    [GeneratedRegex(@"^let (?<name>\w+) = (?<literal>[^;\n]+);$", RegexOptions.CultureInvariant | RegexOptions.Multiline)]
    private static partial Regex Constant();

    private static SortedDictionary<string, NamedQuery> Read()
    {
        var queries = new SortedDictionary<string, NamedQuery>(StringComparer.Ordinal);
        var assembly = typeof(NamedQuery).Assembly;
        foreach (var resource in assembly.GetManifestResourceNames().Where(name => name.StartsWith(Folder, StringComparison.Ordinal) && name.EndsWith(Ending, StringComparison.Ordinal)))
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(resource)!);
            var name = resource[Folder.Length..^Ending.Length];
            queries.Add(name, Of(name, reader.ReadToEnd().ReplaceLineEndings("\n")));
        }

        return queries;
    }
}
