using System.CommandLine;
using System.Globalization;

namespace Domicile.Cli;

/// <summary>The options and arguments that several commands share.</summary>
internal sealed class CommonOptions
{
    /// <summary>Options that read their defaults from the terminal's environment.</summary>
    public CommonOptions(Terminal terminal)
    {
        Geography.CompletionSources.Add(context => Installation.KnownGeographies(context.ParseResult.GetValue(Data), terminal));
    }

    /// <summary>The data directory.</summary>
    public Option<string?> Data { get; } = new("--data")
    {
        HelpName = "DIR",
        Description = "The server's data directory. Default: $DOMICILE_DATA, else ~/.domicile",
    };

    /// <summary>Which geography is meant.</summary>
    public Option<string?> Geography { get; } = new("--geography")
    {
        HelpName = "G",
        Description = "A geography, such as Europe or 'United States'; spaces and case do not matter",
    };

    /// <summary>Machines read the answer.</summary>
    public Option<bool> Json { get; } = new("--json") { Description = "Print JSON" };

    /// <summary>A resource, as an argument.</summary>
    public static Argument<string> Resource() => new("NAME|ID") { Description = "The resource's name or id" };

    /// <summary>An option that takes a whole number, and says in our words what is wrong with any other.</summary>
    public static Option<int?> Number(string name, string helpName, string description, int least, int most) => new(name)
    {
        HelpName = helpName,
        Description = description,
        CustomParser = result =>
        {
            var text = result.Tokens.Count == 1 ? result.Tokens[0].Value : "";
            if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most)
            {
                return number;
            }

            result.AddError($"{name} takes a whole number from {least} to {most}, not '{text}'.");
            return null;
        },
    };
}
