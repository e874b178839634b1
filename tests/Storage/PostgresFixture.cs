using System.Text.RegularExpressions;
using Domicile.Residency;
using Domicile.Storage;
using Domicile.Tests.Support;
using Npgsql;

namespace Domicile.Tests.Storage;

/// <summary>The engine for production, on a real PostgreSQL that all tests share; each has databases of its own in it.</summary>
public class PostgresFixture : StoreFixture
{
    private const string Functions =
        """
        CREATE OR REPLACE FUNCTION pg_temp.zeroblob(length integer) RETURNS bytea LANGUAGE sql AS 'SELECT decode(repeat(''00'', length), ''hex'')';
        CREATE OR REPLACE FUNCTION pg_temp.byteblob(value integer) RETURNS bytea LANGUAGE sql AS 'SELECT decode(lpad(to_hex(value), 2, ''0''), ''hex'')';
        CREATE OR REPLACE FUNCTION pg_temp.instr(bytes bytea, text text) RETURNS integer LANGUAGE sql AS 'SELECT position(convert_to(text, ''UTF8'') in bytes)';
       
        """;

    private readonly Dictionary<string, string> _connections = [];
    private PostgresStore? _databases;
    private int _nodes;

    /// <summary>The connection string of <c>data</c> or <c>keys</c>.</summary>
    public string ConnectionTo(string database) => _connections[database];

    /// <summary>A cluster of one's own, which its owner ends before the fixture is disposed; null for the one that all share.</summary>
    internal PostgresCluster? Cluster { get; set; }

    /// <summary>The databases, once opened.</summary>
    public PostgresStore Databases => _databases ?? throw new InvalidOperationException("Open it first.");

    public override void Tamper(string sql) => Run(_connections["data"], sql);

    public override void TamperKeys(string sql) => Run(_connections["keys"], sql);

    public override long KeyNumber(string sql) => Convert.ToInt64(Run(_connections["keys"], sql), System.Globalization.CultureInfo.InvariantCulture);

    public override async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await base.DisposeAsync();
        foreach (var connection in Cluster is null ? [.. _connections.Values] : Array.Empty<string>())
        {
            await (await PostgresCluster.Shared(CancellationToken.None)).DropDatabase(connection, CancellationToken.None);
        }
    }

    /// <summary>A further node of the same scale unit, with a directory of its own.</summary>
    /// <param name="catalogue">Its kinds.</param>
    /// <param name="through">A line to the database that the test can cut, or null.</param>
    internal Task<ScaleUnit> OpenAnother(Catalogue catalogue, CuttableRelay? through = null)
    {
        var databases = through is null ? Databases : new PostgresStore(Through(through, "data"), Through(through, "keys"), Databases.ErasureLedger) { Blobs = Databases.Blobs };
        var options = new ScaleUnitOptions(Europe, Path.Combine(Directory, $"node-{++_nodes}")) { Postgres = databases, RootKeyFile = Path.Combine(Directory, "root.key") };
        return OpenUnit(options, catalogue);
    }

    private PostgresAddress Through(CuttableRelay relay, string name) => Parse(new NpgsqlConnectionStringBuilder(_connections[name]) { Port = relay.Port, CommandTimeout = 2 }.ConnectionString);

    private static PostgresAddress Parse(string connection) =>
        PostgresAddress.TryParse(connection, out var address, out var fault) ? address : throw new InvalidOperationException(fault);

    /// <summary>Makes the databases, and opens nothing yet.</summary>
    public async Task Prepare()
    {
        var cancel = TestContext.Current.CancellationToken;
        var cluster = Cluster ?? await PostgresCluster.Shared(cancel);
        System.IO.Directory.CreateDirectory(Directory);
        _databases ??= new PostgresStore(await Address(cluster, "data", cancel), await Address(cluster, "keys", cancel), Path.Combine(Directory, "ledgers")) { Blobs = Path.Combine(Directory, "blobs") };
    }

    protected override async Task<ScaleUnit> OpenUnit(Catalogue catalogue)
    {
        await Prepare();
        return await OpenUnit(Options with { Postgres = _databases }, catalogue);
    }

    private async Task<PostgresAddress> Address(PostgresCluster cluster, string name, CancellationToken cancel)
    {
        return Parse(_connections[name] = await cluster.NewDatabase(name, cancel));
    }

    private static object? Run(string database, string sql)
    {
        using var connection = new NpgsqlConnection(database);
        connection.Open();
        using (var functions = new NpgsqlCommand(Functions, connection))
        {
            functions.ExecuteNonQuery();
        }

        // The texts are the tests' own; a function that only this session has is named so.
#pragma warning disable CA2100
        var text = Regex.Replace(sql, "x'([0-9A-Fa-f]*)'", @"'\x$1'::bytea");
        using var command = new NpgsqlCommand(Regex.Replace(text, @"\b(zeroblob|byteblob|instr)\(", "pg_temp.$1("), connection);
#pragma warning restore CA2100
        return command.ExecuteScalar();
    }
}
