using System.Text;
using Domicile.Residency;
using Domicile.Tests.Support;
using Npgsql;

namespace Domicile.Tests.Conversations;

/// <summary>The PostgreSQL databases of one server in development mode: two for each geography.</summary>
internal sealed class ProcessDatabases : IAsyncDisposable
{
    private static readonly string[] Names = ["europe", "unitedstates", "india", "asiapacific"];
    private readonly List<string> _connections = [];
    private readonly string _file;
    private readonly PostgresCluster _cluster;

    private ProcessDatabases(PostgresCluster cluster, string file)
    {
        _cluster = cluster;
        _file = file;
    }

    /// <summary>What tells the program to use them.</summary>
    public IReadOnlyList<string> Arguments => ["--postgres", _file];

    /// <summary>Where the server of the databases keeps them, others' too.</summary>
    public string Folder => _cluster.Data;

    /// <param name="file">Where to write the connection string.</param>
    public static async Task<ProcessDatabases> Make(string file)
    {
        var cancel = TestContext.Current.CancellationToken;
        var databases = new ProcessDatabases(await PostgresCluster.Shared(cancel), file);
        var name = $"serve_{Guid.NewGuid():n}"[..18];
        foreach (var geography in Names)
        {
            databases._connections.Add(await databases._cluster.MakeDatabase($"{name}_{geography}", cancel));
            databases._connections.Add(await databases._cluster.MakeDatabase($"{name}_{geography}_keys", cancel));
        }

        SecretFile.Write(file, Encoding.UTF8.GetBytes(new NpgsqlConnectionStringBuilder(databases._connections[0]) { Database = name }.ConnectionString + "\n"));
        return databases;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var connection in _connections)
        {
            await _cluster.DropDatabase(connection, CancellationToken.None);
        }
    }
}
