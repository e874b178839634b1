using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Domicile.Residency;
using Domicile.Storage.Blobs;
using Domicile.Storage.Engine;

namespace Domicile.Storage;

/// <summary>
/// What holds keep of people who were erased. Before a person's key is destroyed, each row of theirs that a hold covers is sealed anew under a stand-in, one for each
/// root below which such rows lie; the removal of the person's rows passes those over. When a hold ends, the removal is done once more, and a stand-in for whom nothing is
/// left is erased like a person. Each step may be done twice.
/// </summary>
public sealed class Restrictions
{
    private const int Piece = 100;
    private readonly ScaleUnit _unit;
    private readonly ResourceRef _resource;
    private readonly PersonRows _rows;
    private readonly HomeStore _store;

    internal Restrictions(ScaleUnit unit, ResourceRef resource)
    {
        _unit = unit;
        _resource = resource;
        _rows = new PersonRows(unit, resource);
        _store = unit.StoreOf(resource);
    }

    /// <summary>For tests: called after each piece that was sealed anew.</summary>
    internal Action? Resealed { get; set; }

    /// <summary>How many records holds keep of an erased person, by kind; empty when nothing is left.</summary>
    public async Task<IReadOnlyList<SubjectCount>> Count(SubjectRef person, CancellationToken cancel) =>
        [.. (await Kept(person, cancel)).GroupBy(kept => (kept.Kind, kept.Filing)).Select(kept => new SubjectCount(kept.Key.Kind, kept.Key.Filing, kept.Sum(each => each.Records)))];

    /// <summary>Reads what holds keep of people who were erased, in an order that stays.</summary>
    /// <param name="after">The <see cref="RestrictedRecord.Place"/> of the last one that was read; null to begin.</param>
    /// <param name="take">Records at most.</param>
    /// <param name="cancel">Gives up.</param>
    /// <exception cref="FormatException">There is no such place.</exception>
    public async ValueTask<List<RestrictedRecord>> Read(string? after, int take, CancellationToken cancel)
    {
        var read = new List<RestrictedRecord>();
        var from = after is null ? null : Place.Parse(after, _unit.Catalogue);
        await foreach (var restriction in From(from, cancel))
        {
            var isFirst = from is not null && from.IsIn(restriction);
            foreach (var kind in Erasable().SkipWhile(kind => isFirst && kind != from!.Kind))
            {
                foreach (var search in SearchesOf(kind).Where(search => search.Filing == SubjectFiling.Own))
                {
                    var key = isFirst && kind == from!.Kind ? from.Key : null;
                    var kept = search.Where($"substr(t.payload, 2, 1) = @mark AND {RootOf(kind)} = @root");
                    await foreach (var (resource, row) in _rows.Of(kept, new SubjectRef(restriction.Handle), key, cancel, restriction.Root))
                    {
                        if (ScopeOf(kind) != restriction.Below || await _unit.Sealer.OpenRestricted(kind, row, resource, cancel) is not { } content)
                        {
                            continue;
                        }

                        var record = new SubjectRecord(kind, SubjectFiling.Own, row.Values, row.Version, JsonNode.Parse(content)!.AsObject());
                        read.Add(new RestrictedRecord(record, restriction, new Place(restriction.Handle, restriction.Below, restriction.Root, kind, kind.KeyOf(row.Values)).ToString()));
                        if (read.Count == take)
                        {
                            return read;
                        }
                    }
                }
            }
        }

        return read;
    }

    /// <summary>Whether there is any hold in the resource, so that something of a person may have to be held back.</summary>
    internal async ValueTask<bool> AnyHold(CancellationToken cancel) =>
        _unit.HoldSql is { } holds && await _rows.Query($"SELECT {holds.AnyIn("@resource")}", SubjectRef.None, row => !row.IsDBNull(0), cancel) is [true];

    /// <summary>
    /// Seals under stand-ins what a hold covers of a person whose erasure has begun; once their key is gone there is nothing to seal any more. From the beginning of the
    /// erasure on nobody writes anything more of theirs. What only mentions them is not sealed under them: it is noted that it is kept.
    /// </summary>
    internal async Task HoldBack(SubjectRef person, CancellationToken cancel)
    {
        if (!await AnyHold(cancel))
        {
            return;
        }

        var standIns = new Dictionary<KeyName, SubjectRef>();
        var own = await _unit.Keys.Key(KeyName.Of(person), cancel) is null ? [] : Concerning().Where(search => search.Filing == SubjectFiling.Own).ToList();
        int changed;
        do
        {
            changed = 0;
            foreach (var search in own)
            {
                changed += await HoldBack(search, person, standIns, cancel);
            }
        }
        while (changed > 0);
        foreach (var search in Concerning().Where(search => search.Filing == SubjectFiling.Mentioned))
        {
            await Note(search, person, standIns, cancel);
        }
    }

    /// <summary>Erases the stand-ins of a person for whom nothing is kept any more.</summary>
    internal async Task Settle(SubjectRef person, CancellationToken cancel)
    {
        if (_unit.HoldSql is null)
        {
            return;
        }

        var kept = (await Kept(person, cancel)).Select(each => each.Parent).ToHashSet();
        await foreach (var restriction in Of(person.Value, null, cancel))
        {
            if (kept.Contains(new KeyName(restriction.Below, restriction.Root)))
            {
                continue;
            }

            // A hold on the whole resource came meanwhile: it keeps this as well.
            var outcome = await _store.Commit(b => b.Erase(restriction.StandIn), cancel);
            if (outcome.Refused == StorageProblems.Unavailable)
            {
                throw new StoreUnavailableException(outcome.Refused.Title);
            }
        }
    }

    /// <summary>Has everybody's removal done once more of whom something is kept: what no hold covers any more goes.</summary>
    internal static async Task Reconsider(ScaleUnit unit, Func<CancellationToken, ValueTask> keep, CancellationToken cancel)
    {
        if (unit.HoldSql is null)
        {
            return;
        }

        var kind = unit.Catalogue.Of<Restriction>();
        var (resource, handle) = (0L, long.MinValue);
        while (true)
        {
            await keep(cancel);
            var people = await unit.Engine.Query(
                async (connection, cancel) =>
                {
                    using var command = connection.CreateCommand();
#pragma warning disable CA2100 // Names of the catalogue, nothing that anybody sent.
                    command.CommandText = $"SELECT DISTINCT resource, handle FROM {kind.Table} WHERE resource > @resource OR (resource = @resource AND handle > @handle) ORDER BY resource, handle LIMIT {Piece}";
#pragma warning restore CA2100
                    command.Add("@resource", resource);
                    command.Add("@handle", handle);
                    var found = new List<(long Resource, long Handle)>();
                    using var rows = await command.ExecuteReaderAsync(cancel);
                    while (await rows.ReadAsync(cancel))
                    {
                        found.Add((rows.GetInt64(0), rows.GetInt64(1)));
                    }

                    return found;
                },
                cancel);
            foreach (var person in people)
            {
                // Refused while the whole resource is held, which is as well.
                await unit.Engine.Commit(new Plan(person.Resource, null, [], []) { Erased = new SubjectRef(person.Handle) }, cancel);
            }

            if (people.Count < Piece)
            {
                return;
            }

            (resource, handle) = people[^1];
        }
    }

    private static string ScopeOf(RecordKind kind) => kind.Root?.Name ?? KeyName.Resource;

    /// <summary>The column with the key of the root below which a row lies.</summary>
    private static string RootOf(RecordKind kind) => $"t.{(kind.Root is null ? "resource" : kind.Columns[kind.RootColumn].Name)}";

    /// <summary>The kinds with whose owner something happens to the record.</summary>
    private IEnumerable<RecordKind> Erasable() => _unit.Catalogue.Kinds.Where(kind => kind.Erasure is ErasureRule.Delete or ErasureRule.Depersonalise && kind.ClrType != typeof(Restriction));

    private IEnumerable<SubjectSearch> Concerning() => Erasable().SelectMany(SearchesOf).Where(search => search.Filing == SubjectFiling.Own || search.Kind.Erasure == ErasureRule.Delete);

    private IEnumerable<SubjectSearch> SearchesOf(RecordKind kind) => _unit.SubjectSearches.All.Where(search => search.Kind == kind);

    private async IAsyncEnumerable<Restriction> From(Place? from, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel)
    {
        if (_unit.HoldSql is null)
        {
            yield break;
        }

        // By the first part of the key, which all restrictions of a person share.
        var after = from is null ? (ColumnValue?)null : ColumnValue.Of(from.Handle - 1);
        while (await _store.Range<Restriction>().After(after).Take(Piece).Open(cancel) is { Count: > 0 } page)
        {
            // A page may end between two restrictions of a person: theirs are read whole.
            foreach (var handle in page.Select(restriction => restriction.Handle).Distinct())
            {
                await foreach (var restriction in Of(handle, from?.Handle == handle ? from : null, cancel))
                {
                    yield return restriction;
                }
            }

            after = ColumnValue.Of(page[^1].Handle);
        }
    }

    /// <summary>The restrictions of one person, from the one in which a place lies on.</summary>
    private async IAsyncEnumerable<Restriction> Of(long handle, Place? from, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel)
    {
        var scopes = _unit.Catalogue.Kinds.Where(kind => kind.Children.Count > 0).Select(kind => kind.Name).Append(KeyName.Resource).Order(StringComparer.Ordinal);
        foreach (var below in scopes.Where(scope => from is null || string.CompareOrdinal(scope, from.Below) >= 0))
        {
            var after = below == from?.Below ? ColumnValue.Of(from.Root - 1) : (ColumnValue?)null;
            while (await _store.Range<Restriction>(ColumnValue.Of(handle), ColumnValue.Of(below)).After(after).Take(Piece).Open(cancel) is { Count: > 0 } page)
            {
                foreach (var restriction in page)
                {
                    yield return restriction;
                }

                after = ColumnValue.Of(page[^1].Root);
            }
        }
    }

    private async Task<int> HoldBack(SubjectSearch search, SubjectRef person, Dictionary<KeyName, SubjectRef> standIns, CancellationToken cancel)
    {
        var (kind, changed, piece) = (search.Kind, 0, new List<StoredRow>(Piece));
        var held = search.Where($"coalesce(substr(t.payload, 2, 1) <> @mark, FALSE) AND {_unit.HoldSql!.Of(kind)} IS NOT NULL");
        await foreach (var (resource, row) in _rows.Of(held, person, null, cancel))
        {
            if (await _unit.Sealer.OpenContent(kind, row, resource, cancel) is not { } content)
            {
                continue;
            }

            var standIn = await StandIn(person, Sealer.ParentOf(kind, row.Values, resource), standIns, cancel);
            var values = row.Values;
            if (kind.BlobColumn >= 0 && !values[kind.BlobColumn].IsNull)
            {
                if (await new HomeBlobs(_unit, resource).Copy(kind, values, standIn, cancel) is not { } copy)
                {
                    continue;
                }

                values = [.. values];
                values[kind.BlobColumn] = ColumnValue.Of(copy.Id.ToByteArray(bigEndian: true));
            }

            if (await _unit.Sealer.CloseRestricted(kind, content, values, row.Version + 1, standIn, resource, cancel) is { } payload)
            {
                piece.Add(new StoredRow(values, row.Version + 1, payload));
            }

            if (piece.Count == Piece)
            {
                changed += await Reseal(kind, piece, cancel);
            }
        }

        return piece.Count == 0 ? changed : changed + await Reseal(kind, piece, cancel);
    }

    private async Task<int> Reseal(RecordKind kind, List<StoredRow> piece, CancellationToken cancel)
    {
        var changed = await _unit.Engine.Reseal(kind, _resource.Number, piece, cancel);
        piece.Clear();
        Resealed?.Invoke();
        return changed;
    }

    private async Task Note(SubjectSearch search, SubjectRef person, Dictionary<KeyName, SubjectRef> standIns, CancellationToken cancel)
    {
        var kind = search.Kind;
        foreach (var root in await _rows.Query($"SELECT DISTINCT {RootOf(kind)} FROM {kind.Table} t WHERE {search.Condition} AND {_unit.HoldSql!.Of(kind)} IS NOT NULL", person, row => row.GetInt64(0), cancel))
        {
            await StandIn(person, new KeyName(ScopeOf(kind), root), standIns, cancel);
        }
    }

    private async ValueTask<SubjectRef> StandIn(SubjectRef person, KeyName parent, Dictionary<KeyName, SubjectRef> known, CancellationToken cancel)
    {
        if (known.TryGetValue(parent, out var standIn))
        {
            return standIn;
        }

        ColumnValue[] key = [ColumnValue.Of(person.Value), ColumnValue.Of(parent.Scope), ColumnValue.Of(parent.Id)];
        while (await _store.Get<Restriction>(key, cancel) is var restriction)
        {
            if (restriction is not null)
            {
                return known[parent] = restriction.StandIn;
            }

            var fresh = SubjectRef.Fresh();
            await _unit.Keys.Vault.Create(_resource.Number, [KeyName.Of(fresh)], null, cancel);
            var identifiers = await _unit.Subjects.IdentifiersOf(_resource, person, cancel);
            var made = new Restriction
            {
                Handle = person.Value,
                Below = parent.Scope,
                Root = parent.Id,
                StandIn = fresh,
                RestrictedOn = _unit.Clock.GetUtcNow(),
                Identifiers = [.. identifiers.Select(identifier => new KeptIdentifier(identifier.Purpose, identifier.Value))],
            };
            var outcome = await _store.Commit(b => b.Insert(made), cancel);
            if (outcome.Refused is null)
            {
                return known[parent] = fresh;
            }

            // Another node was faster. A key that nothing uses is not left lying about.
            await _unit.Destroy([KeyName.Of(fresh)], cancel);
            if (outcome.Refused != StorageProblems.Exists)
            {
                throw new StoreUnavailableException(outcome.Refused.Title);
            }
        }

        return SubjectRef.None;
    }

    private async Task<List<(RecordKind Kind, SubjectFiling Filing, KeyName Parent, long Records)>> Kept(SubjectRef person, CancellationToken cancel)
    {
        var kept = new List<(RecordKind, SubjectFiling, KeyName, long)>();
        if (_unit.HoldSql is null || (await _store.Range<Restriction>(ColumnValue.Of(person.Value)).Take(1).Open(cancel)).Count == 0)
        {
            return kept;
        }

        foreach (var search in Concerning())
        {
            var kind = search.Kind;
            var isKept = search.Filing == SubjectFiling.Own ? "substr(t.payload, 2, 1) = @mark" : "TRUE";
            foreach (var (root, records) in await _rows.Query(
                $"SELECT {RootOf(kind)}, count(*) FROM {kind.Table} t WHERE {search.Condition} AND {isKept} GROUP BY 1", person, row => (row.GetInt64(0), row.GetInt64(1)), cancel))
            {
                kept.Add((kind, search.Filing, new KeyName(ScopeOf(kind), root), records));
            }
        }

        return kept;
    }

    /// <summary>Where a record stands in the order in which all are read.</summary>
    private sealed record Place(long Handle, string Below, long Root, RecordKind Kind, ColumnValue[] Key)
    {
        public static Place Parse(string text, Catalogue catalogue)
        {
            if (text.Split('~') is not [var handle, var below, var root, var name, .. var parts]
                || !long.TryParse(handle, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var person)
                || !long.TryParse(root, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var key)
                || catalogue.Find(name) is not { } kind || parts.Length != kind.KeyColumns.Count)
            {
                throw new FormatException("There is no such place.");
            }

            return new Place(person, below, key, kind, [.. parts.Select((part, i) => Value(part, kind.Columns[kind.KeyColumns[i]].Type))]);
        }

        public bool IsIn(Restriction restriction) => (Handle, Below, Root) == (restriction.Handle, restriction.Below, restriction.Root);

        public override string ToString() => string.Join('~', [Hex(Handle), Below, Hex(Root), Kind.Name, .. Key.Select(Text)]);

        private static string Hex(long number) => number.ToString("x", CultureInfo.InvariantCulture);

        private static string Text(ColumnValue value) => value.Type switch
        {
            ColumnType.Integer => Hex(value.Number),
            ColumnType.Text => Convert.ToHexStringLower(Encoding.UTF8.GetBytes(value.Text!)),
            _ => Convert.ToHexStringLower(value.Bytes!),
        };

        private static ColumnValue Value(string text, ColumnType type) => type switch
        {
            ColumnType.Integer when long.TryParse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var number) => ColumnValue.Of(number),
            ColumnType.Integer => throw new FormatException("There is no such place."),
            ColumnType.Text => ColumnValue.Of(Encoding.UTF8.GetString(Convert.FromHexString(text))),
            _ => ColumnValue.Of(Convert.FromHexString(text)),
        };
    }
}

/// <summary>A record that only holds keep.</summary>
/// <param name="Record">The record.</param>
/// <param name="Restriction">Of whom it is, and below what it lies.</param>
/// <param name="Place">Its place in the order of all.</param>
public sealed record RestrictedRecord(SubjectRecord Record, Restriction Restriction, string Place);
