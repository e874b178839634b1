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
        var ephemeral = new Option<bool>("--ephemeral")
        {
            Description = "For a test-suite: one geography on free ports, in a directory that is removed at the end. When the server is ready it prints one line of JSON with its connection strings, its certificate authority and an administrator token",
        };
        var readyFile = new Option<string?>("--ready-file") { HelpName = "FILE", Description = "With --ephemeral: where that line is written as well; only its owner can read it. The file appears when the server is ready, and is whole" };
        var verb = new Verb(
            Name,
            "Starts the server and runs until SIGTERM or Ctrl+C.",
            "serve",
            "serve --data ./data --port 0",
            "serve --ephemeral --ready-file ready.json",
            "serve --config /etc/domicile/domicile.json")
        {
            options.Data, port, configuration, postgres, ephemeral, readyFile, options.Geography,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            var file = parsed.GetValue(configuration);
            var given = parsed.GetValue(options.Data);
            if (file is not null && parsed.GetValue(postgres) is not null)
            {
                throw new CommandFailure("--postgres is for development; with --config, the configuration names the stores.");
            }

            if (parsed.GetValue(ephemeral))
            {
                return await ServeEphemeral(parsed, file is not null || given is not null || parsed.GetValue(postgres) is not null || parsed.GetValue(port) is not null, cancel);
            }

            if (parsed.GetValue(readyFile) is not null || parsed.GetValue(options.Geography) is not null)
            {
                throw CommandFailure.Usage("--ready-file and --geography go with --ephemeral.");
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

        async Task<int> ServeEphemeral(ParseResult parsed, bool namesMore, CancellationToken cancel)
        {
            if (namesMore)
            {
                throw CommandFailure.Usage("--ephemeral makes its own directory and takes free ports: leave out --data, --port, --postgres and --config.");
            }

            var named = parsed.GetValue(options.Geography) ?? "Europe";
            if (!Residency.Geography.TryParse(named, out var geography))
            {
                throw CommandFailure.Usage($"'{Table.Clean(named)}' is no geography. Examples: Europe, 'United States', India, 'Asia Pacific'.");
            }

            // Only its owner can read it, from its first moment on.
            var directory = Directory.CreateTempSubdirectory("domicile-").FullName;
            var request = new ServeRequest(directory, 0, null)
            {
                Geographies = [geography.Name],
                IsEphemeral = true,
                ReadyFile = parsed.GetValue(readyFile) is { } path ? Path.GetFullPath(path) : null,
            };
            try
            {
                return await Serve(request, terminal, cancel);
            }
            catch (StartupException refused)
            {
                throw new CommandFailure(refused.Message);
            }
        }
    }

    /// <summary>Where the command meets the server.</summary>
    private static async Task<int> Serve(ServeRequest request, Terminal terminal, CancellationToken cancel)
    {
        // A signal before the command has returned to its caller would end the process with 143, and not the server in order. A start may need to wait for nothing, and be ready by then.
        await Task.Yield();
        return await Node.Serve(request, terminal.Output, cancel);
    }
}
