using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Domicile.Residency;
using Domicile.Storage.Engine;

namespace Domicile.Storage;

/// <summary>
/// Makes the audit entries of batches. An entry is one more write of the batch: it is durable when the act is, and when it cannot be written neither is the act.
/// </summary>
internal sealed class AuditScribe(Catalogue catalogue, IStoreEngine engine, Sealer sealer, Geography geography, long start, TimeProvider clock)
{
    private readonly ReferenceSource _references = new(clock, start);
    private readonly string _node = Environment.MachineName;
    private long _day = long.MinValue;

    /// <summary>An id for an entry that is to be found again, from the same sequence as those of all others.</summary>
    public long NextEntry() => _references.Next<AuditEntry>().Value;

    /// <summary>The write of an entry.</summary>
    /// <returns>Null when the actor was erased, who then does nothing any more.</returns>
    public async ValueTask<Write?> Write(AuditNote note, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var day = await DayOf(now, cancel);

        var salt = RandomNumberGenerator.GetBytes(AuditLeaf.SaltBytes);
        var content = note.Content(geography, _node);
        var entry = new AuditEntry
        {
            Day = day,
            Entry = note.Entry is { } given ? new Ref<AuditEntry>(given) : _references.Next<AuditEntry>(),
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

    /// <summary>The digest of a batch, as its entry in the log.</summary>
    public ValueTask<AuditedBatch> Digest(AuditedAct act, IReadOnlyList<Write> writes, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        var day = AuditDay.Of(now);
        var batch = new AuditedBatch(this, day, act.Number, now, DigestOf(writes));
        return Volatile.Read(ref _day) == day.Value ? new(batch) : Later(batch, now, cancel);

        async ValueTask<AuditedBatch> Later(AuditedBatch batch, DateTimeOffset now, CancellationToken cancel)
        {
            await DayOf(now, cancel);
            return batch;
        }
    }

    /// <summary>The row of batches that are committed together. Called where they meet, in their transaction.</summary>
    public Write Close(IReadOnlyList<AuditedBatch> batches)
    {
        var (kinds, records) = AuditGroup.JoinRecords(batches);
        var group = new AuditGroup
        {
            Day = batches.MaxBy(batch => batch.Day.Value)!.Day,
            Entry = new Ref<AuditGroup>(_references.Next<AuditEntry>().Value),
            Leaves = AuditGroup.Join(batches),
            Kinds = kinds,
            Records = records,
        };

        // The key of the day is at hand, but for the rare moment after it was dropped from memory.
        var closing = Write(group, CancellationToken.None);
        var write = closing.IsCompletedSuccessfully ? closing.Result : closing.AsTask().GetAwaiter().GetResult();
        return write ?? throw new KeyGoneException("The key of the day of the audit log is missing.");
    }

    /// <summary>
    /// A sealed payload is random by its nonce and vouches for geography, resource, kind, key and columns, so its hash commits to the record and tells nothing of
    /// it. A deletion has only its key.
    /// </summary>
    private static byte[] DigestOf(IReadOnlyList<Write> writes)
    {
        if (writes is [{ Payload: { } only }])
        {
            return SHA256.HashData(only);
        }

        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> length = stackalloc byte[5];
        foreach (var write in writes)
        {
            var bytes = write.Payload ?? [.. Encoding.UTF8.GetBytes(write.Kind.Name), .. FeedKey.Write(write.Key)];
            length[0] = (byte)write.What;
            BinaryPrimitives.WriteInt32BigEndian(length[1..], bytes.Length);
            hash.AppendData(length);
            hash.AppendData(bytes);
        }

        return hash.GetHashAndReset();
    }

    private async ValueTask<Ref<AuditDay>> DayOf(DateTimeOffset now, CancellationToken cancel)
    {
        var day = AuditDay.Of(now);
        if (Volatile.Read(ref _day) != day.Value)
        {
            await Begin(day, cancel);
        }

        return day;
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
            ? new Write(kind, WriteKind.Insert, kind.KeyOf(values), values, payload, 1, null) { IsOfGeography = true }
            : null;
    }
}
