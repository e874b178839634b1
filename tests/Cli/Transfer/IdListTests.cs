using Domicile.Cli;
using Domicile.Cli.Transfer;

namespace Domicile.Tests.Cli.Transfer;

/// <summary>Lists of ids as customers have them.</summary>
public sealed class IdListTests
{
    private const string Ada = "8:acs:0f8fad5b-d9cb-469f-a165-70867728950e_1";
    private const string Bo = "8:acs:0f8fad5b-d9cb-469f-a165-70867728950e_2";

    [Theory]
    [InlineData($"{Ada}\n{Bo}\n")]
    [InlineData($"\n  {Ada}\r\n\r\n{Bo}")]
    [InlineData($"customer,acs_id\n1,{Ada}\n2,{Bo}")]
    [InlineData($"acs_id;name\n\"{Ada}\";\"Ada\"\n\"{Bo}\";\"Bo\"")]
    [InlineData($"1\t{Ada}\n2\t{Bo}")]
    [InlineData($$"""{"id":"{{Ada}}"}{{"\n"}}{"communicationUserId":"{{Bo}}","name":"Bo"}""")]
    [InlineData($$"""{"userId":"{{Ada}}"}{{"\n"}}{"rawId":"{{Bo}}"}""")]
    [InlineData($"{Ada}\n{Bo}\n{Ada}")]
    public async Task An_id_a_line_CSV_and_JSON_lines_are_read_from_a_file_and_from_standard_input(string text)
    {
        Assert.Equal([Ada, Bo], await Read("-", text));
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, text, TestContext.Current.CancellationToken);
            Assert.Equal([Ada, Bo], await Read(file, ""));
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Theory]
    [InlineData($"{Ada}\nAda", "Line 2 of standard input")]
    [InlineData($"heading\n{Ada}\nheading", "Line 3 of standard input")]
    [InlineData("{\"name\":\"Ada\"}", "Line 1 of standard input")]
    [InlineData($"{Ada}\n{{broken", "Line 2 of standard input")]
    public async Task A_line_without_an_id_is_named(string text, string expected)
    {
        var failure = await Assert.ThrowsAsync<CommandFailure>(() => Read("-", text));
        Assert.Equal(ExitCode.Usage, failure.ExitCode);
        Assert.Contains(expected, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_is_not_there_is_named() =>
        Assert.Contains("/nowhere/users.csv", (await Assert.ThrowsAsync<CommandFailure>(() => Read("/nowhere/users.csv", ""))).Message, StringComparison.Ordinal);

    private static Task<IReadOnlyList<string>> Read(string path, string input) =>
        IdList.Read(path, "8:acs:", new Terminal(new StringReader(input), TextWriter.Null, TextWriter.Null, _ => null, TimeProvider.System, Interactive: false), TestContext.Current.CancellationToken);
}
