using Domicile.Storage;
using Domicile.Tests.Support;
using Npgsql;

namespace Domicile.Tests.Storage;

[Trait("needs", "postgres")]
public sealed class PostgresAddressTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Of_several_hosts_the_primary_is_used_and_those_that_are_away_are_passed_over()
    {
        var cluster = await PostgresCluster.Shared(Cancel);
        var database = await cluster.NewDatabase("address", Cancel);
        var connection = new NpgsqlConnectionStringBuilder(database) { Host = $"127.0.0.1:1,127.0.0.1:{cluster.Port}", TargetSessionAttributes = "primary" };
        Assert.True(PostgresAddress.TryParse(connection.ConnectionString, out var address, out var fault), fault);
        Assert.True(address.IsSameAs(Parsed(database)));
        var source = address.Open(connections: 4, "SET jit = off");
        await using (var ask = source.CreateCommand("SELECT current_setting('application_name'), inet_server_port()"))
        {
            await using var answer = await ask.ExecuteReaderAsync(Cancel);
            Assert.True(await answer.ReadAsync(Cancel));
            Assert.Equal(("domicile", cluster.Port), (answer.GetString(0), answer.GetInt32(1)));
        }

        // The pool is closed with it: nothing stays connected.
        await source.DisposeAsync();
        await cluster.DropDatabase(database, Cancel);
        await Assert.ThrowsAnyAsync<Exception>(async () => await source.OpenConnectionAsync(Cancel));
    }

    [Theory]
    [InlineData("Host=localhost;Database=a;Username=u", "Host=LOCALHOST:5432;Database=a;Username=v", true)]
    [InlineData("Host=localhost,127.0.0.1:5433;Database=a;Username=u", "Host=127.0.0.1;Port=5433;Database=a;Username=u", true)]
    [InlineData("Host=localhost;Database=a;Username=u", "Host=localhost;Database=b;Username=u", false)]
    [InlineData("Host=localhost;Database=a;Username=u", "Host=localhost;Port=5433;Database=a;Username=u", false)]
    [InlineData("Host=/run/postgresql;Database=a;Username=u", "Host=/run/postgresql;Database=a;Username=u", true)]
    public void Two_connections_are_one_database_when_a_host_and_the_name_are_the_same(string one, string other, bool isSame) =>
        Assert.Equal(isSame, Parsed(one).IsSameAs(Parsed(other)));

    private static PostgresAddress Parsed(string text)
    {
        Assert.True(PostgresAddress.TryParse(text, out var address, out var fault), fault);
        return address;
    }
}
