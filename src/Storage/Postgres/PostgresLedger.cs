using System.Globalization;
using Domicile.Residency;
using Domicile.Storage.Engine;
using Npgsql;

namespace Domicile.Storage.Postgres;

/// <summary>
/// Has a database that may be older than the erasure ledger remove again what the ledger names. Nodes that start at the same moment may do the same twice.
/// </summary>
internal sealed class PostgresLedger(NpgsqlConnection connection, Dictionary<RecordKind, PostgresTable> tables)
{
    /// <summary>How many lines of a file are known.</summary>
    public static async Task<long> Seen(NpgsqlConnection connection, string file, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand("SELECT value FROM engine_setting WHERE name = $1", connection);
        command.Parameters.Add(PostgresParameters.Of(ColumnValue.Of(Setting(file)), ColumnType.Text));
        return await command.ExecuteScalarAsync(cancel) is string seen ? long.Parse(seen, CultureInfo.InvariantCulture) : 0;
    }

    /// <summary>The next resource gets a higher number than this.</summary>
    public static async Task<int> ReserveNumbers(NpgsqlConnection connection, long upTo, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand("SELECT setval('engine_resource_number_seq', $1) FROM engine_resource_number_seq WHERE last_value < $1", connection);
        command.Parameters.Add(PostgresParameters.Of(upTo, ColumnType.Integer));
        return await command.ExecuteScalarAsync(cancel) is null ? 0 : 1;
    }

    /// <returns>How many removals began.</returns>
    public async Task<int> Take(string file, IReadOnlyList<LedgerLine> lines, long seen, CancellationToken cancel)
    {
        var begun = 0;
        foreach (var scope in lines.GroupBy(line => line.Name.Scope))
        {
            begun += scope.Key switch
            {
                KeyName.Subject => await TakePeople([.. scope], cancel),
                KeyName.Resource => await TakeResources([.. scope], cancel),
                _ => tables.Values.FirstOrDefault(table => table.Kind.Name == scope.Key && table.Kind.Children.Count > 0) is { } table ? await TakeRoots(table, [.. scope], cancel) : 0,
            };
        }

        await using var remember = new NpgsqlCommand("INSERT INTO engine_setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value", connection);
        remember.Parameters.Add(PostgresParameters.Of(ColumnValue.Of(Setting(file)), ColumnType.Text));
        remember.Parameters.Add(PostgresParameters.Of(ColumnValue.Of(seen.ToString(CultureInfo.InvariantCulture)), ColumnType.Text));
        await remember.ExecuteNonQueryAsync(cancel);
        return begun;
    }

    private static string Setting(string file) => $"ledger {file}";

    private async Task<int> TakePeople(LedgerLine[] people, CancellationToken cancel)
    {
        var places = LedgerColumns.OfPeople(tables.Keys).Select(place => $"EXISTS (SELECT 1 FROM {PostgresTable.Quote(place.Kind.Table)} t WHERE t.{tables[place.Kind].Name(place.At)} = g.id)").ToList();
        if (places.Count == 0)
        {
            return 0;
        }

        var begun = await Run(
            $"""
            INSERT INTO engine_purge (resource, kind, key, since)
            SELECT 0, 0, g.id, g.since FROM unnest($1::bigint[], $2::bigint[]) AS g (id, since)
            WHERE NOT EXISTS (SELECT 1 FROM engine_purge p WHERE p.kind = 0 AND p.key = g.id) AND ({string.Join(" OR ", places)}) ON CONFLICT DO NOTHING
            """,
            people,
            cancel);

        // No node writes for them any more.
        await Run("INSERT INTO engine_erased (person, since) SELECT id, since FROM unnest($1::bigint[], $2::bigint[]) AS g (id, since) ON CONFLICT DO NOTHING", people, cancel);
        return begun;
    }

    private async Task<int> TakeResources(LedgerLine[] resources, CancellationToken cancel)
    {
        await ReserveNumbers(connection, resources.Max(line => line.Name.Id), cancel);
        return await Run(
            """
            WITH gone AS (DELETE FROM engine_resource r USING unnest($1::bigint[], $2::bigint[]) AS g (id, since) WHERE r.number = g.id RETURNING g.id, g.since)
            INSERT INTO engine_purge (resource, kind, key, since) SELECT id, 0, 0, since FROM gone ON CONFLICT DO NOTHING
            """,
            resources,
            cancel);
    }

    private async Task<int> TakeRoots(PostgresTable table, LedgerLine[] roots, CancellationToken cancel)
    {
        var reference = table.Name(table.Kind.ReferenceColumn);
        return await Run(
            $"""
            WITH gone AS (DELETE FROM {PostgresTable.Quote(table.Kind.Table)} t USING unnest($1::bigint[], $2::bigint[]) AS g (id, since) WHERE t.{reference} = g.id RETURNING t.resource, g.id, g.since)
            INSERT INTO engine_purge (resource, kind, key, since) SELECT resource, {table.Number.ToString(CultureInfo.InvariantCulture)}, id, since FROM gone ON CONFLICT DO NOTHING
            """,
            roots,
            cancel);
    }

    private async Task<int> Run(string sql, LedgerLine[] lines, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        command.Parameters.Add(PostgresParameters.Array([.. lines.Select(line => line.Name.Id)]));
        command.Parameters.Add(PostgresParameters.Array([.. lines.Select(line => line.At.ToUnixTimeMilliseconds())]));
        return await command.ExecuteNonQueryAsync(cancel);
    }
}
