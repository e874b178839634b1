using System.Globalization;
using Domicile.Storage.Sqlite;
using Domicile.Tests.Support;

namespace Domicile.Tests.Server;

/// <summary>A start that is refused says in one line what to do, and changes nothing.</summary>
[Trait("length", "full")]
public sealed class RefusedStartTests(StoppedServer stopped) : IClassFixture<StoppedServer>, IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private string Data => _directory["data"];

    public static TheoryData<string, string> Damages => new()
    {
        { "admin.json is not JSON", "admin.json is damaged. Put it back, or remove it" },
        { "admin.json is null", "admin.json is damaged. Put it back, or remove it" },
        { "admin.json has no credential", "admin.json is damaged. Put it back, or remove it" },
        { "ports.json is not JSON", "ports.json is damaged. Put it back, or remove it" },
        { "ports.json has a port that is none", "ports.json is damaged. Put it back, or remove it" },
        { "a root key is missing", "india/root.key is missing. Without it nothing in India can be read; put it back" },
        { "a root key is another geography's", "india/root.key is of Europe, not of India" },
        { "a root key is damaged", "india/root.key is damaged. Put it back" },
        { "a key store is missing", "india/keys.db is missing. Without it nothing in" },
        { "a database is missing", "india/data.db is missing, but there are keys for it. Put it back" },
        { "a database is of a newer version", "The database holds later.thing, which this version of the program does not know. Use the version that wrote it" },
        { "a database is another geography's", "data never moves between geographies" },
    };

    [Theory]
    [MemberData(nameof(Damages))]
    public async Task A_damaged_directory_is_left_as_it_is(string damage, string says)
    {
        stopped.CopyTo(Data);
        Damage(damage);
        await AssertRefused(says, "--data", Data);
    }

    [Fact]
    public async Task A_port_in_use_stops_the_first_start_before_anything_is_made()
    {
        var first = PortRange.Base();
        using (PortRange.Take(first + 2))
        {
            await AssertRefused($"Port {first + 2} of 127.0.0.1 is in use. Stop the program that has it", "--data", Data, "--port", Text(first));
        }

        using (PortRange.Take(first + 103))
        {
            await AssertRefused($"Port {first + 103} of 127.0.0.1 is in use. Stop the program that has it", "--data", Data, "--port", Text(first));
        }

        Assert.False(Directory.Exists(Data));
    }

    [Fact]
    public async Task A_port_in_use_stops_a_move_before_anything_is_moved()
    {
        stopped.CopyTo(Data);
        var first = PortRange.Base();
        using (PortRange.Take(first + 3))
        {
            await AssertRefused($"Port {first + 3} of 127.0.0.1 is in use", "--data", Data, "--port", Text(first));
        }
    }

    [Fact]
    public async Task A_base_port_without_room_above_it_is_refused()
    {
        await AssertRefused("The base port 65500 leaves no room for the ports above it. Give a lower one with --port.", "--data", Data, "--port", "65500");
        Assert.False(Directory.Exists(Data));
    }

    [Fact]
    public async Task A_path_that_cannot_be_a_directory_is_refused()
    {
        File.WriteAllText(_directory["file"], "not a directory");
        await AssertRefused("must be a directory that this user can read and write", "--data", _directory["file"], "--port", "0");
        await AssertRefused("must be a directory that this user can read and write", "--data", Path.Combine(_directory["file"], "below"), "--port", "0");
        Assert.Equal("not a directory", File.ReadAllText(_directory["file"]));
    }

    [Fact]
    public async Task A_second_server_on_the_same_directory_is_refused_and_the_first_goes_on()
    {
        stopped.CopyTo(Data);
        await using var first = await ProgramRun.Serve("--data", Data);

        // The first one's own background work is done with: its audit logs are as far as there is anything to say.
        foreach (var geography in (string[])["Europe", "United States", "India", "Asia Pacific"])
        {
            await ProgramRun.Command("audit", "checkpoint", "--geography", geography, "--data", Data);
        }

        await AssertRefused("Another server is using", "--data", Data);
        await AssertRefused("Another server is using", "--data", Data, "--port", Text(PortRange.Base()));
        Assert.Contains("demo", await ProgramRun.Command("resource", "list", "--data", Data), StringComparison.Ordinal);
        await first.Stop();
    }

    [Theory]
    [InlineData("""{ "data": "data", "geografies": {}, "listen": [] }""", "geografies")]
    [InlineData("""{ "data": "data", "limits": { "connexions": 5 } }""", "connexions")]
    [InlineData("{", "config.json")]
    public async Task A_configuration_that_is_not_understood_is_refused_by_the_name_of_what_is_wrong(string configuration, string says)
    {
        File.WriteAllText(_directory["config.json"], configuration);
        var before = DirectoryListing.Of(_directory.Path);
        var (code, output, errors) = await Run("--config", _directory["config.json"]);
        Assert.NotEqual(0, code);
        Assert.Empty(output);
        Assert.Contains(says, errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", errors, StringComparison.Ordinal);
        Assert.Equal(before, DirectoryListing.Of(_directory.Path));
    }

    [Fact]
    public async Task One_unknown_setting_is_one_line()
    {
        WriteConfiguration(PortRange.Base(), """ "connexions": 5 """);
        await AssertRefused("connexions", "--config", _directory["config.json"]);
    }

    [Fact]
    public async Task A_production_server_makes_nothing_before_it_has_its_certificates_and_addresses()
    {
        var port = PortRange.Base();
        WriteConfiguration(port);
        await AssertRefused("The certificate of Europe cannot be read", "--config", _directory["config.json"]);
        TestCertificate.In(_directory.Path, "eu").Write(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(9), "contoso.europe.test");
        await AssertRefused("No certificate of Europe is for admin.europe.test", "--config", _directory["config.json"]);
        TestCertificate.In(_directory.Path, "eu").Write(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(9), "*.europe.test");
        using (PortRange.Take(port))
        {
            await AssertRefused($"Port {port} of 127.0.0.1 is in use", "--config", _directory["config.json"]);
        }

        Assert.False(Directory.Exists(Data));
    }

    public void Dispose() => _directory.Dispose();

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static async Task<(int Code, string Output, string Errors)> Run(params string[] arguments)
    {
        await using var run = ProgramRun.Start(["serve", .. arguments]);
        return await run.End();
    }

    private async Task AssertRefused(string says, params string[] arguments)
    {
        var before = DirectoryListing.Of(_directory.Path);
        var (code, output, errors) = await Run(arguments);
        Assert.NotEqual(0, code);
        Assert.Empty(output);
        Assert.Contains(says, errors, StringComparison.Ordinal);
        Assert.StartsWith("domicile: ", errors, StringComparison.Ordinal);
        Assert.Single(errors.TrimEnd('\n').Split('\n'));
        Assert.Equal(before, DirectoryListing.Of(_directory.Path));
    }

    private void WriteConfiguration(int port, string limits = "") => File.WriteAllText(_directory["config.json"], $$"""
        {
          "data": "data",
          "geographies": {
            "Europe": {
              "domain": "europe.test",
              "certificates": [ { "certificate": "eu.pem", "key": "eu.key" } ],
              "administration": { "listen": "127.0.0.1:{{port + 1}}" }
            }
          },
          "listen": [ { "address": "127.0.0.1:{{port}}" } ],
          "limits": { {{limits}} }
        }
        """);

    private void Damage(string damage)
    {
        var india = Path.Combine(Data, "india");
        switch (damage)
        {
            case "admin.json is not JSON":
                File.WriteAllText(Path.Combine(Data, "admin.json"), "{");
                break;
            case "admin.json is null":
                File.WriteAllText(Path.Combine(Data, "admin.json"), "null");
                break;
            case "admin.json has no credential":
                File.WriteAllText(Path.Combine(Data, "admin.json"), "{}");
                break;
            case "ports.json is not JSON":
                File.WriteAllText(Path.Combine(Data, "ports.json"), "base: 8440");
                break;
            case "ports.json has a port that is none":
                File.WriteAllText(Path.Combine(Data, "ports.json"), """{ "base": 0, "administration": { "europe": 65536 } }""");
                break;
            case "a root key is missing":
                File.Delete(Path.Combine(india, "root.key"));
                break;
            case "a root key is another geography's":
                File.Copy(Path.Combine(Data, "europe", "root.key"), Path.Combine(india, "root.key"), overwrite: true);
                break;
            case "a root key is damaged":
                File.WriteAllText(Path.Combine(india, "root.key"), "0000");
                break;
            case "a key store is missing":
                File.Delete(Path.Combine(india, "keys.db"));
                break;
            case "a database is missing":
                File.Delete(Path.Combine(india, "data.db"));
                break;
            case "a database is of a newer version":
                Execute(india, "INSERT INTO engine_kind (name, columns) VALUES ('later.thing', 'id Integer*;')");
                break;
            case "a database is another geography's":
                Execute(india, "UPDATE engine_setting SET value = 'europe' WHERE name = 'geography'");
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(damage), damage, null);
        }
    }

    private static void Execute(string directory, string sql)
    {
        using var session = SqliteSession.Open(Path.Combine(directory, "data.db"), readOnly: false);
        session.Execute(sql);
    }
}
