using System.Data.Common;
using System.Runtime.CompilerServices;
using Domicile.Residency;
using Domicile.Storage.Engine;

namespace Domicile.Storage;

/// <summary>The rows of one resource that belong to a person or mention them, found by <see cref="SubjectSearches"/>.</summary>
internal sealed class PersonRows(ScaleUnit unit, ResourceRef resource)
{
    private static readonly byte[] Mark = Seal.StandInMark.ToArray();

    /// <summary>Reads rows of a kind, in the order of the key.</summary>
    /// <param name="search">How they are found.</param>
    /// <param name="person">The person.</param>
    /// <param name="after">The key after which to begin, or null.</param>
    /// <param name="cancel">Gives up.</param>
    /// <param name="root">What <c>@root</c> is in the search.</param>
    public async IAsyncEnumerable<(ResourceRef Resource, StoredRow Row)> Of(SubjectSearch search, SubjectRef person, ColumnValue[]? after, [EnumeratorCancellation] CancellationToken cancel, long root = 0)
    {
        var kind = search.Kind;
        var last = after;
        while (true)
        {
            var rows = await Query(last is null ? search.First : search.Next, person, last ?? [], reader => Read(reader, kind), cancel, root);
            foreach (var (number, row) in rows)
            {
                yield return (number == 0 ? ResourceRef.Geography : resource, row);
            }

            if (rows.Count < SubjectSearch.PieceRows)
            {
                yield break;
            }

            last = kind.KeyOf(rows[^1].Row.Values);
        }
    }

    /// <summary>
    /// Runs a query with the parameters <c>@person</c>, <c>@resource</c>, <c>@root</c>, <c>@mark</c> (<see cref="Seal.StandInMark"/>), and the parts of a key from <c>@k0</c>
    /// on. Its text is one of few, because it is kept prepared.
    /// </summary>
    public ValueTask<List<T>> Query<T>(string sql, SubjectRef person, ColumnValue[] after, Func<DbDataReader, T> read, CancellationToken cancel, long root = 0) =>
        unit.Engine.Query(
            async (connection, cancel) =>
            {
                // The connections of the embedded engine stay, and with them what was prepared.
                using var own = unit.Engine.IsShared ? connection.CreateCommand() : null;
#pragma warning disable CA2100 // Names of the catalogue, nothing that anybody sent.
                own?.CommandText = sql;
#pragma warning restore CA2100
                var command = own ?? KeptCommands.Of(connection, sql);
                command.Set("@resource", resource.Number);
                command.Set("@person", person.Value);
                command.Set("@root", root);
                command.Set("@mark", Mark);
                for (var i = 0; i < after.Length; i++)
                {
                    command.Set($"@k{i}", after[i].Type switch { ColumnType.Integer => after[i].Number, ColumnType.Text => after[i].Text!, _ => after[i].Bytes! });
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

    /// <summary>Reads a row: resource, columns, version, payload.</summary>
    public static (long Resource, StoredRow Row) Read(DbDataReader reader, RecordKind kind)
    {
        var values = new ColumnValue[kind.Columns.Count];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = reader.IsDBNull(i + 1) ? ColumnValue.Null : kind.Columns[i].Type switch
            {
                ColumnType.Integer => ColumnValue.Of(reader.GetInt64(i + 1)),
                ColumnType.Text => ColumnValue.Of(reader.GetString(i + 1)),
                _ => ColumnValue.Of(reader.GetFieldValue<byte[]>(i + 1)),
            };
        }

        var payload = reader.IsDBNull(values.Length + 2) ? null : reader.GetFieldValue<byte[]>(values.Length + 2);
        return (reader.GetInt64(0), new StoredRow(values, reader.GetInt64(values.Length + 1), payload));
    }
}
