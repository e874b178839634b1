using System.Globalization;
using Dapper;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Audit;

/// <summary>The queries of the audit log that are no look-up by key. All are over the geography's own records.</summary>
internal static class AuditStore
{
    /// <summary>Entries in one query at most.</summary>
    public const int EntriesMax = 500;

    private const string LeavesOfDay =
        """
        SELECT entry AS Entry, act AS Act, at AS At, commitment AS Commitment
        FROM audit_entry WHERE resource = @resource AND day = @day AND entry IN ({0})
        """;

    /// <summary>Keys rise with time and so do tiles, nearly: the tile is among the first that end after the key.</summary>
    private const string TilesOfEntry =
        """
        SELECT log AS Log, number AS Number
        FROM (SELECT log, number, first_entry FROM audit_tile WHERE resource = @resource AND level = 0 AND last_entry >= @entry ORDER BY last_entry LIMIT @window) AS later
        WHERE first_entry <= @entry
        """;

    private const string NextEntries =
        """
        SELECT day AS Day, entry AS Entry FROM audit_entry
        WHERE resource = @resource AND (day, entry) > (@day, @entry) ORDER BY day, entry LIMIT @take
        """;

    private const string NextGroups =
        """
        SELECT day AS Day, entry AS Entry FROM audit_group
        WHERE resource = @resource AND (day, entry) > (@day, @entry) ORDER BY day, entry LIMIT @take
        """;

    private const string LeavesOfGroups = "SELECT entry AS Entry, leaves AS Leaves FROM audit_group WHERE resource = @resource AND day = @day AND entry IN ({0})";

    private const int NearWindow = 1_024;

    /// <summary>What is hashed of some entries. An entry whose day has expired, or that somebody took away, is missing from the answer.</summary>
    public static async ValueTask<Dictionary<EntryKey, AuditLeaf>> Leaves(Home home, IEnumerable<EntryKey> keys, CancellationToken cancel)
    {
        var leaves = new Dictionary<EntryKey, AuditLeaf>();
        foreach (var day in keys.GroupBy(key => key.Day))
        {
            foreach (var some in day.Chunk(EntriesMax))
            {
                foreach (var row in await Query<LeafRow>(home, In(LeavesOfDay, some.Select(key => key.Entry)), new { resource = home.Resource.Number, day = day.Key }, cancel))
                {
                    leaves[new EntryKey(day.Key, row.Entry, -1)] = new AuditLeaf(DateTimeOffset.FromUnixTimeMilliseconds(row.At), checked((int)row.Act), row.Commitment);
                }
            }
        }

        return leaves;
    }

    /// <summary>The leaves of some groups, as their column holds them.</summary>
    public static async ValueTask<Dictionary<RowKey, byte[]>> Groups(Home home, IEnumerable<RowKey> keys, CancellationToken cancel)
    {
        var groups = new Dictionary<RowKey, byte[]>();
        foreach (var day in keys.GroupBy(key => key.Day))
        {
            foreach (var some in day.Chunk(EntriesMax))
            {
                foreach (var row in await Query<GroupRow>(home, In(LeavesOfGroups, some.Select(key => key.Entry)), new { resource = home.Resource.Number, day = day.Key }, cancel))
                {
                    groups[new RowKey { Day = day.Key, Entry = row.Entry }] = row.Leaves;
                }
            }
        }

        return groups;
    }

    /// <summary>The tiles that may have an entry: near its place in time, or, when asked to, wherever they are.</summary>
    public static ValueTask<List<TileKey>> TilesOf(Home home, long entry, bool everywhere, CancellationToken cancel) =>
        Query<TileKey>(home, TilesOfEntry, new { resource = home.Resource.Number, entry, window = everywhere ? long.MaxValue : NearWindow }, cancel);

    /// <summary>Entries of their own, or groups, after one, in the order of their keys.</summary>
    public static ValueTask<List<RowKey>> RowsAfter(Home home, bool groups, RowKey after, CancellationToken cancel) =>
        Query<RowKey>(home, groups ? NextGroups : NextEntries, new { resource = home.Resource.Number, day = after.Day, entry = after.Entry, take = EntriesMax }, cancel);

    /// <summary>The engines take lists of values in different words; numbers in the text are the same in all.</summary>
    private static string In(string sql, IEnumerable<long> numbers) =>
        string.Format(CultureInfo.InvariantCulture, sql, string.Join(", ", numbers.Select(number => number.ToString(CultureInfo.InvariantCulture))));

    private static ValueTask<List<T>> Query<T>(Home home, string sql, object parameters, CancellationToken cancel) =>
        home.Store.Query(async (connection, cancel) => (await connection.QueryAsync<T>(new CommandDefinition(sql, parameters, cancellationToken: cancel))).AsList(), cancel);

    private sealed record GroupRow
    {
        public long Entry { get; init; }

        public byte[] Leaves { get; init; } = [];
    }

    private sealed record LeafRow
    {
        public long Entry { get; init; }

        public long Act { get; init; }

        public long At { get; init; }

        public byte[] Commitment { get; init; } = [];
    }
}

/// <summary>Names a row of entries.</summary>
internal readonly record struct RowKey
{
    public long Day { get; init; }

    public long Entry { get; init; }
}

/// <summary>Names a tile of leaves.</summary>
internal readonly record struct TileKey
{
    public long Log { get; init; }

    public long Number { get; init; }
}
