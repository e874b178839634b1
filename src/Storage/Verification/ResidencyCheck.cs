using System.Globalization;
using System.Security.Cryptography;
using Domicile.Residency;
using Domicile.Storage.Blobs;
using Domicile.Storage.Engine;

namespace Domicile.Storage.Verification;

/// <summary>
/// Reads every record, every wrapped key, every identifier and every file of a scale unit, and shows that each opens under the geography's keys in the place where it
/// lies. It writes nothing, holds a page of rows at a time, and rests as long as it works, so that whoever is served does not wait for it.
/// </summary>
public sealed class ResidencyCheck
{
    /// <summary>Violations that a report names; the rest is counted.</summary>
    public const int ViolationsMax = 1_000;

    private const int PageRows = 200;
    private const int Looks = 3;

    /// <summary>An unclaimed file of this age was seen by the hourly collector at least once, and should be gone.</summary>
    private static readonly TimeSpan Unclaimed = UnitBlobs.Grace + TimeSpan.FromMinutes(90);

    private static readonly string[] NotShown =
    [
        "A row or a database that was put back to an older state of its own opens: that is found only for what the audit log covers.",
        "A deleted row leaves nothing to check, and neither does the order of appended rows below one parent.",
        "An empty row of an erased person holds nothing that is sealed, so it is counted, not opened.",
        "That the disks stand in the geography is the operator's to know; this shows under whose keys and in whose place everything lies.",
    ];

    private readonly ScaleUnit _unit;
    private readonly Lock _lock = new();
    private readonly List<CheckedKind> _kinds = [];
    private readonly List<Violation> _violations = [];
    private readonly BoundedCache<long, Guid> _resources = new(16_384);
    private string _phase = "waiting";
    private DateTimeOffset _startedOn;
    private DateTimeOffset? _endedOn;
    private string? _failure;
    private long _keys;
    private long _identifiers;
    private long _files;
    private long _unclaimed;
    private long _violationCount;

    internal ResidencyCheck(ScaleUnit unit)
    {
        _unit = unit;
        _startedOn = unit.Clock.GetUtcNow();
    }

    /// <summary>What was found so far.</summary>
    public ResidencyReport Report
    {
        get
        {
            lock (_lock)
            {
                return new ResidencyReport(
                    _unit.Options.Geography.Name, _phase, _startedOn, _endedOn, _failure, [.. _kinds], _keys, _identifiers, _files, _unclaimed, _violationCount, [.. _violations], NotShown);
            }
        }
    }

    /// <summary>Looks at everything, once. A store that cannot be read ends it, and the report says so.</summary>
    public async Task Run(CancellationToken cancel)
    {
        _startedOn = _unit.Clock.GetUtcNow();
        try
        {
            await CheckKeys(cancel);
            await CheckIdentifiers(cancel);
            foreach (var kind in _unit.Catalogue.Kinds)
            {
                await CheckKind(kind, cancel);
            }

            await CheckUnclaimed(cancel);
            End(null);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            End("It was stopped before its end.");
        }
        catch (StoreUnavailableException unavailable)
        {
            End(unavailable.Message);
        }
        catch (Exception fault)
        {
            // Only its name: the message of a stranger's exception may quote what it met.
            End($"It broke off with {fault.GetType().Name}.");
            throw;
        }
    }

    private void End(string? failure)
    {
        lock (_lock)
        {
            (_phase, _failure, _endedOn) = (failure is null ? "done" : "failed", failure, _unit.Clock.GetUtcNow());
        }
    }

    private void Enter(string phase)
    {
        lock (_lock)
        {
            _phase = phase;
        }
    }

    private void Add(Violation violation)
    {
        lock (_lock)
        {
            _violationCount++;
            if (_violations.Count < ViolationsMax)
            {
                _violations.Add(violation);
            }
        }
    }

    /// <summary>Rests as long as the last piece took.</summary>
    private Task Rest(long since, CancellationToken cancel)
    {
        var worked = _unit.Clock.GetElapsedTime(since);
        return worked > TimeSpan.Zero ? Task.Delay(worked, _unit.Clock, cancel) : Task.CompletedTask;
    }

    private async Task CheckKeys(CancellationToken cancel)
    {
        Enter("keys");
        foreach (var bucket in await _unit.KeyStore.Buckets(cancel))
        {
            // One that a new epoch wrapped meanwhile is read again.
            if (!_unit.Keys.Vault.Opens(bucket)
                && (await _unit.KeyStore.Buckets(cancel)).FirstOrDefault(again => again.Id == bucket.Id) is { } now && !_unit.Keys.Vault.Opens(now))
            {
                Add(new Violation("bucket", Hex(bucket.Id), null, "does not open under the epoch key that it names"));
            }
        }

        KeyName? after = null;
        while (true)
        {
            var since = _unit.Clock.GetTimestamp();
            var page = await _unit.KeyStore.Keys(after, PageRows, cancel);
            foreach (var stored in page)
            {
                if (await KeyFault(stored, cancel) is { } fault)
                {
                    Add(new Violation("key", stored.Name.ToString(), await ResourceText(stored.Resource, cancel), fault));
                }
            }

            Interlocked.Add(ref _keys, page.Count);
            if (page.Count < PageRows)
            {
                return;
            }

            after = page[^1].Name;
            await Rest(since, cancel);
        }
    }

    private async ValueTask<string?> KeyFault(StoredKey stored, CancellationToken cancel)
    {
        if (stored.Name.Scope == KeyName.Resource && stored.Name.Id != stored.Resource)
        {
            return "is filed under another resource";
        }

        try
        {
            CryptographicOperations.ZeroMemory(await _unit.Keys.Vault.Open(stored, cancel));
            return null;
        }
        catch (SealBrokenException)
        {
            return "does not open under the bucket that it names";
        }
    }

    private async Task CheckIdentifiers(CancellationToken cancel)
    {
        Enter("identifiers");
        FiledIdentifier? after = null;
        while (true)
        {
            var since = _unit.Clock.GetTimestamp();
            var page = await _unit.KeyStore.Identifiers(after, PageRows, cancel);
            var keys = (await _unit.KeyStore.Find([.. page.Select(filed => KeyName.Of(filed.Identifier.Subject)).Distinct()], cancel)).ToDictionary(key => key.Name);
            foreach (var filed in page)
            {
                if (await IdentifierFault(filed, keys.GetValueOrDefault(KeyName.Of(filed.Identifier.Subject)), cancel) is { } fault)
                {
                    Add(new Violation("identifier", $"{filed.Identifier.Purpose} of {filed.Identifier.Subject}", await ResourceText(filed.Identifier.Resource, cancel), fault));
                }
            }

            Interlocked.Add(ref _identifiers, page.Count);
            if (page.Count < PageRows)
            {
                return;
            }

            after = page[^1];
            await Rest(since, cancel);
        }
    }

    private async ValueTask<string?> IdentifierFault(FiledIdentifier filed, StoredKey? key, CancellationToken cancel)
    {
        if (key is null)
        {
            // The two go together, so whoever was erased between the two reads has neither now.
            return (await _unit.KeyStore.Identifiers([filed.Identifier.Subject], cancel)).Count == 0 ? null : "is of a person without a key";
        }

        if (key.Resource != filed.Identifier.Resource || await Resource(filed.Identifier.Resource, cancel) is not { } resource)
        {
            return await IsGoing(filed.Identifier.Resource, cancel) ? null : "is filed under another resource than its person";
        }

        try
        {
            return await _unit.Keys.Vault.Open(key, cancel) is { } opened ? await _unit.Subjects.FaultOf(filed, resource, opened, cancel) : null;
        }
        catch (SealBrokenException)
        {
            return "is of a person whose key does not open";
        }
    }

    private async Task CheckKind(RecordKind kind, CancellationToken cancel)
    {
        Enter(kind.Name);
        var at = _kinds.Count;
        var counts = new CheckedKind(kind.Name, 0, 0, 0, 0, 0);
        lock (_lock)
        {
            _kinds.Add(counts);
        }

        var neighbours = new Neighbours(kind);
        ColumnValue[]? after = null;
        while (true)
        {
            var since = _unit.Clock.GetTimestamp();
            var page = await _unit.Engine.Scan(kind, after, PageRows, cancel);
            using var judge = new RowJudge(_unit, Resource, IsGoing);
            await judge.Prepare(kind, page, cancel);
            foreach (var scanned in page)
            {
                var verdict = await Judge(judge, kind, scanned, cancel);
                var fault = verdict.Fault ?? neighbours.FaultOf(scanned) ?? (verdict.State == RowState.Opened ? await FileFault(kind, scanned, cancel) : null);
                if (fault is not null)
                {
                    Add(new Violation(kind.Name, KeyText(kind, scanned.Row.Values), await ResourceText(scanned.Resource, cancel), fault));
                }

                counts = counts with
                {
                    Records = counts.Records + 1,
                    Opened = counts.Opened + (fault is null && verdict.State == RowState.Opened ? 1 : 0),
                    Tombstones = counts.Tombstones + (fault is null && verdict.State == RowState.Tombstone ? 1 : 0),
                    Shredded = counts.Shredded + (fault is null && verdict.State == RowState.Shredded ? 1 : 0),
                    Violations = counts.Violations + (fault is null ? 0 : 1),
                };
            }

            lock (_lock)
            {
                _kinds[at] = counts;
            }

            if (page.Count < PageRows)
            {
                return;
            }

            after = page[^1].Place;
            await Rest(since, cancel);
        }
    }

    /// <summary>A row that is not in order may have been changed or removed between the reads: it is read again before it is told.</summary>
    private async ValueTask<Verdict> Judge(RowJudge judge, RecordKind kind, ScannedRow scanned, CancellationToken cancel)
    {
        var verdict = await judge.Of(kind, scanned.Resource, scanned.Row, cancel);
        var seen = scanned.Row;
        for (var look = 1; look < Looks && verdict.Fault is not null; look++)
        {
            if (await _unit.Engine.Get(kind, scanned.Resource, kind.KeyOf(seen.Values), cancel) is not { } now)
            {
                return new Verdict(RowState.Shredded, null);
            }

            await judge.Prepare(kind, [scanned with { Row = now }], cancel);
            verdict = await judge.Of(kind, scanned.Resource, now, cancel);
            seen = now;
        }

        return verdict;
    }

    private async ValueTask<string?> FileFault(RecordKind kind, ScannedRow scanned, CancellationToken cancel)
    {
        if (kind.BlobColumn < 0 || scanned.Row.Values[kind.BlobColumn].IsNull || await Resource(scanned.Resource, cancel) is not { } resource)
        {
            return null;
        }

        try
        {
            await using var reader = await new HomeBlobs(_unit, resource).Open(kind, scanned.Row.Values, Sealer.OwnerOf(kind, scanned.Row), cancel);
            if (reader is not null)
            {
                await reader.Check(cancel);
                Interlocked.Increment(ref _files);
            }

            return null;
        }
        catch (BlobGoneException)
        {
            return null;
        }
        catch (SealBrokenException broken)
        {
            var blob = new BlobRef(new Guid(scanned.Row.Values[kind.BlobColumn].Bytes!, bigEndian: true));
            return await _unit.Blobs.IsNamed(blob, cancel) ? $"names the file {blob}: {broken.Message}" : null;
        }
    }

    private async Task CheckUnclaimed(CancellationToken cancel)
    {
        Enter("files");
        await foreach (var _ in _unit.Blobs.Orphans(TimeSpan.Zero, cancel))
        {
            Interlocked.Increment(ref _unclaimed);
        }

        await foreach (var blob in _unit.Blobs.Orphans(Unclaimed, cancel))
        {
            Add(new Violation("file", blob.ToString(), null, "no record names it"));
        }
    }

    private async ValueTask<ResourceRef?> Resource(long number, CancellationToken cancel)
    {
        if (number == 0)
        {
            return ResourceRef.Geography;
        }

        if (!_resources.TryGet(number, out var id))
        {
            if (await _unit.Engine.FindResource(number, cancel) is not { } found)
            {
                return null;
            }

            _resources.Add(number, id = found);
        }

        return new ResourceRef(number, id);
    }

    /// <summary>Whether a resource was removed and what it kept is about to follow.</summary>
    private async ValueTask<bool> IsGoing(long resource, CancellationToken cancel) =>
        (await _unit.Keys.Vault.Destroyed([KeyName.OfResource(resource)], cancel)).Count > 0
        || (await _unit.Engine.Purges(PageRows, cancel)).Any(purge => purge.Resource == resource && purge is { Kind: null, Key: 0 });

    private async ValueTask<string?> ResourceText(long number, CancellationToken cancel) =>
        number == 0 ? null : await Resource(number, cancel) is { } resource ? resource.Id.ToString("D") : number.ToString(CultureInfo.InvariantCulture);

    private static string Hex(long number) => number.ToString("x", CultureInfo.InvariantCulture);

    /// <summary>The key as the database has it. No key is personal: people are handles, texts were looked at one by one.</summary>
    private static string KeyText(RecordKind kind, ColumnValue[] values) => string.Join(", ", kind.KeyColumns.Select(column =>
        $"{kind.Columns[column].Name}={(values[column].IsNull ? "" : values[column].Type switch
        {
            ColumnType.Integer => values[column].Number.ToString(CultureInfo.InvariantCulture),
            ColumnType.Text => values[column].Text,
            _ => Convert.ToHexStringLower(values[column].Bytes!),
        })}"));
}
