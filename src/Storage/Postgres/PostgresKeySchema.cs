using Domicile.Residency;
using Domicile.Storage.Engine;
using Npgsql;

namespace Domicile.Storage.Postgres;

/// <summary>The tables of a key store on PostgreSQL, made by the first node that comes; the others wait for it.</summary>
internal static class PostgresKeySchema
{
    /// <summary>The version of the tables. A program refuses one that it does not know.</summary>
    private const string Version = "1";

    /// <summary>Whoever makes the tables holds this advisory lock ("keys" in ASCII), which ends with its transaction.</summary>
    private const string Definitions =
        """
        SELECT pg_advisory_xact_lock(1801812339);
        CREATE TABLE IF NOT EXISTS setting (name text PRIMARY KEY, value text NOT NULL);
        CREATE TABLE IF NOT EXISTS epoch (one boolean PRIMARY KEY DEFAULT true CHECK (one), oldest integer NOT NULL, check_value text NOT NULL);
        INSERT INTO epoch (oldest, check_value) VALUES (0, '') ON CONFLICT DO NOTHING;
        CREATE TABLE IF NOT EXISTS bucket (
            id bigint PRIMARY KEY, epoch integer NOT NULL, wrapped bytea NOT NULL, generation integer NOT NULL, keys integer NOT NULL, destroyed boolean NOT NULL)
            WITH (fillfactor = 50);
        CREATE TABLE IF NOT EXISTS key (
            scope text NOT NULL, id bigint NOT NULL, resource bigint NOT NULL, bucket bigint NOT NULL, wrapped bytea NOT NULL, made uuid NOT NULL, PRIMARY KEY (scope, id));
        CREATE INDEX IF NOT EXISTS key_bucket ON key (bucket);
        CREATE INDEX IF NOT EXISTS key_resource ON key (resource);
        CREATE TABLE IF NOT EXISTS identifier (
            subject bigint NOT NULL, resource bigint NOT NULL, purpose text NOT NULL, blind bytea NOT NULL, sealed bytea NOT NULL, made uuid NOT NULL,
            PRIMARY KEY (resource, purpose, blind));
        CREATE INDEX IF NOT EXISTS identifier_subject ON identifier (subject);
        CREATE TABLE IF NOT EXISTS destroyed (scope text NOT NULL, id bigint NOT NULL, at timestamptz NOT NULL, PRIMARY KEY (scope, id));
        """;

    /// <summary>Whether no root key was named yet.</summary>
    public static async Task<bool> IsUnclaimed(NpgsqlConnection connection, CancellationToken cancel)
    {
        await using var exists = new NpgsqlCommand("SELECT to_regclass('setting') IS NOT NULL", connection);
        if (await exists.ExecuteScalarAsync(cancel) is false)
        {
            return true;
        }

        await using var root = new NpgsqlCommand("SELECT count(*) FROM setting WHERE name = 'root'", connection);
        return await root.ExecuteScalarAsync(cancel) is 0L;
    }

    /// <summary>Compares a key store with what a start expects, and changes nothing.</summary>
    /// <param name="connection">The database.</param>
    /// <param name="geography">Whose keys they should be.</param>
    /// <param name="rootCheck">Tells the root key from others; null when there is no root key.</param>
    /// <param name="cancel">Gives up.</param>
    /// <returns>What a start would do.</returns>
    /// <exception cref="SchemaMismatchException">A start would be refused.</exception>
    public static async Task<IReadOnlyList<string>> Pending(NpgsqlConnection connection, Geography geography, string? rootCheck, CancellationToken cancel)
    {
        if (await IsUnclaimed(connection, cancel))
        {
            return [.. rootCheck is null ? (string[])["make the root key"] : [], "make every table: the key store is empty"];
        }

        await Expect("schema", Version, "It was made by another version of this program.");
        await Expect("geography", geography.Name, $"It is not of {geography.Name}.");
        await Expect("root", rootCheck, rootCheck is null ? "Its root key file is missing. Put it back from where it is kept." : "It was made under another root key than the one that was given.");
        return [];

        async Task Expect(string name, string? expected, string otherwise)
        {
            await using var read = new NpgsqlCommand("SELECT value FROM setting WHERE name = $1", connection) { Parameters = { new NpgsqlParameter<string> { TypedValue = name } } };
            if (await read.ExecuteScalarAsync(cancel) as string != expected)
            {
                throw Unusable(connection, otherwise);
            }
        }
    }

    /// <summary>Makes what is missing, and checks that the store is of this geography, this root key and this program.</summary>
    /// <exception cref="SchemaMismatchException">It is not.</exception>
    public static async Task Prepare(NpgsqlConnection connection, Geography geography, string rootCheck, CancellationToken cancel)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await using (var define = new NpgsqlCommand(Definitions, connection, transaction))
        {
            await define.ExecuteNonQueryAsync(cancel);
        }

        await Check("schema", Version, "It was made by another version of this program.");
        await Check("geography", geography.Name, $"It is not of {geography.Name}.");
        await Check("root", rootCheck, "It was made under another root key than the one that was given.");
        await transaction.CommitAsync(cancel);

        async Task Check(string name, string expected, string otherwise)
        {
            const string Remember = "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = setting.value RETURNING value";
            await using var remember = new NpgsqlCommand(Remember, connection, transaction)
            {
                Parameters = { new NpgsqlParameter<string> { TypedValue = name }, new NpgsqlParameter<string> { TypedValue = expected } },
            };
            if ((string?)await remember.ExecuteScalarAsync(cancel) != expected)
            {
                throw Unusable(connection, otherwise);
            }
        }
    }

    private static SchemaMismatchException Unusable(NpgsqlConnection connection, string otherwise) =>
        new($"The key store in the database {connection.Database} cannot be used. {otherwise}");
}
