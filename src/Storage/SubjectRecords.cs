using System.Globalization;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Domicile.Residency;
using Domicile.Storage.Engine;

namespace Domicile.Storage;

/// <summary>
/// Everything that is filed under one person, by the declarations of the catalogue alone: the records that are theirs, those that mention them, and what
/// both lie below. It goes along the indexes by person, so that it costs what the person has, not what the store has.
/// </summary>
public sealed class SubjectRecords
{
    /// <summary>Records that are corrected at once at most.</summary>
    private const int RectifiedTogether = 50;

    private readonly ScaleUnit _unit;
    private readonly ResourceRef _resource;
    private readonly PersonRows _rows;

    internal SubjectRecords(ScaleUnit unit, ResourceRef resource)
    {
        _unit = unit;
        _resource = resource;
        _rows = new PersonRows(unit, resource);
    }

    /// <summary>Reads all of it, kind by kind.</summary>
    public IAsyncEnumerable<SubjectRecord> Of(SubjectRef person, CancellationToken cancel) => Of(person, _ => true, cancel);

    /// <summary>Reads what is of some kinds.</summary>
    public async IAsyncEnumerable<SubjectRecord> Of(SubjectRef person, Func<RecordKind, bool> which, [EnumeratorCancellation] CancellationToken cancel)
    {
        var searches = _unit.SubjectSearches.All.Where(search => which(search.Kind)).ToList();
        await foreach (var (search, resource, row) in _rows.Of(searches, person, cancel))
        {
            yield return await Open(search.Kind, search.Filing, resource, row, cancel);
        }
    }

    /// <summary>
    /// Records of one kind that are theirs, in the order of their keys, which are numbers. What it costs follows what these people have, and no record of anybody else's is opened.
    /// </summary>
    /// <typeparam name="T">The kind.</typeparam>
    /// <param name="people">Whose.</param>
    /// <param name="after">The key after which they lie.</param>
    /// <param name="through">The greatest first part of the key.</param>
    /// <param name="take">Records at most. Fewer may come back when some belong to people who are being erased; none only at the end.</param>
    /// <param name="cancel">Gives up.</param>
    public async ValueTask<List<T>> Range<T>(IReadOnlyCollection<SubjectRef> people, ColumnValue[] after, long through, int take, CancellationToken cancel)
        where T : class
    {
        var kind = _unit.Catalogue.Of<T>();
        var search = _unit.SubjectSearches.All.Single(search => search.Kind == kind && search.Filing == SubjectFiling.Own);
        var key = kind.KeyColumns.Select(column => $"t.{kind.Columns[column].Name}").ToList();
        var sql = $"SELECT t.resource, {string.Join(", ", kind.Columns.Select(column => $"t.{column.Name}"))}, t.version, t.payload FROM {kind.Table} t WHERE {search.Condition} AND ({string.Join(", ", key)}) > ({string.Join(", ", key.Select((_, i) => $"@k{i}"))}) AND {key[0]} <= @k{key.Count} ORDER BY {string.Join(", ", key)} LIMIT {take.ToString(CultureInfo.InvariantCulture)}";
        var rows = new List<StoredRow>();
        foreach (var person in people)
        {
            rows.AddRange((await _rows.Find(kind, sql, person, [.. after, ColumnValue.Of(through)], cancel)).Select(found => found.Row));
        }

        rows.Sort((one, other) => kind.KeyColumns.Select(column => one.Values[column].Number.CompareTo(other.Values[column].Number)).FirstOrDefault(order => order != 0));
        return await _unit.Sealer.Open(kind, [.. rows.Take(take)], _resource, cancel);
    }

    /// <summary>How many records there are of each kind that has any, without opening them.</summary>
    public async Task<IReadOnlyList<SubjectCount>> Count(SubjectRef person, CancellationToken cancel)
    {
        var searches = _unit.SubjectSearches;
        var counts = await _rows.Query(searches.Counts, person, row => searches.All.Select((search, i) => new SubjectCount(search.Kind, search.Filing, row.GetInt64(i))).ToList(), cancel);
        return [.. counts[0].Where(count => count.Records > 0)];
    }

    /// <summary>
    /// Corrects a member of the records that are a person's: a text, or names and values, as the declaration says (<see cref="RectifiableAttribute"/>).
    /// Done again, it changes nothing more.
    /// </summary>
    /// <returns>How many records were changed.</returns>
    public async Task<int> Rectify(SubjectRef person, RecordKind kind, string member, JsonNode? value, CancellationToken cancel)
    {
        var changed = 0;
        foreach (var search in _unit.SubjectSearches.All.Where(search => search.Kind == kind && search.Filing == SubjectFiling.Own))
        {
            // Each record is a batch of its own, and those of one piece share a flush.
            var piece = new List<Task<bool>>(RectifiedTogether);
            await foreach (var (resource, row) in _rows.Of(search, person, null, cancel))
            {
                piece.Add(Rectify(kind, resource, row, member, value?.DeepClone(), cancel));
                if (piece.Count == RectifiedTogether)
                {
                    changed += (await Task.WhenAll(piece)).Count(isChanged => isChanged);
                    piece.Clear();
                }
            }

            changed += (await Task.WhenAll(piece)).Count(isChanged => isChanged);
        }

        return changed;
    }

    /// <summary>
    /// Whether a hold keeps the person as a whole from being erased, as far as can be told without a lock. Whether an erasure may begin is decided by its own batch; this
    /// saves whoever waits for the end of a hold from trying.
    /// </summary>
    public async ValueTask<bool> AreHeld(SubjectRef person, CancellationToken cancel) =>
        _unit.HoldSql is { } holds
        && (await _rows.Query($"SELECT {holds.OfPerson("@person", "@resource")}", person, reader => !reader.IsDBNull(0), cancel)) is [true];

    /// <summary>Whether rows of an erased person are still being removed.</summary>
    public async ValueTask<bool> AreBeingRemoved(SubjectRef person, CancellationToken cancel) =>
        (await _rows.Query("SELECT key FROM engine_purge WHERE resource = @resource AND kind = 0 AND key = @person", person, reader => reader.GetInt64(0), cancel)).Count > 0;

    /// <summary>A fingerprint of the person's key: it says which key, and tells nothing of it. Null when there is none any more.</summary>
    public async ValueTask<string?> FingerprintOf(SubjectRef person, CancellationToken cancel) =>
        await _unit.Keys.Key(KeyName.Of(person), cancel) is { } key
            ? Convert.ToHexStringLower(HKDF.DeriveKey(HashAlgorithmName.SHA256, key, 16, salt: [], info: "domicile/key-fingerprint/1"u8.ToArray()))
            : null;

    /// <summary>Opens the sealed file of a record.</summary>
    /// <returns>Null when it has none, or was deleted or erased meanwhile.</returns>
    public async ValueTask<Blobs.BlobReader?> OpenFile(SubjectRecord record, CancellationToken cancel) =>
        record.Kind.BlobColumn < 0 || record.Values[record.Kind.BlobColumn].IsNull ? null : await new Blobs.HomeBlobs(_unit, _resource).Open(record.Kind, [.. record.Values], Sealer.OwnerOf(record.Kind, [.. record.Values]), cancel);

    /// <summary>The record that others of the person lie below, when it is nobody's: it is shared by all in it.</summary>
    public async ValueTask<SubjectRecord?> SharedParent(RecordKind parent, long key, CancellationToken cancel)
    {
        if (parent.OwnerColumn >= 0 || await _unit.Engine.Get(parent, _resource.Number, [ColumnValue.Of(key)], cancel) is not { } row)
        {
            return null;
        }

        return await Open(parent, SubjectFiling.Shared, _resource, row, cancel);
    }

    private async ValueTask<SubjectRecord> Open(RecordKind kind, SubjectFiling filing, ResourceRef resource, StoredRow row, CancellationToken cancel)
    {
        // What mentions a person is somebody else's words: that it does is told, not what it says.
        var content = filing == SubjectFiling.Mentioned ? null : await _unit.Sealer.OpenContent(kind, row, resource, cancel);
        return new SubjectRecord(kind, filing, row.Values, row.Version, content is null ? null : JsonNode.Parse(content)!.AsObject());
    }

    private async Task<bool> Rectify(RecordKind kind, ResourceRef resource, StoredRow row, string member, JsonNode? value, CancellationToken cancel)
    {
        for (var attempt = 0; attempt < 5; attempt++)
        {
            if (await _unit.Sealer.OpenContent(kind, row, resource, cancel) is not { } content)
            {
                return false;
            }

            var json = JsonNode.Parse(content)!.AsObject();
            var name = kind.SealedMembers.First(known => known.Name == member).JsonName;
            if (JsonNode.DeepEquals(json[name], value))
            {
                return false;
            }

            json[name] = value?.DeepClone();
            if (await _unit.Sealer.CloseContent(kind, JsonSerializer.SerializeToUtf8Bytes(json, SubjectJson.Default.JsonObject), row.Values, row.Version + 1, resource, cancel) is not { } payload)
            {
                return false;
            }

            var key = kind.KeyOf(row.Values);
            var write = new Write(kind, WriteKind.Put, key, row.Values, payload, row.Version + 1, null);
            var outcome = await _unit.Engine.Commit(new Plan(resource.Number, null, [], [write]), cancel);
            if (outcome.Refused is null)
            {
                return true;
            }

            // What it lies in was deleted, or whose it is erased, and its row follows in the background.
            if (outcome.Refused == StorageProblems.Gone)
            {
                return false;
            }

            // Changed by somebody else at the same moment, or gone.
            if (await _unit.Engine.Get(kind, resource.Number, key, cancel) is not { } again)
            {
                return false;
            }

            row = again;
        }

        throw new StoreUnavailableException("A record is changed all the time and could not be corrected.");
    }
}

/// <summary>Why a record is among what is kept about a person.</summary>
public enum SubjectFiling
{
    /// <summary>It is theirs.</summary>
    Own,

    /// <summary>It mentions them; its content is somebody else's.</summary>
    Mentioned,

    /// <summary>It is nobody's, and records of theirs lie below it.</summary>
    Shared,
}

/// <summary>A record that is filed under a person.</summary>
/// <param name="Kind">Its kind.</param>
/// <param name="Filing">Why it is among them.</param>
/// <param name="Values">Its columns.</param>
/// <param name="Version">Its row version.</param>
/// <param name="Content">Its sealed part; null when it only mentions them, or nothing of it can be opened any more.</param>
public sealed record SubjectRecord(RecordKind Kind, SubjectFiling Filing, IReadOnlyList<ColumnValue> Values, long Version, JsonObject? Content);

/// <summary>How many records of a kind there are.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Filing">Why they are among them.</param>
/// <param name="Records">How many.</param>
public sealed record SubjectCount(RecordKind Kind, SubjectFiling Filing, long Records);

[System.Text.Json.Serialization.JsonSerializable(typeof(JsonObject))]
internal sealed partial class SubjectJson : System.Text.Json.Serialization.JsonSerializerContext;
