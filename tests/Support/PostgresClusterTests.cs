using Npgsql;

namespace Domicile.Tests.Support;

[Trait("needs", "postgres")]
public sealed class PostgresClusterTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_shared_cluster_does_not_flush_and_its_role_may_nothing_but_use_its_database()
    {
        var cluster = await PostgresCluster.Shared(Cancel);
        var database = await cluster.NewDatabase("support", Cancel);
        await using var source = NpgsqlDataSource.Create(database);
        Assert.Equal("off", await Ask(source, "SHOW fsync"));
        Assert.Equal("on", await Ask(source, "SHOW synchronous_commit"));
        Assert.Equal("127.0.0.1", await Ask(source, "SHOW listen_addresses"));
        Assert.Equal("off", await Ask(source, "SHOW is_superuser"));
        var refused = await Assert.ThrowsAsync<PostgresException>(() => Ask(source, "CREATE DATABASE another"));
        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refused.SqlState);
        await using var stranger = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(database) { Password = "wrong" }.ConnectionString);
        refused = await Assert.ThrowsAsync<PostgresException>(() => Ask(stranger, "SELECT 1"));
        Assert.Equal(PostgresErrorCodes.InvalidPassword, refused.SqlState);
        await cluster.DropDatabase(database, Cancel);
    }

    [Fact]
    public async Task A_cluster_of_ones_own_comes_back_after_a_stop_and_a_kill_with_what_was_committed()
    {
        await using var cluster = await PostgresCluster.Start(Cancel);
        var database = await cluster.NewDatabase("support", Cancel) + ";Pooling=false";
        await using var source = NpgsqlDataSource.Create(database);
        Assert.Equal("on", await Ask(source, "SHOW fsync"));
        await Ask(source, "CREATE TABLE kept (number int)");
        foreach (var end in (Func<Task>[])[cluster.Stop, cluster.Kill, cluster.Kill])
        {
            await Ask(source, "INSERT INTO kept VALUES (1)");
            await end();
            await Assert.ThrowsAnyAsync<NpgsqlException>(() => Ask(source, "SELECT 1"));
            await cluster.StartAgain(Cancel);
        }

        Assert.Equal(3L, await Ask(source, "SELECT count(*) FROM kept"));
    }

    private static async Task<object?> Ask(NpgsqlDataSource source, string statement)
    {
        await using var command = source.CreateCommand(statement);
        return await command.ExecuteScalarAsync(Cancel);
    }
}
