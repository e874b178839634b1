using System.Globalization;
using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Audit;

/// <summary>The routes of a geography's audit log, on its administration origin.</summary>
internal sealed class AuditEndpoints(AuditLogs logs)
{
    private const int PageMax = 1_000;
    private const string SelfWitnessed = "self-witnessed";

    private static readonly Access Anyone = Access.Administrator("owner", "operator", "privacy", "reader");
    private static readonly Access Opening = Access.Administrator("owner", "privacy");

    public IEnumerable<Operation> Operations() =>
    [
        Of("GET", "/audit/acts", "Audit_ListActs", Anyone, ListActs),
        Of("GET", "/audit/log", "Audit_GetLog", Anyone, GetLog),
        Of("GET", "/audit/checkpoint", "Audit_GetCheckpoint", Anyone, GetCheckpoint),
        Of("POST", "/audit/checkpoints", "Audit_SignCheckpoint", Anyone, Sign),
        Of("GET", "/audit/entries", "Audit_ListEntries", Anyone, (call, cancel) => List(call, open: false, cancel)),
        Of("GET", "/audit/openedEntries", "Audit_ListOpenedEntries", Opening, (call, cancel) => List(call, open: true, cancel)),
        Of("GET", "/audit/entries/{entry}/proof", "Audit_ProveInclusion", Anyone, ProveInclusion),
        Of("GET", "/audit/consistency", "Audit_ProveConsistency", Anyone, ProveConsistency),
    ];

    private static Operation Of(string method, string path, string name, Access access, OperationHandler handler) =>
        new(method, path, name, access, handler) { Errors = ErrorShape.ProblemDetails, BodyLimit = 4 * 1024 };

    private static ValueTask<Reply> ListActs(Call call, CancellationToken cancel) =>
        new(Reply.Json(200, new ActList([.. AuditedAct.All.Select(act => new ActReply(act.Number, act.Name, act.Meaning, act.Duty))]), AuditJson.Default.ActList));

    private async ValueTask<Reply> GetLog(Call call, CancellationToken cancel)
    {
        if (Number(call, "log", out var number) is { } bad)
        {
            return bad;
        }

        if (logs.Of(call.Geography, call.Query("store")) is not { } audit)
        {
            return AuditProblems.NoStore;
        }

        return await audit.Find(number, cancel) is { } log
            ? Reply.Json(200, Describe(audit, log, await audit.Newest(log.Number, cancel)), AuditJson.Default.AuditLogReply)
            : AuditProblems.NoLog;
    }

    private async ValueTask<Reply> GetCheckpoint(Call call, CancellationToken cancel)
    {
        if (Number(call, "log", out var number) is { } bad)
        {
            return bad;
        }

        if (logs.Of(call.Geography, call.Query("store")) is not { } audit)
        {
            return AuditProblems.NoStore;
        }

        return await audit.Find(number, cancel) is not { } log ? AuditProblems.NoLog
            : await audit.Newest(log.Number, cancel) is not { } newest ? AuditProblems.NoCheckpoint
            : Reply.Plain("text/plain; charset=utf-8", newest.Note);
    }

    private async ValueTask<Reply> Sign(Call call, CancellationToken cancel)
    {
        if (logs.Of(call.Geography, call.Query("store")) is not { } audit)
        {
            return AuditProblems.NoStore;
        }

        var (log, newest) = await audit.Advance(now: true, cancel);
        return Reply.Json(200, Describe(audit, log, newest), AuditJson.Default.AuditLogReply);
    }

    private async ValueTask<Reply> List(Call call, bool open, CancellationToken cancel)
    {
        Problem?[] found =
        [
            Number(call, "log", out var number),
            Number(call, "from", out var from),
            Number(call, "to", out var to),
            Number(call, "maxPageSize", out var size) ?? (size is < 1 or > PageMax ? HttpProblems.BadParameter("maxPageSize", $"a number from 1 to {PageMax}") : null),
        ];
        if (found.OfType<Problem>().ToList() is { Count: > 0 } bad)
        {
            return Problem.Of(bad);
        }

        if (logs.Of(call.Geography, call.Query("store")) is not { } audit)
        {
            return AuditProblems.NoStore;
        }

        if (await audit.Find(number, cancel) is not { } log)
        {
            return AuditProblems.NoLog;
        }

        var begin = Math.Min(from ?? 0, log.Size);
        var last = Math.Min(to ?? log.Size, log.Size);
        var end = begin + Math.Clamp(last - begin, 0, size ?? PageMax);
        if (open && end > begin)
        {
            // Who reads of others is written down before they read.
            var read = call.Act(AuditedAct.LogRead) with { Detail = $"log {log.Number}, entries {begin} to {end - 1}" };
            if ((await audit.Home.Store.Commit(b => b.Audit(read), cancel)).Refused is { } refused)
            {
                return refused;
            }
        }

        var entries = new List<EntryReply>((int)(end - begin));
        var tree = new AuditTree(audit.Home, log.Number);
        for (var at = begin; at < end;)
        {
            var tile = await tree.Tile(0, at / MerkleTile.Width, cancel) ?? throw new InvalidDataException("A tile of the audit log is missing.");
            var first = (int)(at % MerkleTile.Width);
            var count = (int)Math.Min(end - at, MerkleTile.Width - first);
            entries.AddRange(await Read(audit.Home, tile, first, count, open, cancel));
            at += count;
        }

        var route = open ? "openedEntries" : "entries";
        var next = end < last ? string.Create(CultureInfo.InvariantCulture, $"/audit/{route}?log={log.Number}&from={end}&to={last}&maxPageSize={size ?? PageMax}") + (call.Query("store") is { } store ? $"&store={Uri.EscapeDataString(store)}" : "") : null;
        return Reply.Json(200, new EntryList(entries, next), AuditJson.Default.EntryList);
    }

    private async ValueTask<Reply> ProveInclusion(Call call, CancellationToken cancel)
    {
        if (Number(call, "size", out var asked) is { } bad)
        {
            return bad;
        }

        if (logs.Of(call.Geography, call.Query("store")) is not { } audit)
        {
            return AuditProblems.NoStore;
        }

        if (!TryName(call.Route("entry"), out var entry, out var ordinal)
            || await AuditTree.Find(audit.Home, entry, ordinal, new Dictionary<TileKey, AuditTile>(), cancel) is not var (number, index)
            || await audit.Find(number, cancel) is not { } log)
        {
            return AuditProblems.NoEntry;
        }

        var size = asked ?? log.Size;
        if (size <= index || size > log.Size)
        {
            return HttpProblems.BadParameter("size", $"a size of the log that has the entry, from {index + 1} to {log.Size}");
        }

        var tree = new AuditTree(audit.Home, number);
        var tile = (await tree.Tile(0, index / MerkleTile.Width, cancel))!;
        var reply = new InclusionReply(
            number,
            Name(tile.KeyOf((int)(index % MerkleTile.Width))),
            index,
            size,
            Convert.ToBase64String(tile.HashOf((int)(index % MerkleTile.Width))),
            Convert.ToBase64String(await tree.Root(size, cancel)),
            [.. (await tree.Inclusion(index, size, cancel)).Select(Convert.ToBase64String)]);
        return Reply.Json(200, reply, AuditJson.Default.InclusionReply);
    }

    private async ValueTask<Reply> ProveConsistency(Call call, CancellationToken cancel)
    {
        Problem?[] found = [Number(call, "log", out var number), Number(call, "first", out var askedFirst), Number(call, "second", out var askedSecond)];
        if (found.OfType<Problem>().ToList() is { Count: > 0 } bad)
        {
            return Problem.Of(bad);
        }

        if (logs.Of(call.Geography, call.Query("store")) is not { } audit)
        {
            return AuditProblems.NoStore;
        }

        if (await audit.Find(number, cancel) is not { } log)
        {
            return AuditProblems.NoLog;
        }

        var second = askedSecond ?? log.Size;
        if (askedFirst is not { } first || first > second || second > log.Size)
        {
            return HttpProblems.BadParameter("first", $"a size of the log, up to second; second one up to {log.Size}");
        }

        var tree = new AuditTree(audit.Home, log.Number);
        var reply = new ConsistencyReply(
            log.Number,
            first,
            Convert.ToBase64String(await tree.Root(first, cancel)),
            second,
            Convert.ToBase64String(await tree.Root(second, cancel)),
            [.. (await tree.Consistency(first, second, cancel)).Select(Convert.ToBase64String)]);
        return Reply.Json(200, reply, AuditJson.Default.ConsistencyReply);
    }

    private static AuditLogReply Describe(GeographyAudit audit, AuditLog log, StoredCheckpoint? newest)
    {
        var witness = audit.Witness;
        var isWitnessed = witness is not null && newest is not null && SignedNote.TryParse(newest.Note, out var note) && witness.Key.HasSigned(note);
        return new AuditLogReply(
            audit.Home.Geography.Name,
            log.Number,
            log.Origin,
            log.BeganOn,
            log.Size,
            audit.KeyOf(log).ToString(),
            isWitnessed ? SelfWitnessed : $"unwitnessed since {log.BeganOn.UtcDateTime:yyyy-MM-ddTHH:mm:ssZ}",
            witness is null ? [] : [new WitnessReply(witness.Geography.Name, witness.Key.ToString(), Independent: false)],
            newest?.Note);
    }

    private static async ValueTask<IEnumerable<EntryReply>> Read(Home home, AuditTile tile, int first, int count, bool open, CancellationToken cancel)
    {
        var keys = Enumerable.Range(first, count).Select(tile.KeyOf).ToList();
        var closed = open ? [] : await AuditStore.Leaves(home, keys.Where(key => key.Ordinal < 0), cancel);
        var replies = new List<EntryReply>(count);
        (long Entry, AuditGroup? Found)? group = null;
        for (var i = 0; i < count; i++)
        {
            var (key, reply) = (keys[i], Bare(tile, first + i));
            if (key.Ordinal >= 0)
            {
                group = group is { } same && same.Entry == key.Entry ? group : (key.Entry, await home.Store.Get<AuditGroup>([key.Day, key.Entry], cancel));
                reply = group.Value.Found is { } found ? With(reply, found.Leaf(key.Ordinal)) with { Withheld = "digest", Of = Name(found.ReadRecords().ElementAt(key.Ordinal)) } : reply;
            }
            else if (open)
            {
                reply = await home.Store.Get<AuditEntry>([key.Day, key.Entry], cancel) is { } entry ? Opened(reply, entry) : reply;
            }
            else if (closed.TryGetValue(key, out var leaf))
            {
                reply = With(reply, leaf) with { Withheld = "closed" };
            }

            replies.Add(reply);
        }

        return replies;
    }

    /// <summary>What is left of an entry when its day has expired: its place.</summary>
    private static EntryReply Bare(AuditTile tile, int at) => new((tile.Number * MerkleTile.Width) + at, Convert.ToBase64String(tile.HashOf(at)), Name(tile.KeyOf(at))) { Withheld = "expired" };

    private static EntryReply With(EntryReply bare, AuditLeaf leaf) => bare with
    {
        At = leaf.At.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture),
        Act = AuditedAct.NameOf(leaf.Act),
        ActNumber = leaf.Act,
        Commitment = Convert.ToBase64String(leaf.Commitment),
    };

    private static EntryReply Opened(EntryReply bare, AuditEntry entry) =>
        entry.Content is { } content && entry.Salt is { } salt
            ? With(bare, entry.Leaf) with { Salt = Convert.ToBase64String(salt), Content = content, Withheld = null }
            : With(bare, entry.Leaf) with { Withheld = "erased" };

    private static string Name(EntryKey key) =>
        key.Ordinal < 0 ? key.Entry.ToString("x16", CultureInfo.InvariantCulture) : string.Create(CultureInfo.InvariantCulture, $"{key.Entry:x16}-{key.Ordinal}");

    private static string Name(AuditedRecord record) => string.Create(CultureInfo.InvariantCulture, $"{record.Kind} {record.Resource} {Convert.ToHexStringLower(record.Key)}");

    private static bool TryName(string name, out long entry, out int ordinal)
    {
        var parts = name.Split('-', 2);
        ordinal = -1;
        return long.TryParse(parts[0], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out entry)
            & (parts.Length == 1 || int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out ordinal));
    }

    private static Problem? Number(Call call, string name, out long? number)
    {
        number = null;
        if (call.Query(name) is not { } text)
        {
            return null;
        }

        if (!long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var given))
        {
            return HttpProblems.BadParameter(name, "a whole number that is not negative");
        }

        number = given;
        return null;
    }
}
