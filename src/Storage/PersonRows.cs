using System.Data.Common;
using System.Runtime.CompilerServices;
using Domicile.Residency;
using Domicile.Storage.Engine;

namespace Domicile.Storage;

/// <summary>
/// The rows of one resource that belong to a person or mention them, found by <see cref="SubjectSearches"/>. Texts may have the parameters <c>@person</c>, <c>@resource</c>,
/// <c>@root</c>, <c>@mark</c> (<see cref="Seal.StandInMark"/>), and the parts of a key from <c>@k0</c> on; they are few, because they are kept prepared.
/// </summary>
internal sealed class PersonRows(ScaleUnit unit, ResourceRef resource)
{
    private static readonly ColumnValue Mark = ColumnValue.Of(Seal.StandInMark.ToArray());

    /// <summary>Reads what several searches find, one after the other, each in the order of the key.</summary>
    public async IAsyncEnumerable<(SubjectSearch Search, ResourceRef Resource, StoredRow Row)> Of(
        IReadOnlyList<SubjectSearch> searches, SubjectRef person, [EnumeratorCancellation] CancellationToken cancel)
    {
        if (searches.Count == 0)
        {
            yield break;
        }

        // What most people have is had in one look.
        var first = await unit.Engine.Find([.. searches.Select(search => (search.Kind, search.First))], Given(person, [], 0), cancel);
        for (var i = 0; i < searches.Count; i++)
        {
            await foreach (var (from, row) in Of(searches[i], person, first[i], 0, cancel))
            {
                yield return (searches[i], from, row);
            }
        }
    }

    /// <summary>Reads rows of a kind, in the order of the key.</summary>
    /// <param name="search">How they are found.</param>
    /// <param name="person">The person.</param>
    /// <param name="after">The key after which to begin, or null.</param>
    /// <param name="cancel">Gives up.</param>
    /// <param name="root">What <c>@root</c> is in the search.</param>
    public async IAsyncEnumerable<(ResourceRef Resource, StoredRow Row)> Of(SubjectSearch search, SubjectRef person, ColumnValue[]? after, [EnumeratorCancellation] CancellationToken cancel, long root = 0)
    {
        var first = await Find(search.Kind, after is null ? search.First : search.Next, person, after ?? [], cancel, root);
        await foreach (var found in Of(search, person, first, root, cancel))
        {
            yield return found;
        }
    }

    /// <summary>Reads rows of a kind by a text: resource, columns, version, payload.</summary>
    public async ValueTask<List<FoundRow>> Find(RecordKind kind, string sql, SubjectRef person, ColumnValue[] after, CancellationToken cancel, long root = 0) =>
        (await unit.Engine.Find([(kind, sql)], Given(person, after, root), cancel))[0];

    /// <summary>Asks something else.</summary>
    public ValueTask<List<T>> Query<T>(string sql, SubjectRef person, Func<DbDataReader, T> read, CancellationToken cancel) =>
        unit.Engine.Query(
            async (connection, cancel) =>
            {
                // The connections of the embedded engine stay, and with them what was prepared.
                using var own = unit.Engine.IsShared ? connection.CreateCommand() : null;
#pragma warning disable CA2100 // Names of the catalogue, nothing that anybody sent.
                own?.CommandText = sql;
#pragma warning restore CA2100
                var command = own ?? KeptCommands.Of(connection, sql);
                foreach (var (name, value) in Given(person, [], 0))
                {
                    command.Set(name, value.Type == ColumnType.Integer ? value.Number : value.Bytes!);
                }

                var found = new List<T>();
                using var reader = await command.ExecuteReaderAsync(cancel);
                while (await reader.ReadAsync(cancel))
                {
                    found.Add(read(reader));
                }

                return found;
            },
            cancel);

    /// <summary>The rows of a piece, and of those behind it.</summary>
    private async IAsyncEnumerable<(ResourceRef Resource, StoredRow Row)> Of(SubjectSearch search, SubjectRef person, List<FoundRow> piece, long root, [EnumeratorCancellation] CancellationToken cancel)
    {
        while (true)
        {
            foreach (var (number, row) in piece)
            {
                yield return (number == 0 ? ResourceRef.Geography : resource, row);
            }

            if (piece.Count < SubjectSearch.PieceRows)
            {
                yield break;
            }

            piece = await Find(search.Kind, search.Next, person, search.Kind.KeyOf(piece[^1].Row.Values), cancel, root);
        }
    }

    private List<(string Name, ColumnValue Value)> Given(SubjectRef person, ColumnValue[] after, long root) =>
    [
        ("@resource", ColumnValue.Of(resource.Number)), ("@person", ColumnValue.Of(person.Value)), ("@root", ColumnValue.Of(root)), ("@mark", Mark),
        .. after.Select((value, i) => ($"@k{i}", value)),
    ];
}
