using System.Text.Json;
using Domicile.Residency;
using Domicile.Server;

namespace Domicile.Tests.Server;

/// <summary>With <c>DOMICILE_WRITE_DOCS=1</c> these write the documents instead of comparing them.</summary>
public sealed class ConfigurationTextTests
{
    [Fact]
    public void The_committed_schema_is_current() => AssertCurrent("configuration.schema.json", ConfigurationText.Schema());

    [Fact]
    public void The_committed_example_is_current() => AssertCurrent("configuration.example.json", ConfigurationText.Example());

    [Fact]
    public void The_example_can_be_read_as_it_stands()
    {
        var path = Path.GetTempFileName();
        File.WriteAllText(path, ConfigurationText.Example());
        var options = OptionsReader.Read(path, []);
        Assert.Equal("admin.europe.example.org", options.Geographies[Geography.Parse("Europe")].Administration.Name);
        Assert.Equal(new LimitOptions(), options.Limits);
        File.Delete(path);
    }

    [Fact]
    public void The_schema_forbids_what_is_no_setting()
    {
        using var schema = JsonDocument.Parse(ConfigurationText.Schema());
        Assert.False(schema.RootElement.GetProperty("additionalProperties").GetBoolean());
        var geography = schema.RootElement.GetProperty("properties").GetProperty("geographies").GetProperty("additionalProperties");
        Assert.False(geography.GetProperty("additionalProperties").GetBoolean());
        Assert.Equal(["domain", "certificates"], geography.GetProperty("required").EnumerateArray().Select(name => name.GetString()));
    }

    private static void AssertCurrent(string name, string expected)
    {
        var path = Path.Combine(Root(), "docs", name);
        if (Environment.GetEnvironmentVariable("DOMICILE_WRITE_DOCS") == "1")
        {
            File.WriteAllText(path, expected);
        }

        Assert.True(File.Exists(path) && File.ReadAllText(path) == expected, $"docs/{name} is stale: run this test with DOMICILE_WRITE_DOCS=1 and commit the file.");
    }

    private static string Root()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory.FullName, "Domicile.slnx")))
        {
            directory = directory.Parent ?? throw new InvalidOperationException("The tests do not run from the repository.");
        }

        return directory.FullName;
    }
}
