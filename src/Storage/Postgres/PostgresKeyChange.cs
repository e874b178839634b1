using Domicile.Residency;
using Npgsql;

namespace Domicile.Storage.Postgres;

/// <summary>
/// What one caller wants changed in the key store, and the transaction that changes it. Locks are taken in one order everywhere: the oldest epoch, then
/// the rows of the buckets by number, then keys. Whoever adds, destroys or re-keys a key holds its bucket's row until the end, and looks at what is in the
/// bucket in a later statement, which sees what those before it committed.
/// </summary>
internal sealed class PostgresKeyChange
{
    /// <summary>A statement that takes longer is given up by the server.</summary>
    public const int StatementSeconds = 10;

    // The last one frees the locks of a node that was cut off in the middle.
    private const string Limits =
        "SELECT set_config('statement_timeout', '10s', true), set_config('lock_timeout', '5s', true), set_config('idle_in_transaction_session_timeout', '10s', true)";

    private const string LockBuckets =
        """
        SELECT id, epoch, wrapped, generation, destroyed FROM bucket
        WHERE id = ANY($1) OR id = ANY(ARRAY(SELECT k.bucket FROM key k JOIN unnest($2, $3) AS n (scope, id) USING (scope, id)))
        ORDER BY id FOR UPDATE
        """;

    private readonly Guid _made = Guid.NewGuid();
    private readonly IReadOnlyList<KeyStoreChange> _changes;
    private readonly List<KeyStoreChange.AddKey> _keys;
    private readonly List<KeyStoreChange.AddIdentifier> _identifiers;
    private readonly List<KeyStoreChange.AddBucket> _buckets;
    private readonly List<KeyStoreChange.ReplaceBucket> _replaced;
    private readonly List<KeyStoreChange.FenceBucket> _fenced;
    private readonly List<KeyStoreChange.Rewrap> _rewrapped;
    private readonly List<KeyStoreChange.Destroy> _destroyed;
    private bool _isInDoubt;
    private bool _isRefused;

    public PostgresKeyChange(IReadOnlyList<KeyStoreChange> changes)
    {
        _changes = changes;
        _keys = [.. changes.OfType<KeyStoreChange.AddKey>()];
        _identifiers = [.. changes.OfType<KeyStoreChange.AddIdentifier>()];
        _buckets = [.. changes.OfType<KeyStoreChange.AddBucket>()];
        _replaced = [.. changes.OfType<KeyStoreChange.ReplaceBucket>()];
        _fenced = [.. changes.OfType<KeyStoreChange.FenceBucket>()];
        _rewrapped = [.. changes.OfType<KeyStoreChange.Rewrap>()];
        _destroyed = [.. changes.OfType<KeyStoreChange.Destroy>()];
    }

    /// <summary>Whether it only adds keys and identifiers, so that it may share a transaction.</summary>
    public bool OnlyAdds => _keys.Count + _identifiers.Count == _changes.Count;

    /// <summary>Makes the changes in one transaction, all or nothing.</summary>
    /// <param name="connection">A connection without a transaction.</param>
    /// <param name="changes">What callers want. When one is refused, none is made.</param>
    /// <param name="isInDoubt">Whether an earlier attempt at the same may have been committed.</param>
    /// <param name="cancel">Ends the statement under way.</param>
    public static async Task Make(NpgsqlConnection connection, IReadOnlyList<PostgresKeyChange> changes, bool isInDoubt, CancellationToken cancel)
    {
        if (isInDoubt)
        {
            foreach (var change in changes)
            {
                change._isInDoubt = true;
            }
        }

        var confirmation = PostgresConfirmation.On(connection);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        var oldest = await LockEpoch(connection, changes, cancel);
        var buckets = await Lock(connection, changes, cancel);

        // One that was committed although its connection ended is not made again, nor refused because it is there.
        var open = new List<PostgresKeyChange>(changes.Count);
        foreach (var change in changes)
        {
            if (!change._isInDoubt || !await change.IsMade(connection, buckets, cancel))
            {
                open.Add(change);
            }
        }

        foreach (var change in open)
        {
            change.Check(buckets, oldest);
            await change.CheckKeys(connection, cancel);
        }

        if (open.Count > 0)
        {
            await Write(connection, open, buckets, cancel);
        }

        await transaction.CommitAsync(cancel);

        // What an earlier attempt made may not have been confirmed when its connection ended.
        await (isInDoubt ? confirmation.Ask(cancel) : confirmation.Require(cancel));
    }

    /// <summary>Names as two arrays, scopes and ids.</summary>
    public static NpgsqlParameter[] Names(IReadOnlyCollection<KeyName> names) =>
        [PostgresKeyStore.Parameter(names.Select(name => name.Scope).ToArray()), PostgresKeyStore.Parameter(names.Select(name => name.Id).ToArray())];

    /// <returns>The oldest epoch under which a bucket may be wrapped; nobody raises it before the transaction ends.</returns>
    private static async Task<int> LockEpoch(NpgsqlConnection connection, IReadOnlyList<PostgresKeyChange> changes, CancellationToken cancel)
    {
        var retired = changes.SelectMany(change => change._changes.OfType<KeyStoreChange.RetireEpochs>()).MaxBy(retired => retired.Before);
        await using var batch = new NpgsqlBatch(connection) { Timeout = StatementSeconds };
        Add(batch, Limits);
        if (retired is not null)
        {
            Add(
                batch,
                "UPDATE epoch SET oldest = $1, check_value = $2 WHERE oldest < $1 OR (oldest = $1 AND check_value = $2) RETURNING oldest",
                PostgresKeyStore.Parameter(retired.Before), PostgresKeyStore.Parameter(retired.Check));
        }
        else if (changes.Any(change => change._buckets.Count + change._replaced.Count > 0))
        {
            Add(batch, "SELECT oldest FROM epoch FOR SHARE");
        }

        await batch.PrepareAsync(cancel);
        await using var reader = await batch.ExecuteReaderAsync(cancel);
        return await reader.NextResultAsync(cancel) && await reader.ReadAsync(cancel) ? reader.GetInt32(0)
            : retired is null ? 0 : throw new BucketMovedException();
    }

    private static async Task<Dictionary<long, StoredBucket>> Lock(NpgsqlConnection connection, IReadOnlyList<PostgresKeyChange> changes, CancellationToken cancel)
    {
        long[] named = [.. changes.SelectMany(change => change._keys.Select(added => added.Key.Bucket).Concat(change._replaced.Select(replaced => replaced.Id))
            .Concat(change._fenced.Select(fenced => fenced.Id)).Concat(change._buckets.Select(added => added.Bucket.Id))).Distinct()];
        KeyName[] keys = [.. changes.SelectMany(change => change._destroyed.Select(destroyed => destroyed.Name)
            .Concat(change._identifiers.Select(added => KeyName.Of(added.Identifier.Subject)))).Distinct()];
        await using var command = new NpgsqlCommand(LockBuckets, connection) { CommandTimeout = StatementSeconds };
        command.Parameters.AddRange((NpgsqlParameter[])[PostgresKeyStore.Parameter(named), .. Names(keys)]);
        await command.PrepareAsync(cancel);
        await using var reader = await command.ExecuteReaderAsync(cancel);
        var buckets = new Dictionary<long, StoredBucket>();
        while (await reader.ReadAsync(cancel))
        {
            buckets.Add(reader.GetInt64(0), new StoredBucket(reader.GetInt64(0), reader.GetInt32(1), reader.GetFieldValue<byte[]>(2), reader.GetInt32(3), 0, reader.GetBoolean(4)));
        }

        return buckets;
    }

    /// <summary>Whether an earlier attempt was committed: rows carry the mark of whoever made them, wrapped bytes are random.</summary>
    private async Task<bool> IsMade(NpgsqlConnection connection, Dictionary<long, StoredBucket> buckets, CancellationToken cancel)
    {
        if (_keys.Count > 0)
        {
            return await Has("SELECT 1 FROM key WHERE scope = $1 AND id = $2 AND made = $3", PostgresKeyStore.Parameter(_keys[0].Key.Name.Scope), PostgresKeyStore.Parameter(_keys[0].Key.Name.Id));
        }

        if (_identifiers.Count > 0)
        {
            var (identifier, blind) = _identifiers[0];
            return await Has(
                "SELECT 1 FROM identifier WHERE resource = $1 AND purpose = $2 AND blind = $3 AND made = $4",
                PostgresKeyStore.Parameter(identifier.Resource), PostgresKeyStore.Parameter(identifier.Purpose), PostgresKeyStore.Parameter(blind));
        }

        return _buckets.Select(added => (added.Bucket.Id, added.Bucket.Wrapped)).Concat(_replaced.Select(replaced => (replaced.Id, replaced.Wrapped)))
            .Any(written => buckets.TryGetValue(written.Id, out var found) && found.Wrapped.AsSpan().SequenceEqual(written.Wrapped));

        async Task<bool> Has(string statement, params NpgsqlParameter[] parameters)
        {
            await using var command = new NpgsqlCommand(statement, connection) { CommandTimeout = StatementSeconds };
            command.Parameters.AddRange((NpgsqlParameter[])[.. parameters, PostgresKeyStore.Parameter(_made)]);
            return await command.ExecuteScalarAsync(cancel) is not null;
        }
    }

    private void Check(Dictionary<long, StoredBucket> buckets, int oldest)
    {
        if (_keys.Any(added => !buckets.TryGetValue(added.Key.Bucket, out var bucket) || bucket.Generation != added.Generation)
            || _fenced.Any(fenced => !buckets.TryGetValue(fenced.Id, out var bucket) || bucket.Generation != fenced.Generation)
            || _buckets.Any(added => added.Bucket.Epoch < oldest)
            || _replaced.Any(replaced => !buckets.TryGetValue(replaced.Id, out var bucket) || !IsReplaceable(bucket, replaced, oldest)))
        {
            throw new BucketMovedException();
        }
    }

    private static bool IsReplaceable(StoredBucket bucket, KeyStoreChange.ReplaceBucket replaced, int oldest) =>
        bucket.Generation == replaced.Generation && replaced.Epoch >= Math.Max(oldest, bucket.Epoch) && (replaced.Rekeyed || !bucket.SomeDestroyed);

    /// <summary>A re-keyed bucket comes with every key that is in it now, wrapped anew.</summary>
    private async Task CheckKeys(NpgsqlConnection connection, CancellationToken cancel)
    {
        long[] rekeyed = [.. _replaced.Where(replaced => replaced.Rekeyed).Select(replaced => replaced.Id)];
        if (rekeyed.Length == 0)
        {
            return;
        }

        var rewrapped = _rewrapped.Select(rewrap => rewrap.Name).ToHashSet();
        await using var command = new NpgsqlCommand("SELECT scope, id FROM key WHERE bucket = ANY($1)", connection) { CommandTimeout = StatementSeconds };
        command.Parameters.Add(PostgresKeyStore.Parameter(rekeyed));
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
        {
            if (!rewrapped.Remove(new KeyName(reader.GetString(0), reader.GetInt64(1))))
            {
                throw new BucketMovedException();
            }
        }

        if (rewrapped.Count > 0)
        {
            throw new BucketMovedException();
        }
    }

    private static async Task Write(NpgsqlConnection connection, List<PostgresKeyChange> changes, Dictionary<long, StoredBucket> buckets, CancellationToken cancel)
    {
        await using var batch = new NpgsqlBatch(connection) { Timeout = StatementSeconds };
        AddBuckets(batch, [.. changes.SelectMany(change => change._buckets)]);
        Fence(batch, [.. changes.SelectMany(change => change._fenced)]);
        Replace(batch, [.. changes.SelectMany(change => change._replaced)]);
        AddKeys(batch, changes);
        Rewrap(batch, [.. changes.SelectMany(change => change._rewrapped)]);
        AddIdentifiers(batch, changes);
        Destroy(batch, [.. changes.SelectMany(change => change._destroyed)], [.. buckets.Keys]);

        // A key of the name may have been destroyed while the insert waited for whoever destroyed it: this statement, not an earlier one, sees that.
        Add(
            batch,
            "SELECT 1 FROM destroyed d JOIN unnest($1, $2) AS n (scope, id) USING (scope, id) LIMIT 1",
            Names([.. changes.SelectMany(change => change._keys.Select(added => added.Key.Name))]));
        try
        {
            await batch.PrepareAsync(cancel);
            await using var reader = await batch.ExecuteReaderAsync(cancel);
            do
            {
                if (await reader.ReadAsync(cancel))
                {
                    throw new KeyExistsException();
                }
            }
            while (await reader.NextResultAsync(cancel));
        }
        catch (PostgresException twice) when (twice.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            if (changes.Any(change => change._isInDoubt && !change._isRefused))
            {
                // The row that is there may be of an earlier attempt, which was not committed yet when this one looked.
                changes.ForEach(change => change._isRefused = true);
                throw;
            }

            throw new KeyExistsException();
        }
    }

    private static void AddBuckets(NpgsqlBatch batch, List<KeyStoreChange.AddBucket> added)
    {
        if (added.Count > 0)
        {
            Add(
                batch,
                "INSERT INTO bucket (id, epoch, wrapped, generation, keys, destroyed) SELECT id, epoch, wrapped, generation, 0, false FROM unnest($1, $2, $3, $4) AS n (id, epoch, wrapped, generation)",
                PostgresKeyStore.Parameter(added.Select(bucket => bucket.Bucket.Id).ToArray()),
                PostgresKeyStore.Parameter(added.Select(bucket => bucket.Bucket.Epoch).ToArray()),
                PostgresKeyStore.Parameter(added.Select(bucket => bucket.Bucket.Wrapped).ToArray()),
                PostgresKeyStore.Parameter(added.Select(bucket => bucket.Bucket.Generation).ToArray()));
        }
    }

    private static void Fence(NpgsqlBatch batch, List<KeyStoreChange.FenceBucket> fenced)
    {
        if (fenced.Count > 0)
        {
            Add(batch, "UPDATE bucket SET generation = generation + 1 WHERE id = ANY($1)", PostgresKeyStore.Parameter(fenced.Select(bucket => bucket.Id).ToArray()));
        }
    }

    private static void Replace(NpgsqlBatch batch, List<KeyStoreChange.ReplaceBucket> replaced)
    {
        if (replaced.Count > 0)
        {
            Add(
                batch,
                """
                UPDATE bucket b SET epoch = n.epoch, wrapped = n.wrapped, generation = b.generation + n.rekeyed::integer, destroyed = b.destroyed AND NOT n.rekeyed
                FROM unnest($1, $2, $3, $4) AS n (id, epoch, wrapped, rekeyed) WHERE b.id = n.id
                """,
                PostgresKeyStore.Parameter(replaced.Select(bucket => bucket.Id).ToArray()),
                PostgresKeyStore.Parameter(replaced.Select(bucket => bucket.Epoch).ToArray()),
                PostgresKeyStore.Parameter(replaced.Select(bucket => bucket.Wrapped).ToArray()),
                PostgresKeyStore.Parameter(replaced.Select(bucket => bucket.Rekeyed).ToArray()));
        }
    }

    private static void AddKeys(NpgsqlBatch batch, List<PostgresKeyChange> changes)
    {
        var added = changes.SelectMany(change => change._keys.Select(added => (added.Key, change._made))).ToList();
        if (added.Count == 0)
        {
            return;
        }

        Add(
            batch,
            "INSERT INTO key (scope, id, resource, bucket, wrapped, made) SELECT * FROM unnest($1, $2, $3, $4, $5, $6)",
            [
                .. Names([.. added.Select(key => key.Key.Name)]),
                PostgresKeyStore.Parameter(added.Select(key => key.Key.Resource).ToArray()),
                PostgresKeyStore.Parameter(added.Select(key => key.Key.Bucket).ToArray()),
                PostgresKeyStore.Parameter(added.Select(key => key.Key.Wrapped).ToArray()),
                PostgresKeyStore.Parameter(added.Select(key => key._made).ToArray()),
            ]);
        var counts = added.CountBy(key => key.Key.Bucket).ToList();
        Add(
            batch,
            "UPDATE bucket b SET keys = b.keys + n.more FROM unnest($1, $2) AS n (id, more) WHERE b.id = n.id",
            PostgresKeyStore.Parameter(counts.Select(bucket => bucket.Key).ToArray()),
            PostgresKeyStore.Parameter(counts.Select(bucket => bucket.Value).ToArray()));
    }

    private static void Rewrap(NpgsqlBatch batch, List<KeyStoreChange.Rewrap> rewrapped)
    {
        if (rewrapped.Count > 0)
        {
            Add(
                batch,
                "UPDATE key k SET wrapped = n.wrapped FROM unnest($1, $2, $3) AS n (scope, id, wrapped) WHERE k.scope = n.scope AND k.id = n.id",
                [.. Names([.. rewrapped.Select(key => key.Name)]), PostgresKeyStore.Parameter(rewrapped.Select(key => key.Wrapped).ToArray())]);
        }
    }

    private static void AddIdentifiers(NpgsqlBatch batch, List<PostgresKeyChange> changes)
    {
        var added = changes.SelectMany(change => change._identifiers.Select(added => (added.Identifier, added.BlindIndex, change._made))).ToList();
        if (added.Count > 0)
        {
            Add(
                batch,
                "INSERT INTO identifier (subject, resource, purpose, blind, sealed, made) SELECT * FROM unnest($1, $2, $3, $4, $5, $6)",
                PostgresKeyStore.Parameter(added.Select(row => row.Identifier.Subject.Value).ToArray()),
                PostgresKeyStore.Parameter(added.Select(row => row.Identifier.Resource).ToArray()),
                PostgresKeyStore.Parameter(added.Select(row => row.Identifier.Purpose).ToArray()),
                PostgresKeyStore.Parameter(added.Select(row => row.BlindIndex).ToArray()),
                PostgresKeyStore.Parameter(added.Select(row => row.Identifier.Sealed).ToArray()),
                PostgresKeyStore.Parameter(added.Select(row => row._made).ToArray()));
        }
    }

    /// <summary>Only keys of buckets whose rows are held: another is one that was added after this began, and is left to whoever destroys it next.</summary>
    private static void Destroy(NpgsqlBatch batch, List<KeyStoreChange.Destroy> destroyed, long[] held)
    {
        if (destroyed.Count > 0)
        {
            var once = destroyed.DistinctBy(key => key.Name).ToList();
            Add(
                batch,
                """
                WITH gone AS (
                    DELETE FROM key k USING unnest($1, $2, $3) AS n (scope, id, at) WHERE k.scope = n.scope AND k.id = n.id AND k.bucket = ANY($4)
                    RETURNING k.scope, k.id, k.bucket, n.at),
                marked AS (UPDATE bucket SET destroyed = true WHERE id IN (SELECT bucket FROM gone)),
                forgotten AS (DELETE FROM identifier WHERE subject IN (SELECT id FROM gone WHERE scope = 'subject'))
                INSERT INTO destroyed (scope, id, at) SELECT scope, id, at FROM gone ON CONFLICT DO NOTHING
                """,
                [
                    .. Names([.. once.Select(key => key.Name)]),
                    PostgresKeyStore.Parameter(once.Select(key => key.At.ToUniversalTime()).ToArray()),
                    PostgresKeyStore.Parameter(held),
                ]);
        }
    }

    private static void Add(NpgsqlBatch batch, string statement, params NpgsqlParameter[] parameters)
    {
        var command = new NpgsqlBatchCommand(statement);
        command.Parameters.AddRange(parameters);
        batch.BatchCommands.Add(command);
    }
}
