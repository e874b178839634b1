using System.Threading.Channels;
using Domicile.Residency;
using Domicile.Storage.Engine;
using Npgsql;

namespace Domicile.Storage.Postgres;

/// <summary>
/// The key store in a PostgreSQL database of its own. Several nodes use it at once: what must not happen together is kept apart by row locks and unique
/// constraints of the database, see <see cref="PostgresKeyChange"/>. Keys that concurrent callers of this node add share a transaction, and with it one flush.
/// </summary>
internal sealed class PostgresKeyStore : IKeyStore, IAsyncDisposable
{
    /// <summary>Callers whose additions share a transaction, at most.</summary>
    private const int GroupMax = 128;

    /// <summary>Callers that wait to add, at most; beyond it they wait for room.</summary>
    private const int QueueMax = 8_192;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);
    private readonly NpgsqlDataSource _source;
    private readonly PostgresKeyRetry _retry;
    private readonly Channel<Adding> _queue = Channel.CreateBounded<Adding>(new BoundedChannelOptions(QueueMax) { SingleReader = true });
    private readonly Task _adding;

    private PostgresKeyStore(NpgsqlDataSource source, PostgresKeyRetry retry)
    {
        _source = source;
        _retry = retry;
        _adding = Task.Run(AddInGroups);
    }

    /// <summary>Opens the key store of a geography; makes its tables when there are none.</summary>
    /// <param name="source">Its database. Whoever made it disposes it, after the store.</param>
    /// <param name="geography">The geography whose keys these are.</param>
    /// <param name="rootCheck">Tells the root key from others, see <see cref="IKeyProvider.CheckValue"/>.</param>
    /// <param name="clock">Measures how long a database that does not answer is waited for.</param>
    /// <param name="cancel">Ends the wait.</param>
    /// <exception cref="SchemaMismatchException">The database is of another geography, another root key or another program.</exception>
    /// <exception cref="StoreUnavailableException">The database does not answer.</exception>
    public static async Task<PostgresKeyStore> Open(NpgsqlDataSource source, Geography geography, string rootCheck, TimeProvider clock, CancellationToken cancel)
    {
        var retry = new PostgresKeyRetry(clock, Patience);
        await retry.Run(
            async (_, cancel) =>
            {
                await using var connection = await source.OpenConnectionAsync(cancel);
                await PostgresKeySchema.Prepare(connection, geography, rootCheck, cancel);
                return true;
            },
            cancel);
        return new PostgresKeyStore(source, retry);
    }

    /// <summary>Whether nobody made keys here yet: then, and only then, a root key is made.</summary>
    public static async Task<bool> IsUnclaimed(NpgsqlDataSource source, CancellationToken cancel)
    {
        await using var connection = await source.OpenConnectionAsync(cancel);
        return await PostgresKeySchema.IsUnclaimed(connection, cancel);
    }

    /// <summary>What the key store keeps, for the inventory: table and purpose.</summary>
    public static IReadOnlyList<(string Table, string Purpose)> Describe() =>
    [
        ("setting", "the geography, the version of the tables, and a value that tells the root key from others"),
        ("epoch", "the oldest epoch under whose root key a bucket may be wrapped"),
        ("bucket", "keys under which a few thousand others are wrapped; themselves wrapped under the epoch's root key"),
        ("key", "keys of people, resources and parents, wrapped under their bucket's key"),
        ("identifier", "identifiers of people, sealed under the person's own key; found by a blind index, which is a pseudonym"),
        ("destroyed", "which keys are gone, and since when"),
    ];

    public bool IsShared => true;

    public async Task<IReadOnlyList<StoredBucket>> Buckets(CancellationToken cancel) =>
        await Read(
            "SELECT id, epoch, wrapped, generation, keys, destroyed FROM bucket",
            [],
            static row => new StoredBucket(row.GetInt64(0), row.GetInt32(1), row.GetFieldValue<byte[]>(2), row.GetInt32(3), row.GetInt32(4), row.GetBoolean(5)),
            cancel);

    public async ValueTask<IReadOnlyList<StoredKey>> Find(IReadOnlyCollection<KeyName> names, CancellationToken cancel) =>
        await Read(
            "SELECT k.scope, k.id, k.resource, k.bucket, k.wrapped FROM key k JOIN unnest($1, $2) AS n (scope, id) USING (scope, id)",
            PostgresKeyChange.Names(names),
            static row => new StoredKey(new KeyName(row.GetString(0), row.GetInt64(1)), row.GetInt64(2), row.GetInt64(3), row.GetFieldValue<byte[]>(4)),
            cancel);

    public async Task<IReadOnlyList<StoredKey>> InBucket(long bucket, CancellationToken cancel) =>
        await Read(
            "SELECT scope, id, resource, bucket, wrapped FROM key WHERE bucket = $1",
            [Parameter(bucket)],
            static row => new StoredKey(new KeyName(row.GetString(0), row.GetInt64(1)), row.GetInt64(2), row.GetInt64(3), row.GetFieldValue<byte[]>(4)),
            cancel);

    public async ValueTask<IReadOnlyList<StoredKey>> Keys(KeyName? after, int take, CancellationToken cancel) =>
        await Read(
            "SELECT scope, id, resource, bucket, wrapped FROM key WHERE (scope, id) > ($1, $2) ORDER BY scope, id LIMIT $3",
            [Parameter(after?.Scope ?? ""), Parameter(after?.Id ?? 0L), Parameter((long)take)],
            static row => new StoredKey(new KeyName(row.GetString(0), row.GetInt64(1)), row.GetInt64(2), row.GetInt64(3), row.GetFieldValue<byte[]>(4)),
            cancel);

    public async ValueTask<IReadOnlyList<FiledIdentifier>> Identifiers(FiledIdentifier? after, int take, CancellationToken cancel) =>
        await Read(
            "SELECT subject, resource, purpose, sealed, blind FROM identifier WHERE (resource, purpose, blind) > ($1, $2, $3) ORDER BY resource, purpose, blind LIMIT $4",
            [Parameter(after?.Identifier.Resource ?? long.MinValue), Parameter(after?.Identifier.Purpose ?? ""), Parameter(after?.BlindIndex ?? []), Parameter((long)take)],
            static row => new FiledIdentifier(
                new StoredIdentifier(new SubjectRef(row.GetInt64(0)), row.GetInt64(1), row.GetString(2), row.GetFieldValue<byte[]>(3)), row.GetFieldValue<byte[]>(4)),
            cancel);

    public async ValueTask<SubjectRef?> FindSubject(long resource, string purpose, byte[] blindIndex, CancellationToken cancel) =>
        await Read(
            "SELECT subject FROM identifier WHERE resource = $1 AND purpose = $2 AND blind = $3",
            [Parameter(resource), Parameter(purpose), Parameter(blindIndex)],
            static row => new SubjectRef(row.GetInt64(0)),
            cancel) is [var subject] ? subject : null;

    public async ValueTask<IReadOnlyList<StoredIdentifier>> Identifiers(IReadOnlyCollection<SubjectRef> subjects, CancellationToken cancel) =>
        await Read(
            "SELECT subject, resource, purpose, sealed FROM identifier WHERE subject = ANY($1)",
            [Parameter(subjects.Select(subject => subject.Value).ToArray())],
            static row => new StoredIdentifier(new SubjectRef(row.GetInt64(0)), row.GetInt64(1), row.GetString(2), row.GetFieldValue<byte[]>(3)),
            cancel);

    public async ValueTask<IReadOnlyList<DestroyedKey>> Destroyed(IReadOnlyCollection<KeyName> names, CancellationToken cancel) =>
        await Read(
            "SELECT d.scope, d.id, d.at FROM destroyed d JOIN unnest($1, $2) AS n (scope, id) USING (scope, id)",
            PostgresKeyChange.Names(names),
            static row => new DestroyedKey(new KeyName(row.GetString(0), row.GetInt64(1)), row.GetFieldValue<DateTimeOffset>(2)),
            cancel);

    public async Task<IReadOnlyList<KeyName>> OfResource(long resource, CancellationToken cancel) =>
        await Read(
            "SELECT scope, id FROM key WHERE resource = $1",
            [Parameter(resource)],
            static row => new KeyName(row.GetString(0), row.GetInt64(1)),
            cancel);

    public async Task<long> LastResource(CancellationToken cancel) =>
        (await Read("SELECT coalesce(max(resource), 0) FROM key", [], static row => row.GetInt64(0), cancel))[0];

    /// <inheritdoc/>
    /// <exception cref="StoreUnavailableException">The database did not come back in time. The change may have been made.</exception>
    public async Task Apply(IReadOnlyList<KeyStoreChange> changes, CancellationToken cancel)
    {
        var change = new PostgresKeyChange(changes);
        if (!change.OnlyAdds)
        {
            // What re-keys or destroys is not cut off half-way for a caller who left.
            await Make([change], CancellationToken.None).WaitAsync(cancel);
            return;
        }

        var adding = new Adding(change);
        try
        {
            await _queue.Writer.WriteAsync(adding, cancel);
        }
        catch (ChannelClosedException closed)
        {
            throw new StoreUnavailableException("The key store is being closed.", closed);
        }

        await adding.Done.Task.WaitAsync(cancel);
    }

    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await _adding;
    }

    internal static NpgsqlParameter Parameter<T>(T value) => new NpgsqlParameter<T> { TypedValue = value };

    private Task<List<T>> Read<T>(string statement, NpgsqlParameter[] parameters, Func<NpgsqlDataReader, T> read, CancellationToken cancel) =>
        _retry.Run(
            async (_, cancel) =>
            {
                await using var connection = await _source.OpenConnectionAsync(cancel);
                await using var command = new NpgsqlCommand(statement, connection) { CommandTimeout = PostgresKeyChange.StatementSeconds };
                command.Parameters.AddRange(parameters.Select(parameter => parameter.Clone()).ToArray());
                await command.PrepareAsync(cancel);
                await using var reader = await command.ExecuteReaderAsync(cancel);
                var rows = new List<T>();
                while (await reader.ReadAsync(cancel))
                {
                    rows.Add(read(reader));
                }

                return rows;
            },
            cancel);

    private async Task AddInGroups()
    {
        var group = new List<Adding>(GroupMax);
        while (await _queue.Reader.WaitToReadAsync())
        {
            group.Clear();
            while (group.Count < GroupMax && _queue.Reader.TryRead(out var adding))
            {
                group.Add(adding);
            }

            await AddGroup(group);
        }
    }

    /// <summary>One that is refused does not fail its neighbours: then each is added by itself.</summary>
    private async Task AddGroup(List<Adding> group)
    {
        try
        {
            await Make([.. group.Select(adding => adding.Change)], CancellationToken.None);
            group.ForEach(adding => adding.Done.SetResult());
        }
        catch (Exception fault) when (group.Count == 1 || fault is not (KeyExistsException or BucketMovedException))
        {
            group.ForEach(adding => adding.Done.SetException(fault));
        }
        catch (Exception refused) when (refused is KeyExistsException or BucketMovedException)
        {
            foreach (var adding in group)
            {
                await AddGroup([adding]);
            }
        }
    }

    private Task<bool> Make(IReadOnlyList<PostgresKeyChange> changes, CancellationToken cancel) =>
        _retry.Run(
            async (isInDoubt, cancel) =>
            {
                await using var connection = await _source.OpenConnectionAsync(cancel);
                await PostgresKeyChange.Make(connection, changes, isInDoubt, cancel);
                return true;
            },
            cancel);

    private sealed record Adding(PostgresKeyChange Change)
    {
        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
