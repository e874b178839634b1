using System.CommandLine;
using Domicile.Server;

namespace Domicile.Cli;

/// <summary><c>domicile serve</c>: hands over to the server.</summary>
internal static class ServeCommand
{
    public const string Name = "serve";

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
        var postgres = new Option<string?>("--postgres")
        {
            HelpName = "FILE",
            Description = "Development on PostgreSQL in place of SQLite: a file with one connection string. With Database=NAME, each geography has the databases NAME_europe and NAME_europe_keys, and so on, which must exist",
        };
        var verb = new Verb(
            Name,
            "Starts the server and runs until SIGTERM or Ctrl+C.",
            "serve",
            "serve --data ./data --port 0",
            "serve --config /etc/domicile/domicile.json")
        {
            options.Data, port, configuration, postgres,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            var file = parsed.GetValue(configuration);
            var given = parsed.GetValue(options.Data);
            if (file is not null && parsed.GetValue(postgres) is not null)
            {
                throw new CommandFailure("--postgres is for development; with --config, the configuration names the stores.");
            }

            // A configuration may name the directory: then the default must not overrule it.
            var data = file is not null && given is null && string.IsNullOrEmpty(terminal.Variable("DOMICILE_DATA"))
                ? null
                : DataDirectory.Find(given, terminal).Path;
            try
            {
                return await Serve(new ServeRequest(data, parsed.GetValue(port), file) { PostgresFile = parsed.GetValue(postgres) }, terminal, cancel);
            }
            catch (StartupException refused)
            {
                throw new CommandFailure(refused.Message);
            }
        });
        return verb;
    }

    /// <summary>Where the command meets the server.</summary>
    private static Task<int> Serve(ServeRequest request, Terminal terminal, CancellationToken cancel) => Node.Serve(request, terminal.Output, cancel);
}
