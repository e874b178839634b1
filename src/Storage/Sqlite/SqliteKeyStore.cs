using Domicile.Residency;
using Domicile.Storage.Engine;

namespace Domicile.Storage.Sqlite;

/// <summary>The key store in a database file of its own, with its own, shorter life in backups. Writes of concurrent callers share a flush.</summary>
internal sealed class SqliteKeyStore : IKeyStore, IAsyncDisposable
{
    private const string SelectKey = "SELECT resource, bucket, wrapped FROM key WHERE scope = ?1 AND id = ?2";
    private const string SelectDestroyed = "SELECT at FROM destroyed WHERE scope = ?1 AND id = ?2";
    private readonly SqliteWriter _writer;
    private readonly SqliteReaders _readers;

    public SqliteKeyStore(string path, Geography geography, string rootCheck)
    {
        using (var session = SqliteSession.Open(path, readOnly: false))
        {
            Prepare(session, geography, rootCheck);
        }

        _writer = new SqliteWriter(path, $"{geography.Slug} keys");
        _readers = new SqliteReaders(path, Math.Max(2, Environment.ProcessorCount));
    }

    /// <summary>What the key store keeps, for the inventory: table and purpose.</summary>
    public static IReadOnlyList<(string Table, string Purpose)> Describe() =>
    [
        ("epoch", "the oldest epoch under whose root key a bucket may be wrapped"),
        ("bucket", "keys under which a few thousand others are wrapped; themselves wrapped under the epoch's root key"),
        ("key", "keys of people, resources and parents, wrapped under their bucket's key"),
        ("identifier", "identifiers of people, sealed under the person's own key; found by a blind index, which is a pseudonym"),
        ("destroyed", "which keys are gone, and since when"),
    ];

    /// <summary>Compares a key store with the root key, and changes nothing.</summary>
    /// <returns>What a start would do.</returns>
    /// <exception cref="SchemaMismatchException">A start would be refused.</exception>
    public static IReadOnlyList<string> Pending(SqliteSession session, Geography geography, IKeyProvider provider)
    {
        if (session.Number("SELECT count(*) FROM sqlite_master WHERE name = 'setting'") == 0)
        {
            return ["make every table: the key store is empty"];
        }

        Expect("geography", geography.Slug, $"It belongs to another geography than {geography}.");
        Expect("root", provider.CheckValue, "It was made under another root key than the one that was given.");
        var epochs = session.Prepare("SELECT DISTINCT epoch FROM bucket");
        while (epochs.Step())
        {
            if (!provider.Epochs.Contains((int)epochs.Number(0)))
            {
                epochs.Reset();
                throw Unusable(session, "It is older than the oldest epoch in the root key file: what it held was meant to be gone by now. Use a younger copy.");
            }
        }

        return [];

        void Expect(string name, string expected, string otherwise)
        {
            var row = session.Prepare("SELECT value FROM setting WHERE name = ?1").Bind(1, name);
            var isAsExpected = row.Step() && row.Text(0) == expected;
            row.Reset();
            if (!isAsExpected)
            {
                throw Unusable(session, otherwise);
            }
        }
    }

    public bool IsShared => false;

    public async Task<IReadOnlyList<StoredBucket>> Buckets(CancellationToken cancel) =>
        await _readers.Read(
            static (session, _) =>
            {
                var buckets = new List<StoredBucket>();
                var rows = session.Prepare("SELECT id, epoch, wrapped, generation, keys, destroyed FROM bucket");
                while (rows.Step())
                {
                    buckets.Add(new StoredBucket(rows.Number(0), (int)rows.Number(1), rows.Bytes(2), (int)rows.Number(3), (int)rows.Number(4), rows.Number(5) != 0));
                }

                return buckets;
            },
            0,
            cancel);

    public ValueTask<IReadOnlyList<StoredKey>> Find(IReadOnlyCollection<KeyName> names, CancellationToken cancel) =>
        _readers.Read(
            static (session, names) =>
            {
                var keys = new List<StoredKey>(names.Count);
                foreach (var name in names)
                {
                    var row = session.Prepare(SelectKey).Bind(1, name.Scope).Bind(2, name.Id);
                    if (row.Step())
                    {
                        keys.Add(new StoredKey(name, row.Number(0), row.Number(1), row.Bytes(2)));
                        row.Reset();
                    }
                }

                return (IReadOnlyList<StoredKey>)keys;
            },
            names,
            cancel);

    public async Task<IReadOnlyList<StoredKey>> InBucket(long bucket, CancellationToken cancel) =>
        await _readers.Read(
            static (session, bucket) =>
            {
                var keys = new List<StoredKey>();
                var rows = session.Prepare("SELECT scope, id, resource, wrapped FROM key WHERE bucket = ?1").Bind(1, bucket);
                while (rows.Step())
                {
                    keys.Add(new StoredKey(new KeyName(rows.Text(0), rows.Number(1)), rows.Number(2), bucket, rows.Bytes(3)));
                }

                return keys;
            },
            bucket,
            cancel);

    public ValueTask<IReadOnlyList<StoredKey>> Keys(KeyName? after, int take, CancellationToken cancel) =>
        _readers.Read(
            static (session, ask) =>
            {
                var keys = new List<StoredKey>();
                var rows = session.Prepare("SELECT scope, id, resource, bucket, wrapped FROM key WHERE (scope, id) > (?1, ?2) ORDER BY scope, id LIMIT ?3")
                    .Bind(1, ask.after?.Scope ?? "").Bind(2, ask.after?.Id ?? 0).Bind(3, ask.take);
                while (rows.Step())
                {
                    keys.Add(new StoredKey(new KeyName(rows.Text(0), rows.Number(1)), rows.Number(2), rows.Number(3), rows.Bytes(4)));
                }

                return (IReadOnlyList<StoredKey>)keys;
            },
            (after, take),
            cancel);

    public ValueTask<IReadOnlyList<FiledIdentifier>> Identifiers(FiledIdentifier? after, int take, CancellationToken cancel) =>
        _readers.Read(
            static (session, ask) =>
            {
                var identifiers = new List<FiledIdentifier>();
                var rows = session.Prepare(
                    "SELECT subject, resource, purpose, sealed, blind FROM identifier WHERE (resource, purpose, blind) > (?1, ?2, ?3) ORDER BY resource, purpose, blind LIMIT ?4")
                    .Bind(1, ask.after?.Identifier.Resource ?? long.MinValue).Bind(2, ask.after?.Identifier.Purpose ?? "").Bind(3, ask.after?.BlindIndex ?? []).Bind(4, ask.take);
                while (rows.Step())
                {
                    identifiers.Add(new FiledIdentifier(new StoredIdentifier(new SubjectRef(rows.Number(0)), rows.Number(1), rows.Text(2), rows.Bytes(3)), rows.Bytes(4)));
                }

                return (IReadOnlyList<FiledIdentifier>)identifiers;
            },
            (after, take),
            cancel);

    public ValueTask<SubjectRef?> FindSubject(long resource, string purpose, byte[] blindIndex, CancellationToken cancel) =>
        _readers.Read(
            static (session, ask) =>
            {
                var row = session.Prepare("SELECT subject FROM identifier WHERE resource = ?1 AND purpose = ?2 AND blind = ?3")
                    .Bind(1, ask.resource).Bind(2, ask.purpose).Bind(3, ask.blindIndex);
                SubjectRef? subject = row.Step() ? new SubjectRef(row.Number(0)) : null;
                row.Reset();
                return subject;
            },
            (resource, purpose, blindIndex),
            cancel);

    public ValueTask<IReadOnlyList<StoredIdentifier>> Identifiers(IReadOnlyCollection<SubjectRef> subjects, CancellationToken cancel) =>
        _readers.Read(
            static (session, subjects) =>
            {
                var identifiers = new List<StoredIdentifier>();
                foreach (var subject in subjects)
                {
                    var rows = session.Prepare("SELECT resource, purpose, sealed FROM identifier WHERE subject = ?1").Bind(1, subject.Value);
                    while (rows.Step())
                    {
                        identifiers.Add(new StoredIdentifier(subject, rows.Number(0), rows.Text(1), rows.Bytes(2)));
                    }
                }

                return (IReadOnlyList<StoredIdentifier>)identifiers;
            },
            subjects,
            cancel);

    public ValueTask<IReadOnlyList<DestroyedKey>> Destroyed(IReadOnlyCollection<KeyName> names, CancellationToken cancel) =>
        _readers.Read(
            static (session, names) =>
            {
                var gone = new List<DestroyedKey>();
                foreach (var name in names)
                {
                    var row = session.Prepare(SelectDestroyed).Bind(1, name.Scope).Bind(2, name.Id);
                    if (row.Step())
                    {
                        gone.Add(new DestroyedKey(name, DateTimeOffset.FromUnixTimeMilliseconds(row.Number(0))));
                        row.Reset();
                    }
                }

                return (IReadOnlyList<DestroyedKey>)gone;
            },
            names,
            cancel);

    public async Task<IReadOnlyList<KeyName>> OfResource(long resource, CancellationToken cancel) =>
        await _readers.Read(
            static (session, resource) =>
            {
                var names = new List<KeyName>();
                var rows = session.Prepare("SELECT scope, id FROM key WHERE resource = ?1").Bind(1, resource);
                while (rows.Step())
                {
                    names.Add(new KeyName(rows.Text(0), rows.Number(1)));
                }

                return names;
            },
            resource,
            cancel);

    public async Task<long> LastResource(CancellationToken cancel) =>
        await _readers.Read(static (session, _) => session.Number("SELECT coalesce(max(resource), 0) FROM key"), 0, cancel);

    /// <inheritdoc/>
    public async Task Apply(IReadOnlyList<KeyStoreChange> changes, CancellationToken cancel)
    {
        var work = new SqliteWork<Exception?>(session => Apply(session, changes));
        await _writer.Enqueue(work, cancel);
        try
        {
            if (await work.Done is { } refused)
            {
                throw refused;
            }
        }
        catch (SqliteFault fault) when (fault.IsConstraint)
        {
            throw new KeyExistsException();
        }
        catch (SqliteFault fault)
        {
            throw new StoreUnavailableException("The key store refused to write.", fault);
        }
    }

    /// <summary>Runs something in the writer's session; for tests that make the disk full.</summary>
    internal async Task<T> OnWriter<T>(Func<SqliteSession, T> run, CancellationToken cancel)
    {
        var work = new SqliteWork<T>(run);
        await _writer.Enqueue(work, cancel);
        return await work.Done;
    }

    public async ValueTask DisposeAsync()
    {
        // Readers first: with nobody reading, the writer can empty the log.
        await _readers.DisposeAsync();
        await _writer.DisposeAsync();
    }

    /// <summary>Looks first, so that a refusal leaves no trace in the group's transaction.</summary>
    private static Exception? Apply(SqliteSession session, IReadOnlyList<KeyStoreChange> changes)
    {
        foreach (var change in changes)
        {
            if (change is KeyStoreChange.AddKey added)
            {
                if (Has(session.Prepare(SelectKey).Bind(1, added.Key.Name.Scope).Bind(2, added.Key.Name.Id))
                    || Has(session.Prepare(SelectDestroyed).Bind(1, added.Key.Name.Scope).Bind(2, added.Key.Name.Id)))
                {
                    return new KeyExistsException();
                }

                if (!Has(session.Prepare("SELECT 1 FROM bucket WHERE id = ?1 AND generation = ?2").Bind(1, added.Key.Bucket).Bind(2, added.Generation)))
                {
                    return new BucketMovedException();
                }
            }
            else if (change is KeyStoreChange.ReplaceBucket replaced && !IsAsExpected(session, replaced, changes))
            {
                return new BucketMovedException();
            }
            else if (change is KeyStoreChange.FenceBucket fenced
                && !Has(session.Prepare("SELECT 1 FROM bucket WHERE id = ?1 AND generation = ?2").Bind(1, fenced.Id).Bind(2, fenced.Generation)))
            {
                return new BucketMovedException();
            }
            else if ((change is KeyStoreChange.AddBucket { Bucket: var bucket } && IsRetired(session, bucket.Epoch))
                || (change is KeyStoreChange.RetireEpochs retired && (IsRetired(session, retired.Before) || IsOtherKey(session, retired))))
            {
                return new BucketMovedException();
            }
            else if (change is KeyStoreChange.AddIdentifier { Identifier: var identifier, BlindIndex: var blind }
                && Has(session.Prepare("SELECT 1 FROM identifier WHERE resource = ?1 AND purpose = ?2 AND blind = ?3")
                    .Bind(1, identifier.Resource).Bind(2, identifier.Purpose).Bind(3, blind)))
            {
                return new KeyExistsException();
            }
        }

        foreach (var change in changes)
        {
            Apply(session, change);
        }

        return null;
    }

    /// <summary>Whether the bucket is of that generation and, when it is re-keyed, every key that is in it now comes wrapped anew.</summary>
    private static bool IsAsExpected(SqliteSession session, KeyStoreChange.ReplaceBucket replaced, IReadOnlyList<KeyStoreChange> changes)
    {
        if (IsRetired(session, replaced.Epoch)
            || !Has(session.Prepare("SELECT 1 FROM bucket WHERE id = ?1 AND generation = ?2 AND epoch <= ?3 AND (?4 = 1 OR destroyed = 0)")
                .Bind(1, replaced.Id).Bind(2, replaced.Generation).Bind(3, replaced.Epoch).Bind(4, replaced.Rekeyed ? 1 : 0)))
        {
            return false;
        }

        if (!replaced.Rekeyed)
        {
            return true;
        }

        var rewrapped = changes.OfType<KeyStoreChange.Rewrap>().Select(rewrap => rewrap.Name).ToHashSet();
        var keys = session.Prepare("SELECT scope, id FROM key WHERE bucket = ?1").Bind(1, replaced.Id);
        while (keys.Step())
        {
            if (!rewrapped.Remove(new KeyName(keys.Text(0), keys.Number(1))))
            {
                keys.Reset();
                return false;
            }
        }

        return rewrapped.Count == 0;
    }

    private static bool IsRetired(SqliteSession session, int epoch) => Has(session.Prepare("SELECT 1 FROM epoch WHERE oldest > ?1").Bind(1, epoch));

    private static bool IsOtherKey(SqliteSession session, KeyStoreChange.RetireEpochs retired) =>
        Has(session.Prepare("SELECT 1 FROM epoch WHERE oldest = ?1 AND check_value <> ?2").Bind(1, retired.Before).Bind(2, retired.Check));

    private static void Apply(SqliteSession session, KeyStoreChange change)
    {
        switch (change)
        {
            case KeyStoreChange.AddBucket { Bucket: var bucket }:
                session.Prepare("INSERT INTO bucket (id, epoch, wrapped, generation, keys, destroyed) VALUES (?1, ?2, ?3, ?4, 0, 0)")
                    .Bind(1, bucket.Id).Bind(2, bucket.Epoch).Bind(3, bucket.Wrapped).Bind(4, bucket.Generation).Run();
                break;
            case KeyStoreChange.ReplaceBucket replaced:
                session.Prepare("UPDATE bucket SET epoch = ?2, wrapped = ?3, generation = generation + ?4, destroyed = CASE ?4 WHEN 1 THEN 0 ELSE destroyed END WHERE id = ?1")
                    .Bind(1, replaced.Id).Bind(2, replaced.Epoch).Bind(3, replaced.Wrapped).Bind(4, replaced.Rekeyed ? 1 : 0).Run();
                break;
            case KeyStoreChange.FenceBucket fenced:
                session.Prepare("UPDATE bucket SET generation = generation + 1 WHERE id = ?1").Bind(1, fenced.Id).Run();
                break;
            case KeyStoreChange.RetireEpochs retired:
                session.Prepare("INSERT INTO epoch (one, oldest, check_value) VALUES (1, ?1, ?2) ON CONFLICT (one) DO UPDATE SET oldest = excluded.oldest, check_value = excluded.check_value")
                    .Bind(1, retired.Before).Bind(2, retired.Check).Run();
                break;
            case KeyStoreChange.AddKey { Key: var key }:
                session.Prepare("INSERT INTO key (scope, id, resource, bucket, wrapped) VALUES (?1, ?2, ?3, ?4, ?5)")
                    .Bind(1, key.Name.Scope).Bind(2, key.Name.Id).Bind(3, key.Resource).Bind(4, key.Bucket).Bind(5, key.Wrapped).Run();
                session.Prepare("UPDATE bucket SET keys = keys + 1 WHERE id = ?1").Bind(1, key.Bucket).Run();
                break;
            case KeyStoreChange.Rewrap rewrapped:
                session.Prepare("UPDATE key SET wrapped = ?3 WHERE scope = ?1 AND id = ?2")
                    .Bind(1, rewrapped.Name.Scope).Bind(2, rewrapped.Name.Id).Bind(3, rewrapped.Wrapped).Run();
                break;
            case KeyStoreChange.AddIdentifier { Identifier: var identifier, BlindIndex: var blind }:
                session.Prepare("INSERT INTO identifier (subject, resource, purpose, blind, sealed) VALUES (?1, ?2, ?3, ?4, ?5)")
                    .Bind(1, identifier.Subject.Value).Bind(2, identifier.Resource).Bind(3, identifier.Purpose).Bind(4, blind).Bind(5, identifier.Sealed).Run();
                break;
            case KeyStoreChange.Destroy destroyed:
                Destroy(session, destroyed);
                break;
        }
    }

    private static void Destroy(SqliteSession session, KeyStoreChange.Destroy destroyed)
    {
        session.Prepare("UPDATE bucket SET destroyed = 1 WHERE id = (SELECT bucket FROM key WHERE scope = ?1 AND id = ?2)")
            .Bind(1, destroyed.Name.Scope).Bind(2, destroyed.Name.Id).Run();
        if (session.Prepare("DELETE FROM key WHERE scope = ?1 AND id = ?2").Bind(1, destroyed.Name.Scope).Bind(2, destroyed.Name.Id).Run() == 0)
        {
            return;
        }

        if (destroyed.Name.Scope == KeyName.Subject)
        {
            session.Prepare("DELETE FROM identifier WHERE subject = ?1").Bind(1, destroyed.Name.Id).Run();
        }

        session.Prepare("INSERT INTO destroyed (scope, id, at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")
            .Bind(1, destroyed.Name.Scope).Bind(2, destroyed.Name.Id).Bind(3, destroyed.At.ToUnixTimeMilliseconds()).Run();
    }

    private static bool Has(SqliteStatement statement)
    {
        var has = statement.Step();
        statement.Reset();
        return has;
    }

    private static void Prepare(SqliteSession session, Geography geography, string rootCheck)
    {
        string[] definitions =
        [
            "CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
            "CREATE TABLE IF NOT EXISTS epoch (one INTEGER PRIMARY KEY, oldest INTEGER NOT NULL, check_value TEXT NOT NULL)",
            "CREATE TABLE IF NOT EXISTS bucket (id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, wrapped BLOB NOT NULL, generation INTEGER NOT NULL, keys INTEGER NOT NULL, destroyed INTEGER NOT NULL)",
            "CREATE TABLE IF NOT EXISTS key (scope TEXT NOT NULL, id INTEGER NOT NULL, resource INTEGER NOT NULL, bucket INTEGER NOT NULL, wrapped BLOB NOT NULL, PRIMARY KEY (scope, id)) WITHOUT ROWID",
            "CREATE INDEX IF NOT EXISTS key_bucket ON key (bucket)",
            "CREATE INDEX IF NOT EXISTS key_resource ON key (resource)",
            "CREATE TABLE IF NOT EXISTS identifier (subject INTEGER NOT NULL, resource INTEGER NOT NULL, purpose TEXT NOT NULL, blind BLOB NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY (resource, purpose, blind)) WITHOUT ROWID",
            "CREATE INDEX IF NOT EXISTS identifier_subject ON identifier (subject)",
            "CREATE TABLE IF NOT EXISTS destroyed (scope TEXT NOT NULL, id INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (scope, id)) WITHOUT ROWID",
        ];
        foreach (var definition in definitions)
        {
            session.Execute(definition);
        }

        CheckSetting(session, "geography", geography.Slug, $"It belongs to another geography than {geography}.");
        CheckSetting(session, "root", rootCheck, "It was made under another root key than the one that was given.");
    }

    private static void CheckSetting(SqliteSession session, string name, string expected, string otherwise)
    {
        session.Prepare("INSERT INTO setting (name, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING").Bind(1, name).Bind(2, expected).Run();
        var row = session.Prepare("SELECT value FROM setting WHERE name = ?1").Bind(1, name);
        row.Step();
        var found = row.Text(0);
        row.Reset();
        if (found != expected)
        {
            throw Unusable(session, otherwise);
        }
    }

    private static SchemaMismatchException Unusable(SqliteSession session, string otherwise) =>
        new($"The key store {session.Connection.DataSource} cannot be used. {otherwise}");
}
