using System.Globalization;
using Domicile.Residency;

namespace Domicile.Storage;

/// <summary>Counts the records of one resource.</summary>
public static class RecordCount
{
    /// <summary>
    /// How many records of a kind a resource has; when there are more than <paramref name="most"/>, one more than that. It goes from the resource down through the
    /// parents, along indexes that are there anyway, so that it costs what the resource has, not what the store has.
    /// </summary>
    public static ValueTask<long> Of(HomeStore store, RecordKind kind, int most, CancellationToken cancel) =>
        store.Query(
            async (connection, cancel) =>
            {
                using var command = connection.CreateCommand();
#pragma warning disable CA2100 // Names of the catalogue, nothing that anybody sent.
                command.CommandText = Sql(kind);
#pragma warning restore CA2100
                foreach (var (name, value) in ((string, long)[])[("@resource", store.Resource.Number), ("@most", most + 1L)])
                {
                    command.Add(name, value);
                }

                return Convert.ToInt64(await command.ExecuteScalarAsync(cancel), CultureInfo.InvariantCulture);
            },
            cancel);

    internal static string Sql(RecordKind kind)
    {
        var joins = "";
        var (name, depth) = ("t0", 0);
        for (var child = kind; child.Parent is { } parent; child = parent)
        {
            var above = $"t{++depth}";
            joins += $" JOIN {parent.Table} {above} ON {above}.{parent.Columns[parent.ReferenceColumn].Name} = {name}.{child.Columns[child.ParentColumn].Name}";
            name = above;
        }

        return $"SELECT count(*) FROM (SELECT 1 FROM {kind.Table} t0{joins} WHERE {name}.resource = @resource LIMIT @most) AS counted";
    }
}
