using System.Security.Cryptography;
using Domicile.Residency;
using Domicile.Storage.Engine;

namespace Domicile.Storage;

/// <summary>
/// Makes the audit entries of batches. An entry is one more write of the batch: it is durable when the act is, and when it cannot be written neither is the act.
/// </summary>
internal sealed class AuditScribe(Catalogue catalogue, IStoreEngine engine, Sealer sealer, Geography geography, TimeProvider clock)
{
    private readonly ReferenceSource _references = new(clock);
    private readonly string _node = Environment.MachineName;
    private long _day = long.MinValue;

    /// <summary>The write of an entry.</summary>
    /// <returns>Null when the actor was erased, who then does nothing any more.</returns>
    public async ValueTask<Write?> Write(AuditNote note, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var day = AuditDay.Of(now);
        if (Volatile.Read(ref _day) != day.Value)
        {
            await Begin(day, cancel);
        }

        var salt = RandomNumberGenerator.GetBytes(AuditLeaf.SaltBytes);
        var content = note.Content(geography, _node);
        var entry = new AuditEntry
        {
            Day = day,
            Entry = _references.Next<AuditEntry>(),
            Actor = note.Actor,
            Person = note.Person,
            Act = note.Act.Number,
            At = now,
            Commitment = AuditLeaf.Commit(salt, content),
            Salt = salt,
            Content = content,
        };
        return await Write(entry, cancel);
    }

    /// <summary>A day's record and key come before its first entry; whoever else made them was as good.</summary>
    private async ValueTask Begin(Ref<AuditDay> day, CancellationToken cancel)
    {
        var kind = catalogue.Of<AuditDay>();
        var record = AuditDay.Make(day);
        await sealer.EnsureKey(kind, kind.Values(record), ResourceRef.Geography, cancel);
        if (await Write(record, cancel) is { } write)
        {
            var outcome = await engine.Commit(new Plan(ResourceRef.Geography.Number, null, [], [write]), cancel);
            if (outcome.Refused is null || outcome.Refused == StorageProblems.Exists)
            {
                Volatile.Write(ref _day, day.Value);
            }
        }
    }

    private async ValueTask<Write?> Write<T>(T record, CancellationToken cancel)
        where T : class
    {
        var kind = catalogue.Of<T>();
        var values = kind.Values(record);
        return await sealer.Close(kind, record, values, version: 1, ResourceRef.Geography, cancel) is { } payload
            ? new Write(kind, WriteKind.Insert, [.. kind.KeyColumns.Select(column => values[column])], values, payload, 1, null) { IsOfGeography = true }
            : null;
    }
}
