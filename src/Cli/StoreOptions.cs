using System.CommandLine;
using Domicile.Server;

namespace Domicile.Cli;

/// <summary>The options that say which stores a command is about: those of a configuration, or of a development directory.</summary>
internal sealed class StoreOptions(CommonOptions options, Terminal terminal)
{
    /// <summary>The production server's configuration.</summary>
    public Option<string?> Configuration { get; } = new("--config")
    {
        HelpName = "FILE",
        Description = "The configuration of a production server, which names its stores. Without it: those of the development server in --data",
    };

    /// <summary>The stores that were meant.</summary>
    public StoreSelection Selection(ParseResult parsed)
    {
        var file = parsed.GetValue(Configuration);
        return new StoreSelection(file is null ? DataDirectory.Find(parsed.GetValue(options.Data), terminal).Path : null, file, parsed.GetValue(options.Geography));
    }

    /// <summary>Says a refusal as a command says it.</summary>
    public static async Task<T> Guarded<T>(Task<T> work)
    {
        try
        {
            return await work;
        }
        catch (StartupException refused)
        {
            throw new CommandFailure(refused.Message);
        }
    }
}
