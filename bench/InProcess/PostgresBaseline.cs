using System.Threading.Channels;
using Npgsql;
using NpgsqlTypes;

namespace Domicile.Bench.InProcess;

/// <summary>
/// Group commit on PostgreSQL by hand, with nothing around it: the rows that Domicile writes for a message (heap and one index, a feed row, one head row for
/// each thread and group), under the lock of the thread's row, in the same two round trips, with prepared statements; no seal, no check, no catalogue.
/// </summary>
internal sealed class PostgresBaseline : IAsyncDisposable
{
    private const int GroupMax = 512;
    private readonly Channel<Pending> _queue = Channel.CreateBounded<Pending>(8_192);
    private readonly NpgsqlConnection _connection;
    private readonly Task _running;

    private PostgresBaseline(NpgsqlConnection connection)
    {
        _connection = connection;
        _running = Task.Run(Run);
    }

    /// <summary>Makes its tables and threads 1 to <paramref name="threads"/> in an empty database.</summary>
    public static async Task<PostgresBaseline> Open(string database, int threads)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(database) { MaxAutoPrepare = 20, AutoPrepareMinUsages = 2 }.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(
            """
            CREATE TABLE thread (key bigint PRIMARY KEY) WITH (fillfactor = 80);
            CREATE TABLE message (resource bigint NOT NULL, thread bigint NOT NULL, id bigint NOT NULL, sequence bigint NOT NULL, seal_id bytea NOT NULL, sender bigint NOT NULL, erased_on bigint, version bigint NOT NULL, payload bytea);
            CREATE UNIQUE INDEX message_thread_id ON message (thread, id);
            CREATE TABLE head (parent bigint PRIMARY KEY, sequence bigint NOT NULL, arrival bigint NOT NULL) WITH (fillfactor = 50);
            CREATE SEQUENCE feed_position;
            CREATE TABLE feed (position bigint PRIMARY KEY, at bigint NOT NULL, resource bigint NOT NULL, kind bigint NOT NULL, change bigint NOT NULL, key bytea NOT NULL, version bigint NOT NULL, node bigint NOT NULL);
            SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off; SET synchronous_commit = on
            """,
            connection);
        await command.ExecuteNonQueryAsync();
        await using var fill = new NpgsqlCommand("INSERT INTO thread SELECT * FROM generate_series(1, $1)", connection);
        fill.Parameters.Add(new NpgsqlParameter<long> { TypedValue = threads });
        await fill.ExecuteNonQueryAsync();
        return new PostgresBaseline(connection);
    }

    /// <summary>Stores a message durably.</summary>
    /// <returns>Its id.</returns>
    public async Task<long> Append(long thread, long sender, byte[] payload)
    {
        var pending = new Pending(thread, sender, payload);
        await _queue.Writer.WriteAsync(pending);
        return await pending.Done.Task;
    }

    public async ValueTask DisposeAsync()
    {
        _queue.Writer.Complete();
        await _running;
        await _connection.DisposeAsync();
    }

    private async Task Run()
    {
        var group = new List<Pending>(GroupMax);
        while (await _queue.Reader.WaitToReadAsync())
        {
            group.Clear();
            while (group.Count < GroupMax && _queue.Reader.TryRead(out var pending))
            {
                group.Add(pending);
            }

            try
            {
                await Commit(group);
                group.ForEach(pending => pending.Done.SetResult(pending.Id));
            }
            catch (NpgsqlException fault)
            {
                // The benchmark ends with it.
                group.ForEach(pending => pending.Done.SetException(fault));
            }
        }
    }

    private async Task Commit(List<Pending> group)
    {
        var heads = new SortedDictionary<long, (long Sequence, long Arrival)>();
        group.ForEach(pending => heads[pending.Thread] = default);
        var roots = heads.Keys.ToArray();
        await using (var look = new NpgsqlBatch(_connection))
        {
            Add(look, "BEGIN");
            Add(look, "SELECT key FROM thread WHERE key = ANY($1) ORDER BY key FOR NO KEY UPDATE", Longs(roots));
            Add(look, "SELECT parent, sequence, arrival FROM head WHERE parent = ANY($1)", Longs(roots));
            await using var reader = await look.ExecuteReaderAsync();
            await reader.NextResultAsync();
            while (await reader.ReadAsync())
            {
                heads[reader.GetInt64(0)] = (reader.GetInt64(1), reader.GetInt64(2));
            }
        }

        var (count, now) = (group.Count, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
        var (threads, ids, sequences, senders, ones) = (new long[count], new long[count], new long[count], new long[count], new long[count]);
        var (sealIds, payloads, keys, ats) = (new byte[count][], new byte[count][], new byte[count][], new long[count]);
        for (var i = 0; i < count; i++)
        {
            var pending = group[i];
            var head = heads[pending.Thread];
            heads[pending.Thread] = head = (head.Sequence + 1, Math.Max(now, head.Arrival + 1));
            pending.Id = head.Arrival;
            (threads[i], ids[i], sequences[i], senders[i], ones[i], ats[i]) = (pending.Thread, head.Arrival, head.Sequence, pending.Sender, 1, now);
            (sealIds[i], payloads[i], keys[i]) = (Guid.CreateVersion7().ToByteArray(bigEndian: true), pending.Payload, new byte[18]);
        }

        await using var write = new NpgsqlBatch(_connection);
        Add(
            write,
            "INSERT INTO message (resource, thread, id, sequence, seal_id, sender, version, payload) SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[], $6::bigint[], $7::bigint[], $8::bytea[])",
            Longs(ones), Longs(threads), Longs(ids), Longs(sequences), Bytes(sealIds), Longs(senders), Longs(ones), Bytes(payloads));
        Add(
            write,
            "INSERT INTO head SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) ON CONFLICT (parent) DO UPDATE SET sequence = excluded.sequence, arrival = excluded.arrival",
            Longs(roots), Longs([.. heads.Values.Select(head => head.Sequence)]), Longs([.. heads.Values.Select(head => head.Arrival)]));
        Add(
            write,
            "INSERT INTO feed SELECT nextval('feed_position'), given.*, 1 FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[], $6::bigint[]) AS given",
            Longs(ats), Longs(ones), Longs(ones), Longs(ones), Bytes(keys), Longs(ones));
        Add(write, "COMMIT");
        await write.ExecuteNonQueryAsync();
    }

    private static void Add(NpgsqlBatch batch, string sql, params NpgsqlParameter[] parameters)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var parameter in parameters)
        {
            command.Parameters.Add(parameter);
        }

        batch.BatchCommands.Add(command);
    }

    private static NpgsqlParameter<long[]> Longs(long[] values) => new() { TypedValue = values, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint };

    private static NpgsqlParameter<byte[][]> Bytes(byte[][] values) => new() { TypedValue = values, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bytea };

    private sealed record Pending(long Thread, long Sender, byte[] Payload)
    {
        public long Id { get; set; }

        public TaskCompletionSource<long> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
