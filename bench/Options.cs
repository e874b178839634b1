using System.Globalization;

namespace Domicile.Bench;

/// <summary>The name of a benchmark and its <c>--option value</c> pairs.</summary>
internal sealed class Options
{
    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);

    public Options(string[] arguments)
    {
        Arguments = arguments;
        Name = arguments.FirstOrDefault() ?? "";
        for (var i = 1; i + 1 < arguments.Length; i += 2)
        {
            _values[arguments[i].TrimStart('-')] = arguments[i + 1];
        }
    }

    public IReadOnlyList<string> Arguments { get; }

    public string Name { get; }

    public string Text(string name, string otherwise) => _values.GetValueOrDefault(name, otherwise);

    public string Text(string name) => _values.TryGetValue(name, out var value) ? value : throw new ArgumentException($"--{name} is missing.");

    public int Number(string name, int otherwise) =>
        _values.TryGetValue(name, out var value) ? int.Parse(value, CultureInfo.InvariantCulture) : otherwise;

    public IReadOnlyList<int> Numbers(string name, string otherwise) =>
        [.. Text(name, otherwise).Split(',').Select(part => int.Parse(part, CultureInfo.InvariantCulture))];
}
