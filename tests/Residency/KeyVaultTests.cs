using Domicile.Residency;
using Domicile.Storage.Engine;

namespace Domicile.Tests.Residency;

public sealed class SqliteKeyVaultTests() : KeyVaultTests(new SqliteKeyVaultFixture());

[Trait("needs", "postgres")]
public sealed class PostgresKeyVaultTests() : KeyVaultTests(new PostgresKeyVaultFixture());

public abstract class KeyVaultTests : IAsyncLifetime
{
    private readonly KeyVaultFixture _keys;

    private protected KeyVaultTests(KeyVaultFixture keys) => _keys = keys;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => await _keys.Open();

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await _keys.DisposeAsync();
    }

    private Task Destroy(params long[] ids) => _keys.Vault.Destroy(ids.Select(KeyVaultFixture.Name), Cancel);

    [Fact]
    public async Task A_key_is_found_again_after_a_restart_and_one_that_was_never_made_is_missing()
    {
        var made = await _keys.Create(1, 2);
        await _keys.Reopen();
        Assert.Equal(made[0], await _keys.Find(1));
        Assert.Equal(made[1], await _keys.Find(2));
        Assert.Null(await _keys.Find(3));
        Assert.NotEqual(made[0], made[1]);
    }

    [Fact]
    public async Task A_name_is_taken_once_and_never_again()
    {
        var made = await _keys.Create(1);
        await Assert.ThrowsAsync<KeyExistsException>(() => _keys.Create(1));
        await Assert.ThrowsAsync<KeyExistsException>(() => _keys.Create(2, 1));
        Assert.Equal(made[0], await _keys.Find(1));
        Assert.Null(await _keys.Find(2));
        await Destroy(1);
        await Assert.ThrowsAsync<KeyExistsException>(() => _keys.Create(1));
    }

    [Fact]
    public async Task A_bucket_fills_and_the_next_one_is_made()
    {
        for (var i = 0; i < 5; i++)
        {
            await _keys.Create([.. Enumerable.Range(i * 500, 500).Select(id => (long)id)]);
        }

        Assert.Equal([500, 2_000], (await _keys.Store.Buckets(Cancel)).Select(bucket => bucket.Keys).Order());
        await _keys.Reopen();
        await _keys.Create(9_999);

        // Where there are other nodes, each fills a bucket of its own.
        Assert.Equal(_keys.Store.IsShared ? 3 : 2, (await _keys.Store.Buckets(Cancel)).Count);
        await _keys.Create([.. Enumerable.Range(10_000, 40).Select(id => (long)id)]);
        Assert.Equal(2_541, (await _keys.Store.Buckets(Cancel)).Sum(bucket => bucket.Keys));
        Assert.All(await _keys.Store.Buckets(Cancel), bucket => Assert.InRange(bucket.Keys, 1, KeyVault.BucketCapacity));
    }

    [Fact]
    public async Task Destroyed_keys_are_gone_and_say_since_when()
    {
        await _keys.Create(1, 2);
        await Destroy(1);
        var at = _keys.Clock.GetUtcNow();
        _keys.Clock.Turn(TimeSpan.FromHours(1));
        await Destroy(1, 3);
        Assert.Null(await _keys.Find(1));
        Assert.NotNull(await _keys.Find(2));
        var gone = Assert.Single(await _keys.Vault.Destroyed([KeyVaultFixture.Name(1), KeyVaultFixture.Name(2), KeyVaultFixture.Name(3)], Cancel));
        Assert.Equal((KeyVaultFixture.Name(1), at), (gone.Name, gone.At));
    }

    [Fact]
    public async Task A_destroyed_key_stays_gone_even_for_an_older_copy_with_the_current_root_key()
    {
        var made = await _keys.Create(1, 2);
        var copy = await _keys.CopyOfKeys();
        await Destroy(1);

        // Until the epoch ends, the copy still opens it: that is what the receipt's date is about.
        await using (var before = await OpenCopy(copy))
        {
            Assert.Equal(made[0], await before.Find(1));
        }

        Assert.Equal(1, await _keys.Vault.TurnEpoch(Cancel));
        Assert.Null(await _keys.Find(1));
        Assert.Equal(made[1], await _keys.Find(2));
        await Assert.ThrowsAsync<KeyGoneException>(() => OpenCopy(copy));

        // Nor do the old copy's rows help next to the buckets of today.
        var stolen = await RowsOf(copy);
        var today = Assert.Single(await _keys.Store.Find([KeyVaultFixture.Name(2)], Cancel));
        await _keys.Store.Apply([new KeyStoreChange.AddKey(stolen with { Name = KeyVaultFixture.Name(4) }, Assert.Single(await _keys.Store.Buckets(Cancel)).Generation)], Cancel);
        await _keys.Tamper("UPDATE key SET id = 1 WHERE id = 4");
        Assert.Equal(today.Bucket, stolen.Bucket);
        await _keys.Reopen();
        await Assert.ThrowsAsync<SealBrokenException>(() => _keys.Find(1));
        Assert.Equal(made[1], await _keys.Find(2));
    }

    private async Task<CopiedVault> OpenCopy(string copy)
    {
        var file = FileKeyProvider.Open(_keys.RootKey, KeyVaultFixture.Europe, _keys.Clock);
        var store = await _keys.OpenStore(copy, KeyVaultFixture.Europe, file.CheckValue);
        var vault = new KeyVault(store, file, KeyVaultFixture.Europe, _keys.Clock);
        try
        {
            await vault.Open(Cancel);
            return new CopiedVault(_keys, store, vault);
        }
        catch
        {
            await _keys.CloseStore(store);
            throw;
        }
    }

    private async Task<StoredKey> RowsOf(string copy)
    {
        var store = await _keys.OpenStore(copy, KeyVaultFixture.Europe, _keys.File.CheckValue);
        var found = await store.Find([KeyVaultFixture.Name(1)], Cancel);
        await _keys.CloseStore(store);
        return Assert.Single(found);
    }

    private sealed class CopiedVault(KeyVaultFixture keys, IKeyStore store, KeyVault vault) : IAsyncDisposable
    {
        public async Task<byte[]?> Find(long id) => await vault.Find([KeyVaultFixture.Name(id)], Cancel) is [var found] ? found.Key : null;

        public async ValueTask DisposeAsync()
        {
            vault.Dispose();
            await keys.CloseStore(store);
        }
    }

    [Fact]
    public async Task A_turn_of_the_epoch_rekeys_only_buckets_in_which_a_key_died_and_moves_the_others()
    {
        await _keys.Create([.. Enumerable.Range(0, 2_048).Select(id => (long)id)]);
        var kept = await _keys.Create(5_000);
        Assert.Equal(0, await _keys.Vault.TurnEpoch(Cancel));
        await Destroy(7);
        Assert.Equal(1, await _keys.Vault.TurnEpoch(Cancel));
        Assert.Equal(0, await _keys.Vault.TurnEpoch(Cancel));
        Assert.Equal([4], _keys.File.Epochs);
        Assert.All(await _keys.Store.Buckets(Cancel), bucket => Assert.Equal((4, false), (bucket.Epoch, bucket.SomeDestroyed)));
        await _keys.Reopen();
        Assert.Equal(kept[0], await _keys.Find(5_000));
        Assert.Equal(2_047, (await _keys.Vault.Find([.. Enumerable.Range(0, 2_048).Select(id => KeyVaultFixture.Name(id))], Cancel)).Count);
    }

    [Fact]
    public async Task No_key_is_lost_when_epochs_turn_while_keys_are_made_read_and_destroyed()
    {
        var made = new System.Collections.Concurrent.ConcurrentDictionary<long, byte[]>();
        var next = 0L;
        var working = Enumerable.Range(0, 8).Select(worker => Task.Run(async () =>
        {
            var mine = new List<long>();
            for (var i = 0; i < 150; i++)
            {
                var id = Interlocked.Increment(ref next);
                made[id] = (await _keys.Create(id))[0];
                mine.Add(id);
                var some = mine[mine.Count * 7 / 11];
                Assert.Equal(made.GetValueOrDefault(some), await _keys.Find(some));
                if (mine.Count % 5 == 4)
                {
                    made.TryRemove(id, out _);
                    await Destroy(id);
                    Assert.Null(await _keys.Find(id));
                    mine.Remove(id);
                }
            }
        })).ToList();
        while (!Task.WhenAll(working).IsCompleted)
        {
            await _keys.Vault.TurnEpoch(Cancel);
        }

        await Task.WhenAll(working);
        await _keys.Reopen();
        Assert.NotEmpty(made);
        foreach (var (id, key) in made)
        {
            Assert.Equal(key, await _keys.Find(id));
        }

        Assert.Equal(made.Count, (await _keys.Store.OfResource(1, Cancel)).Count);
    }

    [Fact]
    public async Task A_key_that_is_made_or_destroyed_while_its_bucket_is_rekeyed_is_neither_lost_nor_kept()
    {
        var first = await _keys.Create(1, 2, 3);
        await Destroy(1);
        var store = new FailingStore(_keys.Store, new Failing());
        using var vault = new KeyVault(store, _keys.File, KeyVaultFixture.Europe, _keys.Clock);
        await vault.Open(Cancel);
        var once = true;
        byte[]? late = null;
        store.BeforeApply = async () =>
        {
            if (once)
            {
                // The survivors were read, and are about to be written under the new bucket key.
                once = false;
                late = (await _keys.Create(4))[0];
                await Destroy(3);
            }
        };
        Assert.Equal(1, await vault.TurnEpoch(Cancel));
        await _keys.Reopen();
        Assert.Equal(first[1], await _keys.Find(2));
        Assert.Equal(late, await _keys.Find(4));
        Assert.Null(await _keys.Find(3));
        Assert.False(Assert.Single(await _keys.Store.Buckets(Cancel)).SomeDestroyed);
    }

    [Fact]
    public async Task A_key_that_was_wrapped_for_a_bucket_that_moved_meanwhile_is_wrapped_again()
    {
        await _keys.Create(1, 2);
        await Destroy(1);
        var store = new FailingStore(_keys.Store, new Failing());
        using var other = new KeyVault(store, _keys.File, KeyVaultFixture.Europe, _keys.Clock);
        await other.Open(Cancel);
        var once = true;
        store.BeforeApply = async () =>
        {
            if (once)
            {
                once = false;
                await _keys.Vault.TurnEpoch(Cancel);
            }
        };
        var made = await other.Create(1, [KeyVaultFixture.Name(3)], null, Cancel);
        await _keys.Reopen();
        Assert.Equal(made[0], await _keys.Find(3));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_crash_at_any_step_of_a_turn_loses_no_survivor_and_brings_nobody_back(bool afterTheStep)
    {
        var alive = new Dictionary<long, byte[]>();
        var keys = await _keys.Create([.. Enumerable.Range(0, 2_040).Select(id => (long)id)]);
        foreach (var id in (long[])[3, 5, 2_039])
        {
            alive[id] = keys[(int)id];
        }

        alive[9_000] = (await _keys.Create([.. Enumerable.Range(9_000, 12).Select(id => (long)id)]))[0];
        _keys.Failing.Reset();
        await Destroy(100, 9_001);
        await _keys.Vault.TurnEpoch(Cancel);
        var steps = _keys.Failing.Steps;
        Assert.InRange(steps, 10, 40);
        for (var step = 1; step <= steps; step++)
        {
            var (dead, fresh) = (200 + step, 20_000L + step);
            await Destroy(dead);
            _keys.Failing.Reset();
            (_keys.Failing.At, _keys.Failing.AfterIt) = (step, afterTheStep);
            try
            {
                await _keys.Vault.TurnEpoch(Cancel);
            }
            catch (PowerCutException)
            {
            }

            _keys.Failing.At = null;
            if (step % 2 == 0)
            {
                // The process goes on after the failure.
                alive[fresh] = (await _keys.Create(fresh))[0];
            }

            await _keys.Reopen();
            await Same(alive);
            Assert.Null(await _keys.Find(dead));
        }

        await _keys.Vault.TurnEpoch(Cancel);
        await _keys.Reopen();
        await Same(alive);
        Assert.Single(_keys.File.Epochs);
    }

    private async Task Same(Dictionary<long, byte[]> alive)
    {
        foreach (var (id, key) in alive)
        {
            Assert.Equal(key, await _keys.Find(id));
        }
    }

    [Fact]
    public async Task A_wrapped_key_does_not_open_under_another_name()
    {
        await _keys.Create(1, 2);
        await _keys.Tamper("UPDATE key SET wrapped = (SELECT wrapped FROM key WHERE id = 2) WHERE id = 1");
        await Assert.ThrowsAsync<SealBrokenException>(() => _keys.Find(1));
        Assert.NotNull(await _keys.Find(2));
    }

    [Fact]
    public async Task A_key_store_of_another_geography_or_root_key_is_refused()
    {
        await _keys.Create(1);
        var check = _keys.File.CheckValue;
        await _keys.Close();
        await Assert.ThrowsAsync<SchemaMismatchException>(() => _keys.OpenStore(null, Geography.Parse("India"), check));
        await Assert.ThrowsAsync<SchemaMismatchException>(() => _keys.OpenStore(null, KeyVaultFixture.Europe, "another"));
        await _keys.Open();
        Assert.NotNull(await _keys.Find(1));
    }

    [Fact]
    public async Task The_names_of_a_resources_keys_are_its_own()
    {
        await _keys.Create(1, 2);
        await _keys.Vault.Create(2, [KeyVaultFixture.Name(3)], null, Cancel);
        Assert.Equal([1L, 2L], (await _keys.Store.OfResource(1, Cancel)).Select(name => name.Id).Order());
        Assert.Equal([3L], (await _keys.Store.OfResource(2, Cancel)).Select(name => name.Id));
    }

    [Fact]
    public async Task A_look_up_that_ends_at_once_does_not_hide_a_key_that_is_made_later()
    {
        for (var i = 0L; i < 2_000; i++)
        {
            var ring = new KeyRing(_keys.Vault, 16);
            Assert.All(await Task.WhenAll(Task.Run(() => ring.Key(KeyVaultFixture.Name(i), Cancel).AsTask()), Task.Run(() => ring.Key(KeyVaultFixture.Name(i), Cancel).AsTask())), Assert.Null);
            if (i % 100 == 0)
            {
                var made = await _keys.Create(i);
                Assert.Equal(made[0], await ring.Key(KeyVaultFixture.Name(i), Cancel));
            }
        }
    }

    [Fact]
    public async Task A_ring_that_forgot_a_key_never_has_it_again_however_many_were_reading()
    {
        for (var round = 0L; round < 10; round++)
        {
            var ring = new KeyRing(_keys.Vault, 64);
            var (owner, parent) = (new SubjectRef(1_000 + round), KeyVaultFixture.Name(round));
            await _keys.Vault.Create(1, [KeyName.Of(owner), parent], null, Cancel);
            var stop = false;
            var readers = Enumerable.Range(0, 2).Select(_ => Task.Run(async () =>
            {
                while (!Volatile.Read(ref stop))
                {
                    await ring.Find(owner, parent, Cancel);
                }
            })).ToList();
            Assert.NotNull(await ring.Find(owner, parent, Cancel));
            await _keys.Vault.Destroy([KeyName.Of(owner)], Cancel);
            ring.Forget([KeyName.Of(owner)]);
            Assert.Null(await ring.Find(owner, parent, Cancel));
            Volatile.Write(ref stop, true);
            await Task.WhenAll(readers);
            Assert.Null(await ring.Find(owner, parent, Cancel));
            Assert.NotNull(await ring.Key(parent, Cancel));
        }
    }
}
