using System.Runtime.Versioning;
using System.Text.Json;
using Domicile.Cli;
using Microsoft.AspNetCore.Http;

namespace Domicile.Tests.Cli;

[UnsupportedOSPlatform("windows")]
public class AdministrationTests
{
    [Fact]
    public async Task Resources_of_all_geographies_are_listed_with_a_readers_token()
    {
        await using var server = await FakeAdministration.Start("Europe", "United States");

        var typed = await Run(server, "resource", "list");

        Assert.Equal(ExitCode.Ok, typed.ExitCode);
        var lines = typed.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(3, lines.Length);
        Assert.StartsWith("NAME  GEOGRAPHY      ENDPOINT", lines[0], StringComparison.Ordinal);
        Assert.StartsWith("demo  Europe         https://demo.example", lines[1], StringComparison.Ordinal);
        Assert.EndsWith("2026-02-03 04:05:06Z", lines[2], StringComparison.Ordinal);
        Assert.All(server.Asked.Where(asked => !asked.StartsWith("basic", StringComparison.Ordinal)), asked => Assert.StartsWith("reader GET", asked, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_list_is_read_to_its_end_and_is_JSON_when_asked()
    {
        await using var server = await FakeAdministration.Start("Europe");
        server.NextLink = _ => $"{server.Endpoints[0]}/resources?continuation=2";

        var typed = await Run(server, "resource", "list", "--json");

        using var json = JsonDocument.Parse(typed.Output);
        Assert.Equal("demo", json.RootElement[0].GetProperty("name").GetString());
        Assert.Equal(2, server.Asked.Count(asked => asked == "reader GET /resources"));
    }

    [Fact]
    public async Task A_token_is_not_carried_to_another_origin()
    {
        await using var server = await FakeAdministration.Start("Europe");
        server.NextLink = _ => "https://localhost:1/resources?continuation=2";

        var typed = await Run(server, "resource", "list");

        Assert.Equal(ExitCode.Failure, typed.ExitCode);
        Assert.Contains("another origin", typed.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_redirect_is_not_followed()
    {
        await using var server = await FakeAdministration.Start("Europe");
        server.Instead = context =>
        {
            context.Response.Redirect("/tokens");
            return Task.CompletedTask;
        };

        var typed = await Run(server, "resource", "list");

        Assert.Equal(ExitCode.Failure, typed.ExitCode);
        Assert.Contains("answered 302", typed.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_resource_is_created_with_the_id_it_had_in_ACS()
    {
        await using var server = await FakeAdministration.Start("Europe");
        var id = Guid.NewGuid().ToString();

        var typed = await Run(server, "resource", "create", "shop", "--id", id);

        Assert.Equal(ExitCode.Ok, typed.ExitCode);
        Assert.Contains(id, typed.Output, StringComparison.Ordinal);
        Assert.Contains("owner POST /resources", server.Asked);
        Assert.Equal(id, server.Resources["Europe"][1]["id"]);
    }

    [Fact]
    public async Task Where_data_shall_rest_is_never_guessed()
    {
        await using var server = await FakeAdministration.Start("Europe", "India");

        var typed = await Run(server, "resource", "create", "shop");

        Assert.Equal(ExitCode.Usage, typed.ExitCode);
        Assert.Contains("--geography with one of Europe, India", typed.Error, StringComparison.Ordinal);
        Assert.Empty(server.Asked);
    }

    [Fact]
    public async Task A_geography_is_found_without_spaces_and_case()
    {
        await using var server = await FakeAdministration.Start("Europe", "United States");

        Assert.Equal(ExitCode.Ok, (await Run(server, "resource", "create", "shop", "--geography", "unitedSTATES")).ExitCode);
        Assert.Equal(2, server.Resources["United States"].Count);
    }

    [Fact]
    public async Task A_geography_that_is_not_served_is_answered_with_those_that_are()
    {
        await using var server = await FakeAdministration.Start("Europe");

        var typed = await Run(server, "resource", "list", "--geography", "Atlantis");

        Assert.Equal(ExitCode.Usage, typed.ExitCode);
        Assert.Contains("It serves Europe.", typed.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_in_several_geographies_asks_which()
    {
        await using var server = await FakeAdministration.Start("Europe", "India");

        var typed = await Run(server, "resource", "show", "demo");

        Assert.Equal(ExitCode.Usage, typed.ExitCode);
        Assert.Contains("Europe, India", typed.Error, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Ok, (await Run(server, "resource", "show", "demo", "--geography", "india")).ExitCode);
        Assert.Equal(ExitCode.Ok, (await Run(server, "resource", "show", server.Resources["India"][0]["id"])).ExitCode);
    }

    [Theory]
    [InlineData("missing", ExitCode.Failure)]
    [InlineData("..", ExitCode.Usage)]
    [InlineData("a/../../x", ExitCode.Failure)]
    public async Task A_resource_that_is_not_there_is_said_to_be_missing(string name, int code)
    {
        await using var server = await FakeAdministration.Start("Europe");

        var typed = await Run(server, "resource", "show", name);

        Assert.Equal(code, typed.ExitCode);
        Assert.Contains(name, typed.Error, StringComparison.Ordinal);
        Assert.DoesNotContain(server.Asked, asked => asked.EndsWith("/x", StringComparison.Ordinal) && !asked.Contains("/resources/", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_servers_own_words_are_shown_when_it_refuses()
    {
        await using var server = await FakeAdministration.Start("Europe");

        var typed = await Run(server, "resource", "create", "demo");

        Assert.Equal(new Typed(ExitCode.Failure, "", "domicile: That name is taken. Choose another.\n"), typed);
    }

    [Fact]
    public async Task Nothing_is_deleted_when_nobody_can_be_asked()
    {
        await using var server = await FakeAdministration.Start("Europe");

        var typed = await Run(server, "resource", "delete", "demo");

        Assert.Equal(ExitCode.Usage, typed.ExitCode);
        Assert.Contains("--yes", typed.Error, StringComparison.Ordinal);
        Assert.Single(server.Resources["Europe"]);
    }

    [Theory]
    [InlineData("demo", ExitCode.Ok, 0)]
    [InlineData("yes", ExitCode.Failure, 1)]
    [InlineData("", ExitCode.Failure, 1)]
    public async Task Who_deletes_types_the_name(string answer, int code, int left)
    {
        await using var server = await FakeAdministration.Start("Europe");

        var typed = await Typed.Run(new Dictionary<string, string>(), answer + "\n", "resource", "delete", "demo", "--data", server.Directory);

        Assert.Equal(code, typed.ExitCode);
        Assert.Equal(left, server.Resources["Europe"].Count);
    }

    [Fact]
    public async Task Keys_are_printed_as_they_are()
    {
        await using var server = await FakeAdministration.Start("Europe");

        var text = await Run(server, "resource", "keys", "show", "demo");
        var json = await Run(server, "resource", "keys", "regenerate", "demo", "--key", "Secondary", "--json");

        Assert.Contains($"endpoint=https://demo.example/;accesskey={FakeAdministration.PrimaryKey}", text.Output, StringComparison.Ordinal);
        Assert.Contains($"\"primaryKey\": \"{FakeAdministration.PrimaryKey}\"", json.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_the_token_is_on_standard_output()
    {
        await using var server = await FakeAdministration.Start("Europe");

        var typed = await Run(server, "token", "--role", "privacy", "--minutes", "5");

        Assert.Equal(new Typed(ExitCode.Ok, "token-Europe-privacy\n", ""), typed);
        using var json = JsonDocument.Parse((await Run(server, "token", "--role", "privacy", "--minutes", "5", "--json")).Output);
        Assert.Equal(DateTimeOffset.UnixEpoch.AddMinutes(5), json.RootElement.GetProperty("expiresOn").GetDateTimeOffset());
    }

    [Fact]
    public async Task Identities_are_listed()
    {
        await using var server = await FakeAdministration.Start("Europe");

        Assert.Contains("8:acs:", (await Run(server, "identity", "list", "--resource", "demo")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_inventory_is_readable_whatever_its_shape()
    {
        await using var server = await FakeAdministration.Start("Europe");

        var text = (await Run(server, "inventory")).Output;
        using var json = JsonDocument.Parse((await Run(server, "inventory", "--json")).Output);

        Assert.Contains("chat.message", text, StringComparison.Ordinal);
        Assert.Contains("NAME     SEALED", text, StringComparison.Ordinal);
        Assert.Equal("Europe", json.RootElement[0].GetProperty("geography").GetString());
    }

    [Fact]
    public async Task A_server_that_does_not_run_is_told_in_one_line()
    {
        await using var server = await FakeAdministration.Start("Europe");
        await server.Stop();

        var typed = await Run(server, "resource", "list");

        Assert.Equal(ExitCode.Failure, typed.ExitCode);
        Assert.Single(typed.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains($"Start it: domicile serve --data {server.Directory}", typed.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_authority_is_not_trusted_and_sees_no_credential()
    {
        await using var server = await FakeAdministration.Start("Europe");
        await server.TrustSomeoneElse();

        var typed = await Run(server, "resource", "list");

        Assert.Equal(ExitCode.Failure, typed.ExitCode);
        Assert.Contains("certificate", typed.Error, StringComparison.Ordinal);
        Assert.Empty(server.Asked);
    }

    [Fact]
    public async Task A_credential_does_not_travel_in_the_clear()
    {
        await using var server = await FakeAdministration.Start("Europe");
        await server.WriteAdminFile(["Europe"], ["http://localhost:8540"]);

        var typed = await Run(server, "resource", "list");

        Assert.Equal(ExitCode.Failure, typed.ExitCode);
        Assert.DoesNotContain(FakeAdministration.Secret, typed.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("""{"credential":{"id":"a","secret":null},"geographies":[{"name":"Europe","endpoint":"https://localhost:1"}]}""")]
    [InlineData("""{"credential":{"id":"a","secret":"b"},"geographies":[]}""")]
    [InlineData("""{"credential":{"id":"a","secret":"b"},"geographies":[{"name":"Europe","endpoint":"x"}]}""")]
    public async Task A_broken_credential_file_says_what_to_do(string content)
    {
        await using var server = await FakeAdministration.Start("Europe");
        await File.WriteAllTextAsync(Path.Combine(server.Directory, "admin.json"), content, TestContext.Current.CancellationToken);

        var typed = await Run(server, "resource", "list");

        Assert.Equal(ExitCode.Failure, typed.ExitCode);
        Assert.Contains("start the server", typed.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_credential_that_others_can_read_is_pointed_out()
    {
        await using var server = await FakeAdministration.Start("Europe");
        File.SetUnixFileMode(Path.Combine(server.Directory, "admin.json"), (UnixFileMode)0b110_100_100);

        var typed = await Run(server, "resource", "list");

        Assert.Equal(ExitCode.Ok, typed.ExitCode);
        Assert.Contains("chmod 600", typed.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(200, "application/json", "not json", "not understood")]
    [InlineData(200, "application/json", "{\"value\":null}", "not understood")]
    [InlineData(500, "text/plain", "oops", "answered 500")]
    [InlineData(503, "application/problem+json", "broken", "answered 503")]
    [InlineData(403, "application/problem+json", "{\"title\":\"Needs\\u001b[2J another role.\"}", "Needs\uFFFD[2J another role.")]
    public async Task Whatever_the_server_answers_the_command_ends_in_a_sentence(int status, string type, string body, string expected)
    {
        await using var server = await FakeAdministration.Start("Europe");
        server.Instead = context =>
        {
            context.Response.StatusCode = status;
            context.Response.ContentType = type;
            return context.Response.WriteAsync(body);
        };

        var typed = await Run(server, "resource", "list");

        Assert.Equal(ExitCode.Failure, typed.ExitCode);
        Assert.Contains(expected, typed.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Names_from_the_server_do_not_steer_the_terminal()
    {
        await using var server = await FakeAdministration.Start("Europe");
        server.Add("Europe", "evil\u001b[2J", Guid.NewGuid());

        Assert.DoesNotContain('\u001b', (await Run(server, "resource", "list")).Output);
    }

    private static Task<Typed> Run(FakeAdministration server, params string[] arguments) => Typed.Run([.. arguments, "--data", server.Directory]);
}
