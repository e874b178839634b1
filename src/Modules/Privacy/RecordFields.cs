using System.Globalization;
using System.Text.Json.Nodes;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Privacy;

/// <summary>A record of any kind as people read it: its members by name, people by their identifiers.</summary>
internal sealed class RecordFields(Home home)
{
    private const int NamesMax = 100_000;
    private readonly Dictionary<SubjectRef, string?> _names = [];

    /// <summary>Somebody who is not known by the key store any more is named so.</summary>
    public void Name(SubjectRef person, string? name) => _names[person] = name;

    /// <summary>The members of a record.</summary>
    public async Task<JsonObject> Of(SubjectRecord record, CancellationToken cancel)
    {
        var fields = new JsonObject();
        for (var i = 0; i < record.Kind.Columns.Count; i++)
        {
            var column = record.Kind.Columns[i];
            if (!column.Role.HasFlag(ColumnRole.Identity) && !column.Role.HasFlag(ColumnRole.Blob))
            {
                fields[Camel(column.Member)] = await Value(column, record.Values[i], cancel);
            }
        }

        foreach (var (name, value) in record.Content ?? [])
        {
            fields[Camel(name)] = value?.DeepClone();
        }

        return fields;
    }

    private async ValueTask<JsonNode?> Value(Column column, ColumnValue value, CancellationToken cancel)
    {
        var type = Nullable.GetUnderlyingType(column.ClrType) ?? column.ClrType;
        return value.IsNull ? null
            : type == typeof(DateTimeOffset) ? JsonValue.Create(DateTimeOffset.FromUnixTimeMilliseconds(value.Number).UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture))
            : type == typeof(SubjectRef) ? JsonValue.Create(await NameOf(new SubjectRef(value.Number), cancel))
            : type == typeof(bool) ? JsonValue.Create(value.Number != 0)
            : type.IsEnum ? JsonValue.Create(Enum.GetName(type, Enum.ToObject(type, value.Number)) ?? value.Number.ToString(CultureInfo.InvariantCulture))
            : type == typeof(Guid) ? JsonValue.Create(new Guid(value.Bytes!, bigEndian: true).ToString())
            : value.Type switch
            {
                ColumnType.Integer => JsonValue.Create(value.Number),
                ColumnType.Text => JsonValue.Create(value.Text),
                _ => JsonValue.Create(Convert.ToBase64String(value.Bytes!)),
            };
    }

    private async ValueTask<string?> NameOf(SubjectRef someone, CancellationToken cancel)
    {
        if (someone.IsNone)
        {
            return null;
        }

        if (!_names.TryGetValue(someone, out var name))
        {
            name = await home.Resolve(Identifier.CommunicationUser, someone, cancel);
            if (_names.Count < NamesMax)
            {
                _names.Add(someone, name);
            }
        }

        return name;
    }

    private static string Camel(string name) => char.ToLowerInvariant(name[0]) + name[1..];
}
