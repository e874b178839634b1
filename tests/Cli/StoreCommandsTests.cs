using System.Text.Json;
using Domicile.Cli;
using Domicile.Residency;
using Domicile.Server;
using Domicile.Storage;
using Domicile.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace Domicile.Tests.Cli;

/// <summary>What an operator does with the stores of a development directory, through the commands.</summary>
public sealed class StoreCommandsTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Data => _directory["data"];

    private ScaleUnitOptions Europe => new(Geography.Parse("Europe"), Path.Combine(Data, "europe"));

    public void Dispose() => _directory.Dispose();

    private Task<ScaleUnit> Open() => ScaleUnit.Open(Europe, ProductModules.Catalogue(), TimeProvider.System, NullLogger.Instance, Cancel);

    private Task<Typed> Run(params string[] arguments) => Typed.Run([.. arguments, "--data", Data, "--geography", "Europe"]);

    [Fact]
    public async Task Check_says_what_a_start_would_make_and_makes_nothing()
    {
        var typed = await Run("store", "check");
        Assert.Equal(ExitCode.Failure, typed.ExitCode);
        Assert.Contains("make the root key", typed.Output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Data));
    }

    [Fact]
    public async Task Migrate_does_what_check_said_and_then_nothing_is_pending()
    {
        Directory.CreateDirectory(Europe.Directory);
        var migrated = await Run("store", "migrate");
        Assert.Equal(ExitCode.Ok, migrated.ExitCode);
        Assert.Contains("done", migrated.Output, StringComparison.Ordinal);
        var check = await Run("store", "check", "--json");
        Assert.Equal(ExitCode.Ok, check.ExitCode);
        var reply = JsonElement.Parse(check.Output);
        Assert.Equal((0, 0, 2), (reply.GetProperty("wrong").GetInt32(), reply.GetProperty("pending").GetInt32(), reply.GetProperty("databases").GetArrayLength()));
    }

    [Fact]
    public async Task Check_tells_of_an_index_that_is_missing_and_migrate_builds_it()
    {
        await (await Open()).DisposeAsync();
        Tamper("DROP INDEX " + IndexName());
        var check = await Run("store", "check");
        Assert.Equal(ExitCode.Failure, check.ExitCode);
        Assert.Contains("europe data: build the index ix_", check.Output, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Ok, (await Run("store", "migrate")).ExitCode);
        Assert.Equal(ExitCode.Ok, (await Run("store", "check")).ExitCode);
    }

    [Theory]
    [InlineData("geography", "belongs to another geography")]
    [InlineData("kind", "does not know")]
    [InlineData("root", "another root key")]
    [InlineData("no root", "no root key file")]
    [InlineData("no keys", "is missing")]
    [InlineData("garbage", "cannot be read as a database")]
    public async Task Check_says_what_is_wrong_and_migrate_refuses_it(string wrong, string expected)
    {
        await (await Open()).DisposeAsync();
        var (data, keys, root) = (Path.Combine(Europe.Directory, "data.db"), Path.Combine(Europe.Directory, "keys.db"), Path.Combine(Europe.Directory, "root.key"));
        switch (wrong)
        {
            case "geography":
                Tamper("UPDATE engine_setting SET value = 'india' WHERE name = 'geography'");
                break;
            case "kind":
                Tamper("INSERT INTO engine_kind (name, columns) VALUES ('later.kind', '')");
                break;
            case "root":
                File.Delete(root);
                FileKeyProvider.Create(root, Europe.Geography, TimeProvider.System).Dispose();
                break;
            case "no root":
                File.Delete(root);
                break;
            case "no keys":
                File.Delete(keys);
                break;
            default:
                await File.WriteAllTextAsync(data, string.Concat(Enumerable.Repeat("no database ", 1_000)), Cancel);
                break;
        }

        var check = await Run("store", "check");
        Assert.Equal(ExitCode.Failure, check.ExitCode);
        Assert.Contains("WRONG", check.Output, StringComparison.Ordinal);
        Assert.Contains(expected, check.Output, StringComparison.Ordinal);
        var migrate = await Run("store", "migrate");
        Assert.Equal(ExitCode.Failure, migrate.ExitCode);
        Assert.Contains(expected, migrate.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_backup_is_taken_beside_a_running_server_and_restored_when_it_has_stopped()
    {
        string records, keys;
        await using (await Open())
        {
            var taken = await Run("backup", "--to", _directory["records"], "--keys-to", _directory["keys"], "--json");
            Assert.Equal("", taken.Error);
            var reply = JsonElement.Parse(taken.Output);
            (records, keys) = (reply[0].GetProperty("directory").GetString()!, reply[1].GetProperty("directory").GetString()!);
            var refused = await Run("restore", "--from", records);
            Assert.Equal(ExitCode.Failure, refused.ExitCode);
            Assert.Contains(Europe.Directory, refused.Error, StringComparison.Ordinal);
        }

        var restored = await Run("restore", "--from", records, "--keys-from", keys);
        Assert.Equal("", restored.Error);
        Assert.Contains(Path.Combine(Europe.Directory, "data.db"), restored.Output, StringComparison.Ordinal);
        await (await Open()).DisposeAsync();
    }

    [Fact]
    public async Task Keys_and_records_in_one_target_are_refused()
    {
        await (await Open()).DisposeAsync();
        var refused = await Run("backup", "--to", _directory["backup"], "--keys-to", Path.Combine(_directory["backup"], "keys"));
        Assert.Equal(ExitCode.Failure, refused.ExitCode);
        Assert.Contains("target of their own", refused.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_directory["backup"]));
    }

    [Theory]
    [InlineData("restore", ExitCode.Usage, "--from")]
    [InlineData("store restored", ExitCode.Failure, "PostgreSQL")]
    [InlineData("restore --from nowhere", ExitCode.Failure, "no whole backup")]
    [InlineData("backup --to target", ExitCode.Failure, "nothing to back up")]
    public async Task What_cannot_be_done_is_said(string line, int code, string expected)
    {
        var typed = await Run(line.Split(' '));
        Assert.Equal(code, typed.ExitCode);
        Assert.Contains(expected, typed.Error, StringComparison.Ordinal);
    }

    private static string IndexName() => Domicile.Storage.Engine.IndexesOf.Kind(ProductModules.Catalogue().Kinds.First(kind => kind.Indexes.Count > 0)).Select(index => index.Name).First();

    private void Tamper(string sql)
    {
        using var session = Domicile.Storage.Sqlite.SqliteSession.Open(Path.Combine(Europe.Directory, "data.db"), readOnly: false);
        session.Execute(sql);
    }
}
