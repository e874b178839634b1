using Domicile.Storage;

namespace Domicile.Tests.Storage;

[Trait("needs", "postgres")]
public sealed class PostgresRecordCountTests() : RecordCountTests(new PostgresFixture());

public sealed class SqliteRecordCountTests() : RecordCountTests(new SqliteFixture())
{
    [Fact]
    public async Task Counting_scans_no_table()
    {
        foreach (var kind in Unit.Catalogue.Kinds)
        {
            var plan = await Store.Query(
                (connection, _) =>
                {
                    using var command = connection.CreateCommand();
#pragma warning disable CA2100 // The texts are the store's own.
                    command.CommandText = $"EXPLAIN QUERY PLAN {RecordCount.Sql(kind)}".Replace("@resource", "1", StringComparison.Ordinal).Replace("@most", "1", StringComparison.Ordinal);
#pragma warning restore CA2100
                    using var rows = command.ExecuteReader();
                    var lines = new List<string>();
                    while (rows.Read())
                    {
                        lines.Add(rows.GetString(3));
                    }

                    return Task.FromResult(lines);
                },
                Cancel);
            Assert.DoesNotContain(plan, line => line.StartsWith("SCAN t", StringComparison.Ordinal));
        }
    }
}

/// <summary>How many records a resource has.</summary>
public abstract class RecordCountTests(StoreFixture fixture) : StoreTests(fixture)
{
    [Fact]
    public async Task Each_resource_is_counted_alone_down_through_the_parents()
    {
        var person = await Person();
        var (one, two) = (await Room(), await Room());
        await Room(home: Fixture.Neighbour);
        await Say(one, person, "a");
        await Say(one, person, "b");
        await Say(two, person, "c");
        await Commit(b => b.Insert(new Setting { Name = "s", Part = 1 }));
        await Commit(b => b.Insert(new Setting { Name = "s", Part = 1 }).Insert(new Setting { Name = "s", Part = 2 }), Fixture.Neighbour);
        await Commit(b => b.Insert(new Diary { Key = new(1), Writer = person, Title = "t" }).Insert(new Chapter { Key = new(2), Diary = new(1), Title = "t" })
            .Insert(new Page { Chapter = new(2), Number = 1, Text = "t" }).Insert(new Page { Chapter = new(2), Number = 2, Text = "t" }));

        Assert.Equal((2, 3, 1, 2), (await Count<Room>(Home), await Count<Line>(Home), await Count<Setting>(Home), await Count<Page>(Home)));
        Assert.Equal((1, 0, 2, 0), (await Count<Room>(Fixture.Neighbour), await Count<Line>(Fixture.Neighbour), await Count<Setting>(Fixture.Neighbour), await Count<Page>(Fixture.Neighbour)));
    }

    [Fact]
    public async Task Counting_ends_one_above_the_bound()
    {
        for (var i = 0; i < 5; i++)
        {
            await Commit(b => b.Insert(new Setting { Name = "s", Part = i }));
        }

        Assert.Equal(5, await Count<Setting>(Home, 5));
        Assert.Equal(5, await Count<Setting>(Home, 4));
        Assert.Equal(3, await Count<Setting>(Home, 2));
    }

    private ValueTask<long> Count<T>(Home home, int most = 1_000)
        where T : class =>
        RecordCount.Of(home.Store, Unit.Catalogue.Of<T>(), most, Cancel);
}
