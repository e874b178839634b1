using System.Reflection;
using Domicile.Cli;
using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Server;
using Domicile.Storage;
using Domicile.Tests.Conversations;

namespace Domicile.Tests.Architecture;

/// <summary>What can leave is declared, and the published list is what is declared.</summary>
public sealed class EgressTests
{
    private static readonly Assembly[] Built = [typeof(Terminal).Assembly, typeof(Node).Assembly, typeof(Call).Assembly, typeof(Home).Assembly, typeof(Catalogue).Assembly];

    // Types with which code can send something out of the process otherwise than into a file that it is given.
    private static readonly HashSet<string> Senders =
    [
        "System.Net.Sockets.Socket", "System.Net.Sockets.TcpClient", "System.Net.Sockets.UdpClient", "System.Net.Sockets.NetworkStream", "System.Net.Http.HttpClient",
        "System.Net.Http.HttpMessageInvoker", "System.Net.Http.SocketsHttpHandler", "System.Net.Http.HttpClientHandler", "System.Net.WebSockets.ClientWebSocket", "System.Net.Dns",
        "System.Net.NetworkInformation.Ping", "System.Net.Mail.SmtpClient", "System.Net.Quic.QuicConnection", "System.Net.WebRequest", "System.Diagnostics.Process",
        "System.IO.Pipes.NamedPipeClientStream", "System.IO.Pipes.NamedPipeServerStream",
    ];

    private static readonly string[] SendingPackages = ["Npgsql", "StackExchange.Redis", "Amazon", "Azure", "OpenTelemetry.Exporter"];

    private static readonly IReadOnlyList<EgressFlow> Flows = [.. ProductModules.Flows, .. CliFlows.All];

    /// <summary>With <c>DOMICILE_WRITE_DOCS=1</c> this writes the document instead of comparing it.</summary>
    [Fact]
    public void The_committed_list_of_flows_is_current()
    {
        var path = Path.Combine(Repository.Root, "docs", "egress.md");
        if (Environment.GetEnvironmentVariable("DOMICILE_WRITE_DOCS") == "1")
        {
            File.WriteAllText(path, EgressDocument.ToMarkdown(Flows));
        }

        Assert.True(
            File.Exists(path) && File.ReadAllText(path) == EgressDocument.ToMarkdown(Flows),
            "docs/egress.md is stale: run this test with DOMICILE_WRITE_DOCS=1 and commit the file.");
    }

    [Fact]
    public void Every_flow_says_what_it_carries_where_and_who_decides() => Assert.All(Flows, flow =>
        Assert.All((string[])[flow.Name, flow.Data, flow.Destination, flow.WhoDecides], text => Assert.False(string.IsNullOrWhiteSpace(text) || text.Contains('|', StringComparison.Ordinal))));

    [Fact]
    public void Code_that_can_send_is_named_by_a_flow() => Assert.Empty(Undeclared([.. Built.SelectMany(AssemblyFacts.UsesOf)]));

    [Fact]
    public void Code_that_can_send_and_is_named_by_none_is_found()
    {
        var spy = new TypeFact("Domicile.Modules", "Domicile.Modules.Chat", "Spy");
        Assert.Single(Undeclared([new UseFact(spy, new TypeFact("System.Net.NameResolution", "System.Net", "Dns"), true)]));
        Assert.Single(Undeclared([new UseFact(spy, new TypeFact("Npgsql", "Npgsql", "NpgsqlConnection"), true)]));
        Assert.Empty(Undeclared([new UseFact(spy, new TypeFact("System.Net.Primitives", "System.Net", "IPAddress"), true)]));
    }

    [Fact]
    public void The_code_that_sends_is_seen()
    {
        var senders = Built.SelectMany(AssemblyFacts.UsesOf).Where(use => CanSend(use.Used)).Select(use => use.User.ToString()).ToHashSet();
        Assert.Superset(new HashSet<string> { typeof(AdminClient).FullName!, "Domicile.Server.Listeners", "Domicile.Cli.Doctor.Machine" }, senders);
    }

    [Fact]
    public void The_launcher_opens_no_diagnostics_port() =>
        Assert.Contains("export DOTNET_EnableDiagnostics=${DOTNET_EnableDiagnostics:-0}", File.ReadAllText(Path.Combine(Repository.Root, "domicile")), StringComparison.Ordinal);

    private static List<string> Undeclared(IReadOnlyCollection<UseFact> uses)
    {
        var declared = Flows.SelectMany(flow => flow.Through).Select(type => type.FullName).ToHashSet();
        return [.. uses.Where(use => CanSend(use.Used) && !declared.Contains(use.User.ToString())).Select(use => $"{use.User} uses {use.Used}: declare the flow.").Distinct()];
    }

    private static bool CanSend(TypeFact type) =>
        Senders.Contains(type.ToString()) || SendingPackages.Any(package => type.Namespace == package || type.Namespace.StartsWith($"{package}.", StringComparison.Ordinal));
}
