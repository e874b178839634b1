using System.CommandLine;
using Domicile.Cli;

namespace Domicile.Tests.Cli;

public class CommandLineTests
{
    [Theory]
    [InlineData("", "followed by one of")]
    [InlineData("resource", "followed by one of")]
    [InlineData("resource lst", "Did you mean 'list'?")]
    [InlineData("srve", "Did you mean 'serve'?")]
    [InlineData("frobnicate", "followed by one of: serve, resource")]
    [InlineData("serve --prot 1", "Did you mean '--port'?")]
    [InlineData("serve --port abc", "a whole number from 0 to 65535, not 'abc'")]
    [InlineData("serve --port 65536", "a whole number from 0 to 65535, not '65536'")]
    [InlineData("serve --port -1", "serve --help")]
    [InlineData("serve --config", "--config")]
    [InlineData("resource show", "NAME|ID")]
    [InlineData("resource show a b", "does not know 'b'")]
    [InlineData("resource create shop --id 5", "--id takes the id of an ACS resource")]
    [InlineData("resource create shop --id 00000000-0000-0000-0000-000000000000", "--id takes the id")]
    [InlineData("resource keys regenerate demo", "--key")]
    [InlineData("resource keys regenerate demo --key third", "primary")]
    [InlineData("identity list", "--resource")]
    [InlineData("token", "--role")]
    [InlineData("token --role king", "privacy")]
    [InlineData("token --role owner --minutes 0", "from 1 to 1440")]
    [InlineData("completion fish", "zsh")]
    [InlineData("resource show @file --bad", "--bad")]
    [InlineData("import", "followed by one of")]
    [InlineData("import ads", "Did you mean 'acs'?")]
    [InlineData("export --resorce shop", "Did you mean '--resource'?")]
    [InlineData("resource show --geogrpahy Europe", "Did you mean '--geography'?")]
    [InlineData("import acs --resource shop", "--users")]
    [InlineData("import acs --users users.csv --resource shop", "ACS_CONNECTION_STRING")]
    [InlineData("import acs --users users.csv --resource shop --at-once 33", "a whole number from 1 to 32, not '33'")]
    [InlineData("import acs --user users.csv --resource shop", "Did you mean '--users'?")]
    [InlineData("import acs --connection-string-file /nowhere/acs.txt --users users.csv --resource shop", "/nowhere/acs.txt")]
    [InlineData("import file --resource shop", "FILE")]
    [InlineData("export shop.jsonl --resource shop", "--reason")]
    [InlineData("logs query demo", "either typed or named")]
    [InlineData("logs query demo print --named chat-latency", "either typed or named")]
    [InlineData("logs query demo print --with a=b", "--with goes with --named")]
    [InlineData("test", "followed by one of")]
    [InlineData("test trun 5m", "Did you mean 'turn'?")]
    [InlineData("test fault ChatThread_SendChatMessage broken", "tooMany")]
    [InlineData("serve --ephemeral --port 0", "leave out --data, --port")]
    [InlineData("serve --ready-file ready.json", "go with --ephemeral")]
    [InlineData("serve --ephemeral --geography Atlantis", "is no geography. Examples: Europe")]
    public async Task A_wrong_call_is_answered_with_what_to_do(string line, string expected)
    {
        var typed = await Typed.Run(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));

        Assert.Equal(ExitCode.Usage, typed.ExitCode);
        Assert.Contains(expected, typed.Error, StringComparison.Ordinal);
        Assert.Contains("--help", typed.Error, StringComparison.Ordinal);
        Assert.Empty(typed.Output);
        Assert.DoesNotContain("Exception", typed.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_command_shows_an_example_and_each_example_is_understood()
    {
        var root = CommandLine.Describe(Typed.Nowhere());
        var verbs = Below(root).ToList();

        Assert.NotEmpty(verbs);
        Assert.All(verbs, command =>
        {
            var verb = Assert.IsType<Verb>(command);
            Assert.NotEmpty(verb.Examples);
            Assert.All(verb.Examples, example => Assert.Empty(root.Parse(Words(example)).Errors));
        });
    }

    [Fact]
    public async Task Help_ends_with_examples_as_they_are_typed_here()
    {
        var typed = await Typed.Run(new Dictionary<string, string> { ["DOMICILE_COMMAND"] = "./domicile" }, null, "resource", "create", "--help");

        Assert.Equal(ExitCode.Ok, typed.ExitCode);
        Assert.Contains("Examples:\n  ./domicile resource create shop --geography Europe\n", typed.Output, StringComparison.Ordinal);
        Assert.Empty(typed.Error);
    }

    [Fact]
    public async Task Help_is_given_whatever_else_is_wrong() =>
        Assert.Equal(ExitCode.Ok, (await Typed.Run("token", "--role", "king", "--help")).ExitCode);

    [Fact]
    public async Task Every_command_and_option_is_completed()
    {
        var verbs = Below(CommandLine.Describe(Typed.Nowhere()), "").ToList();
        Assert.Contains("import acs", verbs.Select(verb => verb.Path));
        foreach (var (path, verb) in verbs)
        {
            var above = path.Contains(' ', StringComparison.Ordinal) ? path[..path.LastIndexOf(' ')] + " " : "";
            Assert.Contains(verb.Name, await Completed($"domicile {above}"));
            Assert.Empty(verb.Options.Where(option => !option.Hidden).Select(option => option.Name).Except(await Completed($"domicile {path} --")));
        }

        Assert.Contains("chat-of-a-person", await Completed("domicile logs query demo --named "));
        static async Task<string[]> Completed(string line) => (await Typed.Run($"[suggest:{line.Length}]", line)).Output.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries);
    }

    [Fact]
    public async Task Every_command_without_what_it_needs_or_with_a_word_too_many_says_what_to_do()
    {
        foreach (var (path, verb) in Below(CommandLine.Describe(Typed.Nowhere()), ""))
        {
            var wrong = await Typed.Run([.. path.Split(' '), "--frobnicate"]);
            Assert.Equal(ExitCode.Usage, wrong.ExitCode);
            Assert.Contains("'--frobnicate'", wrong.Error, StringComparison.Ordinal);
            Assert.Contains($"domicile {path} --help", wrong.Error, StringComparison.Ordinal);
            var help = await Typed.Run([.. path.Split(' '), "--help"]);
            Assert.Equal(ExitCode.Ok, help.ExitCode);
            Assert.Contains($"  domicile {((Verb)verb).Examples[0]}", help.Output, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("bash", "complete -o default")]
    [InlineData("zsh", "compdef")]
    public async Task Completion_prints_a_script(string shell, string expected) =>
        Assert.Contains(expected, (await Typed.Run("completion", shell)).Output, StringComparison.Ordinal);

    [Fact]
    public async Task Without_a_home_a_directory_has_to_be_named()
    {
        var typed = await Typed.Run("resource", "list");

        Assert.Equal(ExitCode.Usage, typed.ExitCode);
        Assert.Contains("--data", typed.Error, StringComparison.Ordinal);
        Assert.Contains("DOMICILE_DATA", typed.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_directory_without_a_server_says_how_to_start_one()
    {
        var typed = await Typed.Run(new Dictionary<string, string> { ["HOME"] = "/nowhere" }, null, "resource", "list");

        Assert.Equal(ExitCode.Failure, typed.ExitCode);
        Assert.Contains("/nowhere/.domicile", typed.Error, StringComparison.Ordinal);
        Assert.Contains("domicile serve", typed.Error, StringComparison.Ordinal);
    }

    /// <summary>As a shell splits it, up to where the shell's own part begins.</summary>
    private static string[] Words(string line) =>
        [.. line.Split(" >>")[0].Split('\'').SelectMany((part, index) => index % 2 == 1 ? [part] : part.Split(' ', StringSplitOptions.RemoveEmptyEntries))];

    private static IEnumerable<(string Path, Command Verb)> Below(Command command, string path) =>
        command.Subcommands.SelectMany(next => Below(next, $"{path} {next.Name}".Trim()).Prepend(($"{path} {next.Name}".Trim(), next)));

    private static IEnumerable<Command> Below(Command command) =>
        command.Subcommands.SelectMany(next => Below(next).Prepend(next));
}
