using System.Collections.Concurrent;
using Domicile.Residency;
using Domicile.Storage;
using Domicile.Storage.Postgres;
using Domicile.Tests.Support;
using Npgsql;

namespace Domicile.Tests.Residency;

/// <summary>Several nodes on one key store: each has a vault, a connection pool and an opened root key file of its own.</summary>
[Trait("needs", "postgres")]
public sealed class SharedKeyStoreTests : IAsyncLifetime
{
    private readonly TemporaryDirectory _directory = new();
    private readonly List<Node> _nodes = [];
    private PostgresCluster _cluster = null!;
    private string _database = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string RootKey => _directory["root.key"];

    public async ValueTask InitializeAsync()
    {
        _cluster = await PostgresCluster.Shared(Cancel);
        _database = await _cluster.NewDatabase("keys", Cancel);
        FileKeyProvider.Create(RootKey, KeyVaultFixture.Europe, TimeProvider.System).Dispose();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }

        await _cluster.DropDatabase(_database, CancellationToken.None);
        _directory.Dispose();
    }

    [Fact]
    public async Task Nodes_that_start_at_once_make_the_tables_once()
    {
        var nodes = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => Start())));
        for (var i = 0; i < nodes.Length; i++)
        {
            await nodes[i].Create(i);
            Assert.NotNull(await nodes[(i + 1) % nodes.Length].Find(i));
        }
    }

    [Fact]
    public async Task A_node_finds_the_keys_of_a_bucket_that_another_made_and_re_keyed()
    {
        var (one, two) = (await Start(), await Start());
        var made = await one.Create(1, 2);
        Assert.Equal(made[0], await two.Find(1));
        await two.Vault.Destroy([KeyVaultFixture.Name(2)], Cancel);
        Assert.Equal(1, await two.Vault.TurnEpoch(Cancel));
        Assert.Equal(made[0], await one.Find(1));
        Assert.Null(await one.Find(2));

        // It wraps under the new epoch, which it learned from the file.
        var more = await one.Create(3);
        Assert.Equal(more[0], await two.Find(3));
        Assert.All(await one.Store.Buckets(Cancel), bucket => Assert.Equal(2, bucket.Epoch));
        Assert.Equal([2], one.Provider.Epochs);
    }

    [Fact]
    public async Task A_name_that_two_nodes_take_at_once_is_one_nodes()
    {
        var (one, two) = (await Start(), await Start());
        for (var id = 0L; id < 40; id++)
        {
            var both = await Task.WhenAll(Take(one, id), Take(two, id));
            var taken = Assert.Single(both, key => key is not null);
            Assert.Equal(taken, await one.Find(id));
            Assert.Equal(taken, await two.Find(id));
        }

        static async Task<byte[]?> Take(Node node, long id)
        {
            try
            {
                return (await node.Create(id))[0];
            }
            catch (KeyExistsException)
            {
                return null;
            }
        }
    }

    [Fact]
    public async Task A_name_is_not_taken_again_by_a_node_that_waited_for_the_one_that_destroyed_it()
    {
        var (one, two) = (await Start(), await Start());
        for (var id = 0L; id < 40; id++)
        {
            await one.Create(id);
            var destroying = one.Vault.Destroy([KeyVaultFixture.Name(id)], Cancel);
            await Assert.ThrowsAsync<KeyExistsException>(() => two.Create(id));
            await destroying;
            await Assert.ThrowsAsync<KeyExistsException>(() => two.Create(id));
            Assert.Null(await two.Find(id));
        }
    }

    [Fact]
    public async Task No_key_is_lost_or_brought_back_while_two_nodes_turn_epochs_and_all_make_read_and_destroy_keys()
    {
        Node[] nodes = [await Start(), await Start(), await Start()];
        var (alive, dead, next) = (new ConcurrentDictionary<long, byte[]>(), new ConcurrentBag<long>(), 0L);
        var working = Enumerable.Range(0, 6).Select(worker => Task.Run(async () =>
        {
            var (node, mine) = (nodes[worker % nodes.Length], new List<long>());
            for (var i = 0; i < 60; i++)
            {
                var id = Interlocked.Increment(ref next);
                alive[id] = (await node.Create(id))[0];
                mine.Add(id);
                var some = mine[mine.Count * 7 / 11];
                Assert.Equal(alive[some], await nodes[(worker + i) % nodes.Length].Find(some));
                if (i % 5 == 4)
                {
                    var gone = mine[i % mine.Count];
                    alive.TryRemove(gone, out _);
                    mine.Remove(gone);
                    await nodes[(worker + 1) % nodes.Length].Vault.Destroy([KeyVaultFixture.Name(gone)], Cancel);
                    dead.Add(gone);
                    Assert.Null(await node.Find(gone));
                }
            }
        })).ToList();
        var turns = 0;
        await Task.WhenAll(nodes.Take(2).Select(node => Task.Run(async () =>
        {
            do
            {
                await node.Vault.TurnEpoch(Cancel);
                Interlocked.Increment(ref turns);
            }
            while (!Task.WhenAll(working).IsCompleted);
        })));
        await Task.WhenAll(working);
        Assert.True(turns > 4, $"Only {turns} turns.");
        await nodes[2].Vault.TurnEpoch(Cancel);
        foreach (var node in (Node[])[.. nodes, await Start()])
        {
            foreach (var (id, key) in alive)
            {
                Assert.Equal(key, await node.Find(id));
            }

            Assert.Empty(await node.Vault.Find([.. dead.Select(KeyVaultFixture.Name)], Cancel));
        }

        Assert.Single(nodes[2].Provider.Epochs);
        Assert.All(await nodes[2].Store.Buckets(Cancel), bucket => Assert.Equal((nodes[2].Provider.CurrentEpoch, false), (bucket.Epoch, bucket.SomeDestroyed)));
    }

    [Fact]
    public async Task A_bucket_that_never_rests_is_fenced_off_and_re_keyed()
    {
        var (busy, other) = (await Start(), await Start());
        var first = await busy.Create(1, 2);
        await busy.Vault.Destroy([KeyVaultFixture.Name(1)], Cancel);
        var (made, next) = (new List<(long Id, byte[] Key)>(), 100L);
        var store = new FailingStore(other.Store, new Failing())
        {
            // Each time the bucket is about to be re-keyed, another key is in it.
            BeforeApply = async () =>
            {
                var id = next++;
                made.Add((id, (await busy.Create(id))[0]));
            },
        };
        using var vault = new KeyVault(store, other.Provider, KeyVaultFixture.Europe, TimeProvider.System);
        await vault.Open(Cancel);
        Assert.Equal(1, await vault.TurnEpoch(Cancel));
        Assert.InRange(made.Count, 4, 20);
        Assert.Equal(first[1], await other.Find(2));
        foreach (var (id, key) in made)
        {
            Assert.Equal(key, await other.Find(id));
        }
    }

    [Fact]
    public async Task A_node_with_an_old_copy_of_the_root_key_is_refused_and_loses_nothing()
    {
        var one = await Start();
        var made = await one.Create(1);
        var copy = _directory["copy.key"];
        File.Copy(RootKey, copy);
        var two = await Start(copy);
        Assert.Equal(made[0], await two.Find(1));
        await one.Vault.TurnEpoch(Cancel);
        await Assert.ThrowsAsync<KeyGoneException>(() => two.Create(2));
        await Assert.ThrowsAsync<KeyGoneException>(() => two.Vault.TurnEpoch(Cancel));
        var fault = await Assert.ThrowsAsync<KeyGoneException>(() => Start(copy));
        Assert.Contains("All nodes need the same", fault.Message, StringComparison.Ordinal);

        // Once the operator has brought the file, it goes on.
        File.Copy(RootKey, copy, overwrite: true);
        var more = await two.Create(2);
        Assert.Equal(more[0], await one.Find(2));
    }

    [Fact]
    public async Task Two_root_key_files_never_share_an_epoch_with_different_keys()
    {
        var one = await Start();
        var made = await one.Create(1);
        var copy = _directory["copy.key"];
        File.Copy(RootKey, copy);
        var two = await Start(copy);
        var turning = new FailingStore(two.Store, new Failing());
        var once = true;
        turning.BeforeApply = async () =>
        {
            if (once)
            {
                // The second node has begun the epoch in its own file, and the first begins the same number in the other.
                once = false;
                await one.Vault.TurnEpoch(Cancel);
            }
        };
        using var vault = new KeyVault(turning, two.Provider, KeyVaultFixture.Europe, TimeProvider.System);
        await vault.Open(Cancel);
        await Assert.ThrowsAsync<KeyGoneException>(() => vault.TurnEpoch(Cancel));
        await Assert.ThrowsAsync<KeyGoneException>(() => vault.Create(1, [KeyVaultFixture.Name(2)], null, Cancel));
        var after = await Start();
        Assert.Equal(made[0], await after.Find(1));
    }

    [Fact]
    public async Task A_change_that_was_committed_although_the_connection_ended_is_made_once_and_not_refused()
    {
        await using var relay = new CuttableRelay(_cluster.Port);
        var node = await Start(through: relay);
        await node.Create(1);

        relay.CutAnswersTo("COMMIT");
        var creating = node.Create(2, 3);
        await Until(() => relay.Cuts > 0);
        relay.CutAnswersTo(null);
        var made = await creating;
        Assert.Equal(made[1], await node.Find(3));

        relay.CutAnswersTo("COMMIT");
        var before = relay.Cuts;
        var destroying = node.Vault.Destroy([KeyVaultFixture.Name(2)], Cancel);
        await Until(() => relay.Cuts > before);
        relay.CutAnswersTo(null);
        await destroying;
        Assert.Null(await node.Find(2));

        relay.CutAnswersTo("COMMIT");
        before = relay.Cuts;
        var turning = node.Vault.TurnEpoch(Cancel);
        await Until(() => relay.Cuts > before);
        relay.CutAnswersTo(null);
        await turning;
        Assert.Equal(made[1], await node.Find(3));
        Assert.Equal(3, Assert.Single(await node.Store.Buckets(Cancel)).Keys);
    }

    [Fact]
    public async Task A_database_that_is_killed_and_comes_back_costs_nothing_but_time()
    {
        await using var cluster = await PostgresCluster.Start(Cancel);
        var node = await Start(database: await cluster.NewDatabase("keys", Cancel));
        await node.Create(1);
        await cluster.Kill();
        var creating = node.Create(2);
        var finding = node.Find(1);
        await cluster.StartAgain(Cancel);
        var made = await creating;
        Assert.NotNull(await finding);
        Assert.Equal(made[0], await node.Find(2));
    }

    [Fact]
    public async Task A_database_that_refuses_is_unavailable_without_naming_values()
    {
        var node = await Start();
        await using var superuser = NpgsqlDataSource.Create(_cluster.AsSuperuser(_database));
        await using (var revoke = superuser.CreateCommand($"ALTER TABLE key OWNER TO postgres; REVOKE ALL ON key FROM PUBLIC, {PostgresCluster.Role}"))
        {
            await revoke.ExecuteNonQueryAsync(Cancel);
        }

        var fault = await Assert.ThrowsAsync<StoreUnavailableException>(() => node.Create(1));
        Assert.Contains(PostgresErrorCodes.InsufficientPrivilege, fault.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => node.Find(1));
    }

    private static async Task Until(Func<bool> holds)
    {
        while (!holds())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), Cancel);
        }
    }

    private async Task<Node> Start(string? rootKey = null, string? database = null, CuttableRelay? through = null)
    {
        var connection = new NpgsqlConnectionStringBuilder(database ?? _database);
        if (through is not null)
        {
            connection.Port = through.Port;
        }

        var source = NpgsqlDataSource.Create(connection.ConnectionString);
        var provider = FileKeyProvider.Open(rootKey ?? RootKey, KeyVaultFixture.Europe, TimeProvider.System);
        var store = await PostgresKeyStore.Open(source, KeyVaultFixture.Europe, provider.CheckValue, TimeProvider.System, Cancel);
        var node = new Node(source, store, provider);
        lock (_nodes)
        {
            _nodes.Add(node);
        }

        await node.Vault.Open(Cancel);
        return node;
    }

    private sealed class Node(NpgsqlDataSource source, PostgresKeyStore store, FileKeyProvider provider) : IAsyncDisposable
    {
        public PostgresKeyStore Store { get; } = store;

        public FileKeyProvider Provider { get; } = provider;

        public KeyVault Vault { get; } = new(store, provider, KeyVaultFixture.Europe, TimeProvider.System);

        public Task<IReadOnlyList<byte[]>> Create(params long[] ids) => Vault.Create(1, [.. ids.Select(KeyVaultFixture.Name)], null, Cancel);

        public async Task<byte[]?> Find(long id) => await Vault.Find([KeyVaultFixture.Name(id)], Cancel) is [var found] ? found.Key : null;

        public async ValueTask DisposeAsync()
        {
            await Store.DisposeAsync();
            await source.DisposeAsync();
            Vault.Dispose();
            Provider.Dispose();
        }
    }
}
