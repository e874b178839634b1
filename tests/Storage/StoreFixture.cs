using Domicile.Residency;
using Domicile.Storage;
using Domicile.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace Domicile.Tests.Storage;

/// <summary>
/// A scale unit on a real database, with a clock that the test turns and two resources. A second engine adds a fixture of its own, nothing else.
/// </summary>
public abstract class StoreFixture : IAsyncDisposable
{
    public static readonly Geography Europe = Geography.Parse("Europe");
    private readonly TemporaryDirectory _directory = new();
    private readonly Guid _first = Guid.CreateVersion7();
    private readonly Guid _second = Guid.CreateVersion7();
    private ScaleUnit? _unit;

    internal ManualClock Clock { get; } = new();

    /// <summary>The directory of the scale unit.</summary>
    public string Directory => _directory["unit"];

    public ScaleUnit Unit => _unit ?? throw new InvalidOperationException("Open it first.");

    /// <summary>The resource that most tests use.</summary>
    public Home Home { get; private set; } = null!;

    /// <summary>Its neighbour.</summary>
    public Home Neighbour { get; private set; } = null!;

    /// <summary>The nodes of the scale unit that are open; usually one.</summary>
    public virtual IReadOnlyList<ScaleUnit> Nodes => [Unit];

    /// <summary>The resource at each of <see cref="Nodes"/>.</summary>
    public virtual IReadOnlyList<Home> Homes => [Home];

    public HomeStore Store => Home.Store;

    /// <summary>Opens the scale unit, as it was left.</summary>
    public virtual async Task Open(Catalogue? catalogue = null)
    {
        var cancel = TestContext.Current.CancellationToken;
        _unit = await OpenUnit(catalogue ?? TestJson.Catalogue());
        Home = await Unit.Administration.Add(_first, cancel);
        Neighbour = await Unit.Administration.Add(_second, cancel);
    }

    public virtual async Task Close()
    {
        if (_unit is not null)
        {
            await _unit.DisposeAsync();
            _unit = null;
        }
    }

    public async Task Restart(Catalogue? catalogue = null)
    {
        await Close();
        await Open(catalogue);
    }

    /// <summary>Waits for something that happens on another thread, for as long as the test may take.</summary>
    public static async Task Until(Func<bool> holds)
    {
        while (!holds())
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Rows of a table, over all resources.</summary>
    public ValueTask<long> Rows(string table, string where = "1 = 1") =>
        Store.Query(
            async (connection, cancel) =>
            {
                using var command = connection.CreateCommand();
#pragma warning disable CA2100 // The texts are the test's own.
                command.CommandText = $"SELECT count(*) FROM {table} WHERE {where}";
#pragma warning restore CA2100
                return Convert.ToInt64(await command.ExecuteScalarAsync(cancel), System.Globalization.CultureInfo.InvariantCulture);
            },
            TestContext.Current.CancellationToken);

    public virtual async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await Close();
        _directory.Dispose();
    }

    /// <summary>Changes the database behind the store's back, while it is closed or open. <c>zeroblob(n)</c> is n zero bytes, <c>byteblob(n)</c> one byte of that value.</summary>
    public abstract void Tamper(string sql);

    /// <summary>Changes the key store behind its back.</summary>
    public abstract void TamperKeys(string sql);

    /// <summary>Asks the key store for a number. <c>instr(bytes, text)</c> tells whether the text is in the bytes.</summary>
    public abstract long KeyNumber(string sql);

    protected abstract Task<ScaleUnit> OpenUnit(Catalogue catalogue);

    protected ScaleUnitOptions Options => new(Europe, Directory);

    protected Task<ScaleUnit> OpenUnit(ScaleUnitOptions options, Catalogue catalogue) =>
        ScaleUnit.Open(options, catalogue, Clock, NullLogger.Instance, TestContext.Current.CancellationToken);
}

/// <summary>The embedded engine.</summary>
public sealed class SqliteFixture : StoreFixture
{
    public override void Tamper(string sql)
    {
        using var session = Domicile.Storage.Sqlite.SqliteSession.Open(Path.Combine(Directory, "data.db"), readOnly: false);
        session.Execute(System.Text.RegularExpressions.Regex.Replace(
            sql, @"byteblob\((\d+)\)", value => $"x'{int.Parse(value.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture):x2}'"));
    }

    public override void TamperKeys(string sql)
    {
        using var session = Domicile.Storage.Sqlite.SqliteSession.Open(Path.Combine(Directory, "keys.db"), readOnly: false);
        session.Execute(sql);
    }

    public override long KeyNumber(string sql)
    {
        using var session = Domicile.Storage.Sqlite.SqliteSession.Open(Path.Combine(Directory, "keys.db"), readOnly: true);
        return session.Number(sql);
    }

    protected override Task<ScaleUnit> OpenUnit(Catalogue catalogue) => OpenUnit(Options, catalogue);
}

/// <summary>The base of every test that runs on every engine.</summary>
public abstract class StoreTests(StoreFixture fixture) : IAsyncLifetime
{
    protected static readonly Problem Refused = new("/problems/test/refused", 409, "No.");

    protected StoreFixture Fixture { get; } = fixture;

    protected Home Home => Fixture.Home;

    protected HomeStore Store => Fixture.Home.Store;

    protected ScaleUnit Unit => Fixture.Unit;

    internal ManualClock Clock => Fixture.Clock;

    protected static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public virtual async ValueTask InitializeAsync() => await Fixture.Open();

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await Closing();
        await Fixture.DisposeAsync();
    }

    /// <summary>What a class of tests opened itself is closed before the store is.</summary>
    protected virtual ValueTask Closing() => ValueTask.CompletedTask;

    protected static ColumnValue Text(string text) => ColumnValue.Of(text);

    /// <summary>A batch that must succeed.</summary>
    protected async Task<Outcome> Commit(Action<Batch> build, Home? home = null)
    {
        var outcome = await (home ?? Home).Store.Commit(build, Cancel);
        Assert.Null(outcome.Refused);
        return outcome;
    }

    /// <summary>A batch that must be refused.</summary>
    protected async Task<Problem> Refuse(Action<Batch> build, Home? home = null)
    {
        var outcome = await (home ?? Home).Store.Commit(build, Cancel);
        Assert.NotNull(outcome.Refused);
        return outcome.Refused;
    }

    protected async Task<SubjectRef> Person(string name = "", Home? home = null) =>
        await (home ?? Home).AddSubject([new Identifier(Identifier.CommunicationUser, $"8:acs:{name}{Guid.NewGuid()}")], Cancel);

    protected async Task<Ref<Room>> Room(string? name = null, DateTimeOffset? closesOn = null, Home? home = null)
    {
        var key = (home ?? Home).References.Next<Room>();
        await Commit(b => b.Insert(new Room { Key = key, Name = name ?? $"room {key.Value}", Topic = "a topic", ClosesOn = closesOn }), home);
        return key;
    }

    protected async Task<SubjectRef> Join(Ref<Room> room, SubjectRef? person = null)
    {
        var who = person ?? await Person();
        await Commit(b => b.Lock(room, Refused).Insert(new Member { Room = room, Person = who, Nickname = "nick" }));
        return who;
    }

    protected static Line Says(Ref<Room> room, SubjectRef writer, string text, long arrival = 0) =>
        new() { Room = room, Id = Guid.CreateVersion7(), Writer = writer, Text = text, Arrival = arrival };

    protected async Task<Appended> Say(Ref<Room> room, SubjectRef writer, string text) =>
        (await Commit(b => b.Lock(room, Refused).Append(Says(room, writer, text)))).Appended[0];
}
