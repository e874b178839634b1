using System.Runtime.Versioning;
using System.Text.Json;
using Domicile.Residency;
using Domicile.Server;
using Domicile.Tests.Support;

namespace Domicile.Tests.Server;

public sealed class OptionsReaderTests : IDisposable
{
    private const string Least = """
        {
          "data": "data",
          "geographies": { "Europe": { "domain": "europe.example.org", "certificates": [ { "certificate": "x.pem", "key": "/keys/x.key" } ] } },
          "listen": [ { "address": "0.0.0.0:443" } ]
        }
        """;

    private readonly string _directory = Directory.CreateTempSubdirectory("domicile-options-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void What_is_left_out_is_filled_in_and_paths_count_from_the_file()
    {
        var options = Read(Least);
        var (geography, europe) = Assert.Single(options.Geographies);
        Assert.Equal("Europe", geography.Name);
        Assert.Equal(Path.Combine(_directory, "data"), options.Data);
        Assert.Equal(Path.Combine(_directory, "x.pem"), europe.Certificates[0].Certificate);
        Assert.Equal("/keys/x.key", europe.Certificates[0].Key);
        Assert.Equal(Path.Combine(_directory, "data", "europe", "root.key"), europe.RootKey);
        Assert.Equal(new StoreOptions { Name = "europe", Sqlite = Path.Combine(_directory, "data", "europe") }, Assert.Single(europe.Stores));
        Assert.Equal("127.0.0.1:8540", europe.Administration.Listen.ToString());
        Assert.Equal("admin.europe.example.org", europe.Administration.Name);
        Assert.Equal(TimeSpan.FromSeconds(15), options.Limits.RequestHead);
        Assert.Empty(options.Listen[0].Fronts);
    }

    [Fact]
    public void Geographies_are_known_in_any_spelling_and_hosts_in_any_case()
    {
        var options = Read(Least.Replace("Europe", "unitedSTATES", StringComparison.Ordinal).Replace("europe.example.org", "US.Example.org", StringComparison.Ordinal));
        Assert.Equal("us.example.org", options.Geographies[Geography.Parse("United States")].Domain);
    }

    [Theory]
    [InlineData("\"data\"", "\"dta\"", "dta is no setting. Here there can be: data, geographies, listen, limits, outbound, telemetry.")]
    [InlineData("\"data\": \"data\",", "", "data is missing")]
    [InlineData("\"domain\"", "\"domian\"", "geographies.Europe.domian is no setting")]
    [InlineData("\"domain\"", "\"Domain\"", "geographies.Europe.Domain is no setting")]
    [InlineData("\"key\"", "\"kei\"", "geographies.Europe.certificates[0].kei is no setting")]
    [InlineData("\"Europe\"", "\"Atlantis\"", "geographies.Atlantis is no geography. There are: Africa")]
    [InlineData("0.0.0.0:443", "0.0.0.0", "listen[0].address must be an address and a port")]
    [InlineData("0.0.0.0:443", "somewhere:443", "listen[0].address must be an address and a port")]
    [InlineData("\"europe.example.org\"", "\"europe/example\"", "geographies.Europe.domain must be a host name")]
    [InlineData("\"europe.example.org\"", "5", "geographies.Europe.domain must be a text")]
    [InlineData("\"data\": \"data\"", "\"data\": \" \"", "data must not be empty")]
    [InlineData("\"data\": \"data\"", "\"data\": [\"data\"]", "data must be a text")]
    [InlineData("[ { \"address\": \"0.0.0.0:443\" } ]", "[]", "listen must have at least 1")]
    [InlineData("[ { \"address\": \"0.0.0.0:443\" } ]", "{}", "listen must be a list")]
    [InlineData("[ { \"address\": \"0.0.0.0:443\" } ]", "[ \"0.0.0.0:443\" ]", "listen[0] must be an object")]
    [InlineData("\"data\": \"data\"", "\"data\": \"data\", \"limits\": { \"connections\": 1 }", "limits.connections must be between 16 and 1000000")]
    [InlineData("\"data\": \"data\"", "\"data\": \"data\", \"limits\": { \"connections\": \"500\" }", "limits.connections must be a whole number")]
    [InlineData("\"data\": \"data\"", "\"data\": \"data\", \"limits\": { \"requestHead\": \"15\" }", "limits.requestHead must be a time")]
    [InlineData("\"data\": \"data\"", "\"data\": \"data\", \"limits\": { \"requestHead\": \"01:00:00\" }", "limits.requestHead must be between 00:00:01 and 00:05:00")]
    [InlineData("\"0.0.0.0:443\"", "\"0.0.0.0:443\", \"fronts\": [\"10.0.0.1/8\"]", "listen[0].fronts[0] must be a network")]
    [InlineData("\"data\": \"data\"", "\"data\": \"data\", \"telemetry\": { \"collector\": \"collector:4318\" }", "telemetry.collector must be an origin")]
    [InlineData("\"data\": \"data\"", "\"data\": \"data\", \"telemetry\": { \"collector\": \"https://collector.example.org/v1/metrics\" }", "telemetry.collector must be an origin")]
    [InlineData("\"data\": \"data\"", "\"data\": \"data\", \"telemetry\": { \"collector\": \"https://user:word@collector.example.org\" }", "telemetry.collector must be an origin")]
    [InlineData("\"data\": \"data\"", "\"data\": \"data\", \"telemetry\": { \"collector\": \"ftp://collector.example.org\" }", "telemetry.collector must be an origin")]
    [InlineData("\"data\": \"data\"", "\"data\": \"data\", \"telemetry\": { \"collector\": \"http://collector.example.org:4318\" }", "telemetry.collector must be https")]
    [InlineData("\"data\": \"data\"", "\"data\": \"data\", \"telemetry\": { \"authorizationFile\": \"/etc/domicile/shown\" }", "telemetry.collector names none")]
    [InlineData("\"data\": \"data\"", "\"data\": \"data\", \"telemetry\": { \"protocol\": \"udp\" }", "telemetry.protocol must be http or grpc")]
    [InlineData("\"data\": \"data\"", "\"data\": \"data\", \"telemetry\": { \"interval\": \"00:00:00\" }", "telemetry.interval must be between 00:00:01 and 01:00:00")]
    [InlineData("\"data\": \"data\"", "\"data\": \"data\", \"telemetry\": { \"tracePercent\": 101 }", "telemetry.tracePercent must be between 0 and 100")]
    [InlineData("\"0.0.0.0:443\"", "\"127.0.0.1:8540\"", "127.0.0.1:8540 is to be listened on twice")]
    [InlineData("\"data\": \"data\"", "\"data\": \"data\", \"data\": \"b\"", "has a name twice")]
    [InlineData("\"data\": \"data\"", "\"data\": ", "is not JSON")]
    public void What_is_wrong_is_named_by_its_path(string from, string to, string message)
    {
        var text = Least.Replace(from, to, StringComparison.Ordinal);
        Assert.NotEqual(Least, text);
        var fault = Assert.Throws<StartupException>(() => Read(text));
        Assert.Contains(message, fault.Message, StringComparison.Ordinal);
        Assert.All(fault.Message.Split('\n'), line => Assert.StartsWith(Path.Combine(_directory, "domicile.json"), line, StringComparison.Ordinal));
    }

    [Fact]
    public void Everything_that_is_wrong_is_said_at_once()
    {
        var fault = Assert.Throws<StartupException>(() => Read("""{ "geographies": { "Europe": { "x": 1 }, "Moon": {} }, "listen": [ { "address": 1 } ], "limits": { "headers": 1, "y": 2 } }"""));
        Assert.Equal(8, fault.Message.Split('\n').Length);
    }

    [Fact]
    public void Two_geographies_share_nothing()
    {
        var fault = Assert.Throws<StartupException>(() => Read("""
            {
              "data": "data",
              "geographies": {
                "Europe": { "domain": "example.org", "rootKey": "k", "stores": [ { "name": "a", "sqlite": "d" } ], "certificates": [ { "certificate": "x", "key": "x" } ] },
                "India": { "domain": "india.example.org", "rootKey": "k", "stores": [ { "name": "A", "sqlite": "d/" } ], "certificates": [ { "certificate": "x", "key": "x" } ] }
              },
              "listen": [ { "address": "0.0.0.0:443" } ]
            }
            """));
        foreach (var part in new[] { "within the domain of Europe", "the store name", "two stores have the directory", "two geographies have the root key", "127.0.0.1:8540 is to be listened on twice" })
        {
            Assert.Contains(part, fault.Message, StringComparison.Ordinal);
        }
    }

    private static string OnPostgres(string postgres, string rootKey = "\"rootKey\": \"k\",") => $$"""
        {
          "data": "data",
          "geographies": {
            "Europe": {
              "domain": "europe.example.org", {{rootKey}}
              "stores": [ { "name": "eu-1", "postgres": { {{postgres}} } } ],
              "certificates": [ { "certificate": "x", "key": "x" } ]
            }
          },
          "listen": [ { "address": "0.0.0.0:443" } ]
        }
        """;

    private const string Data = "\"data\": \"Host=localhost;Database=domicile;Username=domicile\"";
    private const string Keys = "\"keys\": \"Host=localhost;Database=domicile_keys;Username=keys\"";
    private const string Ledger = "\"erasureLedger\": \"e\"";

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public void A_store_on_PostgreSQL_has_two_databases_whose_passwords_come_from_files_or_variables()
    {
        using var directory = new TemporaryDirectory();
        File.WriteAllText(directory["password"], "pass word;\nnot this\n");
        File.SetUnixFileMode(directory["password"], UnixFileMode.UserRead);
        var options = Read(
            OnPostgres($"{Data}, {Keys}, {Ledger}, \"dataPasswordFile\": {JsonSerializer.Serialize(directory["password"])}"),
            ("DOMICILE__GEOGRAPHIES__EUROPE__STORES__0__POSTGRES__KEYS", "Host=localhost;Database=k;Username=u;Password=from-a-variable"));
        var store = Assert.Single(options.Geographies[Geography.Parse("Europe")].Stores);
        var (data, keys, _) = store.Postgres!.Store("here");
        Assert.True(data.HasPassword && keys.HasPassword);
        Assert.Equal(("domicile on localhost:5432", "k on localhost:5432"), (data.ToString(), keys.ToString()));
        File.SetUnixFileMode(directory["password"], UnixFileMode.UserRead | UnixFileMode.OtherRead);
        Assert.Contains("others may read", Assert.Throws<StartupException>(() => store.Postgres.Store("here")).Message, StringComparison.Ordinal);
        File.Delete(directory["password"]);
        Assert.Throws<StartupException>(() => store.Postgres.Store("here"));
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public void What_a_collector_is_shown_comes_from_a_file_that_nobody_else_may_read_and_is_a_header_value()
    {
        using var directory = new TemporaryDirectory();
        var options = new TelemetryOptions { AuthorizationFile = directory["shown"] };
        File.WriteAllText(directory["shown"], "Bearer SECRET\nnot this\n");
        File.SetUnixFileMode(directory["shown"], UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Assert.Equal("Bearer SECRET", options.Authorization("here"));
        foreach (var unfit in (string[])["Bearer SECRET ", "Bearer S\u00C9CRET", "\tSECRET", ""])
        {
            File.WriteAllText(directory["shown"], $"{unfit}\n");
            var fault = Assert.Throws<StartupException>(() => options.Authorization("here"));
            Assert.Contains("here.authorizationFile", fault.Message, StringComparison.Ordinal);
            Assert.DoesNotContain("CRET", fault.Message, StringComparison.Ordinal);
        }

        File.WriteAllText(directory["shown"], "Bearer SECRET");
        File.SetUnixFileMode(directory["shown"], UnixFileMode.UserRead | UnixFileMode.OtherRead);
        Assert.Contains("others may read", Assert.Throws<StartupException>(() => options.Authorization("here")).Message, StringComparison.Ordinal);
        Assert.Null(new TelemetryOptions().Authorization("here"));
    }

    [Theory]
    [InlineData("\"data\": \"Host=localhost;Database=d;Username=u;Password=SECRET\"", "postgres.data has a password, which belongs in")]
    [InlineData("\"data\": \"Host=localhost;Database=d;Username=u;Passwort=SECRET\"", "postgres.data is no connection string")]
    [InlineData("\"data\": \"SECRET\"", "postgres.data is no connection string")]
    [InlineData("\"data\": \"Database=d;Username=u\"", "postgres.data must name its Host")]
    [InlineData("\"data\": \"Host=localhost;Username=u\"", "postgres.data must name its Database")]
    [InlineData("\"data\": \"Host=localhost;Database=d\"", "postgres.data must name its Username")]
    [InlineData("\"data\": \"Host=db.example.org;Database=d;Username=u\"", "postgres.data must have SSL Mode=VerifyFull")]
    [InlineData("\"data\": \"Host=127.0.0.1,10.0.0.7;Database=d;Username=u;SSL Mode=Require\"", "postgres.data must have SSL Mode=VerifyFull")]
    [InlineData("\"data\": \"Host=localhost;Database=d;Username=u;Target Session Attributes=standby\"", "postgres.data must have the Target Session Attributes primary")]
    [InlineData("\"data\": \"Host=localhost,other:5433;Database=domicile_keys;Username=u;SSL Mode=VerifyFull\"", "postgres.data and geographies.Europe.stores[0].postgres.keys are one database")]
    public void A_connection_that_cannot_be_right_is_told_without_its_secret(string data, string told)
    {
        var fault = Assert.Throws<StartupException>(() => Read(OnPostgres($"{data}, {Keys}, {Ledger}")));
        Assert.Contains(told, fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("SECRET", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_store_is_on_one_engine_and_on_PostgreSQL_what_nodes_share_is_named()
    {
        var fault = Assert.Throws<StartupException>(() => Read(OnPostgres($"{Data}, {Keys}, {Ledger}", rootKey: "")));
        Assert.Contains("geographies.Europe.rootKey is missing: with PostgreSQL it names a file that all nodes", fault.Message, StringComparison.Ordinal);
        fault = Assert.Throws<StartupException>(() => Read(OnPostgres($"{Data}, {Keys}")));
        Assert.Contains("postgres.erasureLedger is missing", fault.Message, StringComparison.Ordinal);
        const string Sqlite = "DOMICILE__GEOGRAPHIES__EUROPE__STORES__0__SQLITE";
        fault = Assert.Throws<StartupException>(() => Read(OnPostgres($"{Data}, {Keys}, {Ledger}"), (Sqlite, "directory")));
        Assert.Contains("stores[0] must have either sqlite or postgres", fault.Message, StringComparison.Ordinal);
        fault = Assert.Throws<StartupException>(() => Read(Least, ("DOMICILE__GEOGRAPHIES__EUROPE__STORES__0__NAME", "eu")));
        Assert.Contains("stores[0] must have either sqlite or postgres", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_stores_share_no_database_and_no_erasure_ledger()
    {
        var second = "\"stores\": [ { \"name\": \"eu-2\", \"postgres\": { " + $"{Keys.Replace("keys\":", "data\":", StringComparison.Ordinal)}, \"keys\": \"Host=localhost;Database=more;Username=u\", {Ledger}" + " } }, ";
        var fault = Assert.Throws<StartupException>(() => Read(OnPostgres($"{Data}, {Keys}, {Ledger}").Replace("\"stores\": [", second, StringComparison.Ordinal)));
        Assert.Contains("the stores eu-2 and eu-1 have the database domicile_keys on localhost:5432", fault.Message, StringComparison.Ordinal);
        Assert.Contains("the stores eu-2 and eu-1 have one erasure ledger", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_administration_name_is_within_the_domain() =>
        Assert.Contains("administration.name must be europe.example.org or below it",
            Assert.Throws<StartupException>(() => Read(Least, ("DOMICILE__GEOGRAPHIES__EUROPE__ADMINISTRATION__NAME", "admin.india.example.org"))).Message, StringComparison.Ordinal);

    [Fact]
    public void Variables_override_the_file()
    {
        var options = Read(Least,
            ("DOMICILE__LIMITS__CONNECTIONS", "500"),
            ("DOMICILE__limits__requestHead", "00:00:20"),
            ("DOMICILE__LISTEN__0__ADDRESS", "127.0.0.1:8443"),
            ("DOMICILE__LISTEN__0__FRONTS__0", "10.0.0.0/8"),
            ("DOMICILE__LISTEN__1__ADDRESS", "127.0.0.1:9443"),
            ("DOMICILE__GEOGRAPHIES__EUROPE__DOMAIN", "eu.example.org"),
            ("DOMICILE__GEOGRAPHIES__UNITEDSTATES__DOMAIN", "us.example.org"),
            ("DOMICILE__GEOGRAPHIES__UNITEDSTATES__ADMINISTRATION__LISTEN", "127.0.0.1:8541"),
            ("DOMICILE__GEOGRAPHIES__UNITEDSTATES__CERTIFICATES__0__KEY", "/k"),
            ("DOMICILE__GEOGRAPHIES__UNITEDSTATES__CERTIFICATES__0__CERTIFICATE", "/c"),
            ("DOMICILE_DATA", "elsewhere"),
            ("PATH", "/bin"));
        Assert.Equal(500, options.Limits.Connections);
        Assert.Equal(TimeSpan.FromSeconds(20), options.Limits.RequestHead);
        Assert.Equal(["127.0.0.1:8443", "127.0.0.1:9443"], options.Listen.Select(listen => listen.Address.ToString()));
        Assert.Equal("10.0.0.0/8", Assert.Single(options.Listen[0].Fronts).ToString());
        Assert.Equal("eu.example.org", options.Geographies[Geography.Parse("Europe")].Domain);
        Assert.Equal("us.example.org", options.Geographies[Geography.Parse("United States")].Domain);
    }

    [Theory]
    [InlineData("DOMICILE__LIMIT__CONNECTIONS")]
    [InlineData("DOMICILE__LIMITS")]
    [InlineData("DOMICILE__")]
    [InlineData("DOMICILE__LIMITS__CONNECTIONS__X")]
    [InlineData("DOMICILE__LISTEN__5__ADDRESS")]
    [InlineData("DOMICILE__LISTEN__X__ADDRESS")]
    [InlineData("DOMICILE__GEOGRAPHIES__MOON__DOMAIN")]
    public void A_variable_that_names_no_setting_stops_the_start(string name) =>
        Assert.Contains($"the variable {name} names no setting", Assert.Throws<StartupException>(() => Read(Least, (name, "1"))).Message, StringComparison.Ordinal);

    [Fact]
    public void A_variable_with_a_wrong_value_is_named_by_the_settings_path() =>
        Assert.Contains("limits.connections must be a whole number", Assert.Throws<StartupException>(() => Read(Least, ("DOMICILE__LIMITS__CONNECTIONS", "many"))).Message, StringComparison.Ordinal);

    [Fact]
    public void A_file_that_is_not_there_is_named()
    {
        var fault = Assert.Throws<StartupException>(() => OptionsReader.Read(Path.Combine(_directory, "missing.json"), []));
        Assert.Contains("missing.json", fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', fault.Message);
    }

    private ServeOptions Read(string text, params (string Name, string Value)[] variables)
    {
        var path = Path.Combine(_directory, "domicile.json");
        File.WriteAllText(path, text);
        return OptionsReader.Read(path, variables.Select(variable => KeyValuePair.Create(variable.Name, variable.Value)));
    }
}
