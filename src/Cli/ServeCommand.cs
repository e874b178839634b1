using System.CommandLine;
using Domicile.Server;

namespace Domicile.Cli;

/// <summary><c>domicile serve</c>: hands over to the server.</summary>
internal static class ServeCommand
{
    /// <summary>The command.</summary>
    public static Command Describe(CommonOptions options, Terminal terminal)
    {
        var port = CommonOptions.Number(
            "--port", "BASE", "The first port to listen on, remembered in the data directory; 0 takes free ones", 0, 65535);
        var configuration = new Option<string?>("--config")
        {
            HelpName = "FILE",
            Description = "The configuration of a production server. Without it the server is in development mode: demo resources and a certificate authority of its own",
        };
        var verb = new Verb(
            "serve",
            "Starts the server and runs until SIGTERM or Ctrl+C.",
            "serve",
            "serve --data ./data --port 0",
            "serve --config /etc/domicile/domicile.json")
        {
            options.Data, port, configuration,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            var file = parsed.GetValue(configuration);
            var given = parsed.GetValue(options.Data);

            // A configuration may name the directory: then the default must not overrule it.
            var data = file is not null && given is null && string.IsNullOrEmpty(terminal.Variable("DOMICILE_DATA"))
                ? null
                : DataDirectory.Find(given, terminal).Path;
            try
            {
                return await Serve(data, parsed.GetValue(port), file, terminal, cancel);
            }
            catch (StartupException refused)
            {
                throw new CommandFailure(refused.Message);
            }
        });
        return verb;
    }

    /// <summary>Where the command meets the server: this body becomes the call of the server's entry point when there is one.</summary>
    /// <param name="data">The data directory; none when only the configuration may name it.</param>
    /// <param name="basePort">The first port; none for the remembered one.</param>
    /// <param name="configuration">The configuration file; none for development mode.</param>
    /// <param name="terminal">For what the server prints.</param>
    /// <param name="cancel">Set by SIGTERM and SIGINT.</param>
    private static Task<int> Serve(string? data, int? basePort, string? configuration, Terminal terminal, CancellationToken cancel) =>
        Node.Serve(new ServeRequest(data, basePort, configuration), terminal.Output, cancel);
}
