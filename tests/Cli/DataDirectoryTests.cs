using Domicile.Cli;

namespace Domicile.Tests.Cli;

public class DataDirectoryTests
{
    [Theory]
    [InlineData("/given", "/named", "/given")]
    [InlineData(null, "/named", "/named")]
    [InlineData(null, null, "/home/someone/.domicile")]
    public void What_is_nearest_to_the_call_decides(string? given, string? named, string expected)
    {
        var variables = new Dictionary<string, string> { ["HOME"] = "/home/someone" };
        if (named is not null)
        {
            variables["DOMICILE_DATA"] = named;
        }

        Assert.Equal(expected, DataDirectory.Find(given, Typed.Nowhere(variables)).Path);
    }

    [Fact]
    public void Commands_to_copy_name_the_directory_only_where_needed()
    {
        var terminal = Typed.Nowhere(new Dictionary<string, string> { ["HOME"] = "/home/someone" });

        Assert.Equal("domicile serve", DataDirectory.Find(null, terminal).ServeCommand);
        Assert.Equal("domicile serve --data '/my data'", DataDirectory.Find("/my data", terminal).ServeCommand);
    }

    [Theory]
    [InlineData("plain-1.0/x", "plain-1.0/x")]
    [InlineData("", "''")]
    [InlineData("two words", "'two words'")]
    [InlineData("it's", @"'it'\''s'")]
    [InlineData("$(rm)", "'$(rm)'")]
    public void Words_are_quoted_for_the_shell(string word, string expected) => Assert.Equal(expected, Terminal.Quote(word));
}
