using Domicile.Residency;
using Domicile.Tests.Support;
using Npgsql;

namespace Domicile.Bench.EndToEnd;

/// <summary>A PostgreSQL for a measurement, which both sides use: durable, with more memory than a default installation.</summary>
internal sealed class BenchCluster : IAsyncDisposable
{
    /// <summary>What differs from the defaults.</summary>
    public static readonly IReadOnlyList<string> Settings = ["shared_buffers=512MB", "max_wal_size=4GB"];

    private static readonly string[] Geographies = ["europe", "unitedstates", "india", "asiapacific"];
    private readonly PostgresCluster _cluster;
    private readonly string _directory = Directory.CreateTempSubdirectory("domicile-bench-").FullName;

    private BenchCluster(PostgresCluster cluster) => _cluster = cluster;

    /// <summary>A file with the connection after which the databases of a development server are named.</summary>
    public string Domicile => Path.Combine(_directory, "domicile");

    /// <summary>A file with the connection to the hand-written server's database.</summary>
    public string Hand => Path.Combine(_directory, "hand");

    public static async Task<BenchCluster> Start()
    {
        var made = new BenchCluster(await PostgresCluster.Start(Settings, CancellationToken.None));
        var prefix = $"bench_{Guid.NewGuid():n}"[..14];
        var hand = await made._cluster.NewDatabase("hand", CancellationToken.None);
        foreach (var name in Geographies.SelectMany(geography => (string[])[$"{prefix}_{geography}", $"{prefix}_{geography}_keys"]))
        {
            await made._cluster.MakeDatabase(name, CancellationToken.None);
        }

        SecretFile.Write(made.Hand, System.Text.Encoding.UTF8.GetBytes(hand));
        SecretFile.Write(made.Domicile, System.Text.Encoding.UTF8.GetBytes(new NpgsqlConnectionStringBuilder(hand) { Database = prefix }.ConnectionString));
        return made;
    }

    /// <summary>A new, empty database.</summary>
    /// <returns>The connection to it.</returns>
    public Task<string> NewDatabase(string name) => _cluster.NewDatabase(name, CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        await _cluster.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }
}
