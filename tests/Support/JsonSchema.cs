using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Domicile.Tests.Support;

/// <summary>As much of JSON Schema as the schemas in <c>docs</c> use; a word that it does not know is an error and not passed over.</summary>
internal sealed class JsonSchema(JsonElement root)
{
    public static JsonSchema Read(string path) => new(JsonElement.Parse(File.ReadAllText(path)));

    /// <summary>What in a document the schema does not allow, each with where.</summary>
    public IReadOnlyList<string> Faults(JsonElement document)
    {
        var faults = new List<string>();
        Check(root, document, "$", faults);
        return faults;
    }

    private void Check(JsonElement schema, JsonElement value, string at, List<string> faults)
    {
        var declared = schema.TryGetProperty("properties", out var properties) ? properties : default;
        foreach (var word in schema.EnumerateObject())
        {
            var rule = word.Value;
            var isText = value.ValueKind == JsonValueKind.String;
            var isFit = word.Name switch
            {
                "$schema" or "$defs" or "title" or "description" => true,
                "$ref" => Follow(rule.GetString()!),
                "type" => IsOf(rule.GetString()!),
                "const" => JsonElement.DeepEquals(rule, value),
                "enum" => rule.EnumerateArray().Any(each => JsonElement.DeepEquals(each, value)),
                "pattern" => !isText || Regex.IsMatch(value.GetString()!, rule.GetString()!),
                "format" => !isText || IsFormed(rule.GetString()!, value),
                "maxLength" => !isText || new StringInfo(value.GetString()!).LengthInTextElements <= rule.GetInt32(),
                "minimum" => value.ValueKind != JsonValueKind.Number || value.GetDecimal() >= rule.GetDecimal(),
                "maximum" => value.ValueKind != JsonValueKind.Number || value.GetDecimal() <= rule.GetDecimal(),
                "maxItems" => value.ValueKind != JsonValueKind.Array || value.GetArrayLength() <= rule.GetInt32(),
                "minProperties" => value.ValueKind != JsonValueKind.Object || value.GetPropertyCount() >= rule.GetInt32(),
                "maxProperties" => value.ValueKind != JsonValueKind.Object || value.GetPropertyCount() <= rule.GetInt32(),
                "required" => value.ValueKind != JsonValueKind.Object || rule.EnumerateArray().All(name => value.TryGetProperty(name.GetString()!, out _)),
                "properties" => Members(),
                "additionalProperties" => Others(rule),
                "items" => Items(rule),
                _ => throw new NotSupportedException($"The schema says '{word.Name}', which is not checked."),
            };
            if (!isFit)
            {
                faults.Add($"{at}: {word.Name}");
            }
        }

        bool Follow(string reference)
        {
            var target = root;
            foreach (var step in reference.Split('/').Skip(1))
            {
                target = target.GetProperty(step);
            }

            Check(target, value, at, faults);
            return true;
        }

        bool IsOf(string type) => type switch
        {
            "object" => value.ValueKind == JsonValueKind.Object,
            "array" => value.ValueKind == JsonValueKind.Array,
            "string" => value.ValueKind == JsonValueKind.String,
            "integer" => value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out _),
            _ => throw new NotSupportedException($"The schema has the type '{type}', which is not checked."),
        };

        bool Members()
        {
            if (value.ValueKind == JsonValueKind.Object)
            {
                foreach (var member in value.EnumerateObject().Where(member => declared.TryGetProperty(member.Name, out _)))
                {
                    Check(declared.GetProperty(member.Name), member.Value, $"{at}.{member.Name}", faults);
                }
            }

            return true;
        }

        bool Others(JsonElement rule)
        {
            if (value.ValueKind != JsonValueKind.Object)
            {
                return true;
            }

            var others = value.EnumerateObject().Where(member => declared.ValueKind != JsonValueKind.Object || !declared.TryGetProperty(member.Name, out _)).ToList();
            if (rule.ValueKind == JsonValueKind.False)
            {
                return others.Count == 0;
            }

            others.ForEach(member => Check(rule, member.Value, $"{at}.{member.Name}", faults));
            return true;
        }

        bool Items(JsonElement rule)
        {
            if (value.ValueKind == JsonValueKind.Array)
            {
                foreach (var (i, item) in value.EnumerateArray().Index())
                {
                    Check(rule, item, $"{at}[{i}]", faults);
                }
            }

            return true;
        }
    }

    private static bool IsFormed(string format, JsonElement value) => format switch
    {
        "uuid" => Guid.TryParseExact(value.GetString(), "D", out _),
        "date-time" => value.TryGetDateTimeOffset(out _),
        _ => throw new NotSupportedException($"The schema has the format '{format}', which is not checked."),
    };
}
