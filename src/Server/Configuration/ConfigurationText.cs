using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Domicile.Residency;

namespace Domicile.Server;

/// <summary>Writes what the options' types say of themselves: the JSON schema of the configuration file, and an annotated example.</summary>
internal static class ConfigurationText
{
    private const string ExampleGeography = "Europe";
    private static readonly JsonSerializerOptions Readable = new() { WriteIndented = true, IndentSize = 2, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The schema (JSON Schema, draft 2020-12).</summary>
    public static string Schema()
    {
        var schema = new JsonObject
        {
            ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
            ["title"] = "Configuration of Domicile in production mode",
        };
        foreach (var (name, value) in Describe(typeof(ServeOptions), null).ToArray())
        {
            schema[name] = value?.DeepClone();
        }

        return schema.ToJsonString(Readable) + "\n";
    }

    /// <summary>An example with every setting, each explained; it can be read as it stands.</summary>
    public static string Example()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"// The configuration of Domicile in production mode: domicile serve --config FILE\n");
        text.Append(CultureInfo.InvariantCulture, $"// Each setting can be overridden by a variable: {OptionsReader.VariablePrefix}LIMITS__CONNECTIONS=500, {OptionsReader.VariablePrefix}LISTEN__0__ADDRESS=0.0.0.0:8443\n");
        text.Append("// Generated from the options; settings that are not marked as required may be left out.\n");
        WriteGroup(text, typeof(ServeOptions), 0);
        return text.Append('\n').ToString();
    }

    private static JsonObject Describe(Type type, SettingAttribute? about)
    {
        switch (Setting.KindOf(type))
        {
            case SettingKind.Group:
                return DescribeGroup(type);
            case SettingKind.Map:
                return new JsonObject { ["type"] = "object", ["minProperties"] = about?.AtLeast ?? 0, ["additionalProperties"] = Describe(Setting.MapValueOf(type)!, null) };
            case SettingKind.List:
                return new JsonObject { ["type"] = "array", ["minItems"] = about?.AtLeast ?? 0, ["items"] = Describe(Setting.ListElementOf(type), null) };
            default:
                return DescribeScalar(type, about);
        }
    }

    private static JsonObject DescribeGroup(Type type)
    {
        var defaults = Activator.CreateInstance(type)!;
        var properties = new JsonObject();
        var required = new JsonArray();
        foreach (var setting in Setting.Of(type))
        {
            var described = new JsonObject { ["description"] = setting.About.Text };
            foreach (var (name, value) in Describe(setting.Property.PropertyType, setting.About).ToArray())
            {
                described[name] = value?.DeepClone();
            }

            if (setting.IsRequired)
            {
                required.Add(setting.Name);
            }
            else if (Setting.KindOf(setting.Property.PropertyType) == SettingKind.Scalar && setting.Property.GetValue(defaults) is { } value)
            {
                described["default"] = Node(value);
            }

            properties[setting.Name] = described;
        }

        var group = new JsonObject { ["type"] = "object", ["properties"] = properties, ["additionalProperties"] = false };
        if (required.Count > 0)
        {
            group["required"] = required;
        }

        return group;
    }

    private static JsonObject DescribeScalar(Type type, SettingAttribute? about)
    {
        if (type == typeof(bool))
        {
            return new JsonObject { ["type"] = "boolean" };
        }

        if (type == typeof(int))
        {
            var number = new JsonObject { ["type"] = "integer" };
            if (about is { Minimum: { } least, Maximum: { } most })
            {
                number["minimum"] = int.Parse(least, CultureInfo.InvariantCulture);
                number["maximum"] = int.Parse(most, CultureInfo.InvariantCulture);
            }

            return number;
        }

        var text = new JsonObject { ["type"] = "string" };
        if (type == typeof(TimeSpan))
        {
            text["pattern"] = @"^([0-9]+\.)?[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,7})?$";
        }
        else if (type == typeof(IPEndPoint))
        {
            text["pattern"] = @"^(\[[0-9A-Fa-f:.%]+\]|[0-9.]+):[0-9]+$";
        }
        else if (type == typeof(IPNetwork))
        {
            text["pattern"] = "^[0-9A-Fa-f:.]+/[0-9]+$";
        }
        else
        {
            text["minLength"] = 1;
        }

        return text;
    }

    private static void WriteGroup(StringBuilder text, Type type, int depth)
    {
        var inner = depth + 1;
        var defaults = Activator.CreateInstance(type)!;
        var settings = Setting.Of(type);
        text.Append("{\n");
        for (var i = 0; i < settings.Count; i++)
        {
            var setting = settings[i];
            Indent(text, inner).Append("// ").Append(setting.About.Text).Append(Notes(setting, defaults)).Append('\n');
            var written = new StringBuilder();
            Indent(written, inner).Append('"').Append(setting.Name).Append("\": ");
            WriteValue(written, setting.Property.PropertyType, setting.About, setting.Property.GetValue(defaults), inner);
            text.Append(setting.About.IsAlternative ? AsComment(written.ToString(), inner) : written);
            text.Append(!setting.About.IsAlternative && settings.Skip(i + 1).Any(later => !later.About.IsAlternative) ? ",\n" : "\n");
        }

        Indent(text, depth).Append('}');
    }

    private static void WriteValue(StringBuilder text, Type type, SettingAttribute about, object? value, int depth)
    {
        switch (Setting.KindOf(type))
        {
            case SettingKind.Group:
                WriteGroup(text, type, depth);
                break;
            case SettingKind.Map:
                text.Append("{\n");
                Indent(text, depth + 1).Append('"').Append(Geography.Parse(ExampleGeography).Name).Append("\": ");
                WriteGroup(text, Setting.MapValueOf(type)!, depth + 1);
                Indent(text.Append('\n'), depth).Append('}');
                break;
            case SettingKind.List when about.Example is null:
                text.Append("[\n");
                WriteGroup(Indent(text, depth + 1), Setting.ListElementOf(type), depth + 1);
                Indent(text.Append('\n'), depth).Append(']');
                break;
            default:
                text.Append(about.Example ?? Node(value!).ToJsonString(Readable));
                break;
        }
    }

    private static string AsComment(string text, int depth) => string.Join('\n', text.Split('\n').Select(line => line.Insert(2 * depth, "// ")));

    private static string Notes(Setting setting, object defaults)
    {
        var about = setting.About;
        var notes = new List<string>();
        if (setting.IsRequired)
        {
            notes.Add("required");
        }

        if (about is { Minimum: { } least, Maximum: { } most })
        {
            notes.Add($"{least} to {most}");
        }

        if (!setting.IsRequired && Setting.KindOf(setting.Property.PropertyType) == SettingKind.Scalar && setting.Property.GetValue(defaults) is { } value)
        {
            notes.Add($"by default {Node(value).ToJsonString(Readable)}");
        }

        return notes.Count == 0 ? "" : $" ({string.Join("; ", notes)})";
    }

    private static JsonValue Node(object value) => value switch
    {
        int number => JsonValue.Create(number),
        bool flag => JsonValue.Create(flag),
        TimeSpan time => JsonValue.Create(time.ToString("c", CultureInfo.InvariantCulture)),
        _ => JsonValue.Create(value.ToString()!),
    };

    private static StringBuilder Indent(StringBuilder text, int depth) => text.Append(' ', 2 * depth);
}
