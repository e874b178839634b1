using System.Collections;
using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Server;

/// <summary>
/// Reads the configuration file, lets environment variables override it, and finds everything that is wrong at once. Strict: a name that is no setting
/// stops the start, because a setting that is misspelt and ignored is how a limit or a border is lost.
/// </summary>
internal sealed class OptionsReader
{
    /// <summary>How the names of variables start; the parts of the setting's path follow, joined by two underscores, such as <c>DOMICILE__LIMITS__CONNECTIONS</c> or <c>DOMICILE__LISTEN__0__ADDRESS</c>.</summary>
    public const string VariablePrefix = "DOMICILE__";

    private const int MaxDepth = 16;
    private static readonly JsonNodeOptions NodeOptions = new() { PropertyNameCaseInsensitive = false };

    private readonly string _directory;
    private readonly List<string> _faults = [];
    // Variables are text; where one stands, text is taken for a number.
    private readonly HashSet<JsonNode> _fromVariables = new(ReferenceEqualityComparer.Instance);

    private OptionsReader(string directory)
    {
        _directory = directory;
    }

    /// <summary>Reads a configuration.</summary>
    /// <param name="path">The file.</param>
    /// <param name="environment">The process's environment.</param>
    /// <returns>The options, with every default filled in and every path absolute.</returns>
    /// <exception cref="StartupException">The configuration cannot be used. One line for each thing that is wrong.</exception>
    public static ServeOptions Read(string path, IEnumerable<KeyValuePair<string, string>> environment)
    {
        var full = Path.GetFullPath(path);
        var root = Parse(full);
        var reader = new OptionsReader(Path.GetDirectoryName(full)!);
        reader.Overlay(root, environment);
        var options = (ServeOptions?)reader.ReadGroup(root, typeof(ServeOptions), "");
        if (reader._faults.Count == 0 && options is not null)
        {
            options = options.WithDefaults();
            reader._faults.AddRange(options.Faults());
        }

        return reader._faults.Count == 0
            ? options!
            : throw new StartupException(string.Join('\n', reader._faults.Select(fault => $"{full}: {fault}")));
    }

    private static JsonObject Parse(string path)
    {
        try
        {
            using var file = File.OpenRead(path);
            var parsed = JsonNode.Parse(file, NodeOptions, new JsonDocumentOptions
            {
                CommentHandling = JsonCommentHandling.Skip,
                AllowTrailingCommas = true,
                AllowDuplicateProperties = false,
                MaxDepth = MaxDepth,
            });
            return parsed as JsonObject ?? throw new StartupException($"{path}: it must be a JSON object.");
        }
        catch (JsonException unreadable)
        {
            throw new StartupException($"{path}: it is not JSON, or has a name twice: {unreadable.Message.ReplaceLineEndings(" ")}", unreadable);
        }
        catch (Exception unreachable) when (unreachable is IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"The configuration cannot be read: {unreachable.Message}", unreachable);
        }
    }

    private void Overlay(JsonObject root, IEnumerable<KeyValuePair<string, string>> environment)
    {
        // Shorter names first, so that element 2 of a list comes before element 10.
        var variables = environment.Where(variable => variable.Key.StartsWith(VariablePrefix, StringComparison.Ordinal))
            .OrderBy(variable => variable.Key.Length).ThenBy(variable => variable.Key, StringComparer.Ordinal);
        foreach (var (name, value) in variables)
        {
            if (!Place(root, typeof(ServeOptions), name[VariablePrefix.Length..].Split("__"), value))
            {
                _faults.Add($"the variable {name} names no setting.");
            }
        }
    }

    /// <summary>Puts a variable's value where its name says; false when there is no such place.</summary>
    private bool Place(JsonNode node, Type type, ReadOnlySpan<string> path, string value)
    {
        if (path.IsEmpty)
        {
            return false;
        }

        var first = path[0];
        switch (node)
        {
            case JsonObject group when Setting.KindOf(type) == SettingKind.Group:
                if (Setting.Of(type).FirstOrDefault(setting => setting.Name.Equals(first, StringComparison.OrdinalIgnoreCase)) is not { } named)
                {
                    return false;
                }

                return PlaceBelow(group[named.Name], named.Property.PropertyType, path[1..], value, child => group[named.Name] = child);

            case JsonObject map when Setting.MapValueOf(type) is { } each:
                if (!Geography.TryParse(first, out var geography))
                {
                    return false;
                }

                var key = map.Select(member => member.Key).FirstOrDefault(key => Geography.TryParse(key, out var known) && known.Equals(geography)) ?? geography.Name;
                return PlaceBelow(map[key], each, path[1..], value, child => map[key] = child);

            case JsonArray list when Setting.KindOf(type) == SettingKind.List:
                if (!int.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out var index) || index > list.Count)
                {
                    return false;
                }

                return PlaceBelow(index < list.Count ? list[index] : null, Setting.ListElementOf(type), path[1..], value, child =>
                {
                    if (index < list.Count)
                    {
                        list[index] = child;
                    }
                    else
                    {
                        list.Add(child);
                    }
                });

            default:
                return false;
        }
    }

    private bool PlaceBelow(JsonNode? child, Type type, ReadOnlySpan<string> rest, string value, Action<JsonNode> put)
    {
        var kind = Setting.KindOf(type);
        if (kind == SettingKind.Scalar)
        {
            if (!rest.IsEmpty)
            {
                return false;
            }

            var text = JsonValue.Create(value);
            _fromVariables.Add(text);
            put(text);
            return true;
        }

        if (child is not null)
        {
            return Place(child, type, rest, value);
        }

        JsonNode fresh = kind == SettingKind.List ? new JsonArray(NodeOptions) : new JsonObject(NodeOptions);
        if (!Place(fresh, type, rest, value))
        {
            return false;
        }

        put(fresh);
        return true;
    }

    private object? Read(JsonNode? node, Type type, SettingAttribute? about, string path)
    {
        switch (Setting.KindOf(type))
        {
            case SettingKind.Group:
                return ReadGroup(node, type, path);
            case SettingKind.Map:
                return ReadMap(node, Setting.MapValueOf(type)!, about, path);
            case SettingKind.List:
                return ReadList(node, Setting.ListElementOf(type), about, path);
            default:
                return ReadScalar(node, type, about, path);
        }
    }

    private object? ReadGroup(JsonNode? node, Type type, string path)
    {
        if (node is not JsonObject group)
        {
            return Fault(path, "must be an object { … }");
        }

        var settings = Setting.Of(type);
        foreach (var (name, _) in group)
        {
            if (!settings.Any(setting => setting.Name == name))
            {
                Fault(Below(path, name), $"is no setting. Here there can be: {string.Join(", ", settings.Select(setting => setting.Name))}");
            }
        }

        var options = Activator.CreateInstance(type)!;
        foreach (var setting in settings)
        {
            if (group[setting.Name] is { } value)
            {
                if (Read(value, setting.Property.PropertyType, setting.About, Below(path, setting.Name)) is { } read)
                {
                    setting.Property.SetValue(options, read);
                }
            }
            else if (setting.IsRequired)
            {
                Fault(Below(path, setting.Name), $"is missing: {setting.About.Text.TrimEnd('.')}");
            }
        }

        return options;
    }

    private object? ReadMap(JsonNode? node, Type each, SettingAttribute? about, string path)
    {
        if (node is not JsonObject map)
        {
            return Fault(path, "must be an object with a member for each geography");
        }

        var read = (IDictionary)Activator.CreateInstance(typeof(Dictionary<,>).MakeGenericType(typeof(Geography), each))!;
        foreach (var (name, value) in map)
        {
            var below = Below(path, name);
            if (!Geography.TryParse(name, out var geography))
            {
                Fault(below, $"is no geography. There are: {string.Join(", ", Geography.All.Select(known => known.Name))}");
            }
            else if (read.Contains(geography))
            {
                Fault(below, $"is there twice, in two spellings of {geography}");
            }
            else
            {
                read.Add(geography, Read(value, each, null, below));
            }
        }

        return map.Count < about?.AtLeast ? Fault(path, $"must have at least {about.AtLeast}") : read;
    }

    private object? ReadList(JsonNode? node, Type element, SettingAttribute? about, string path)
    {
        if (node is not JsonArray list)
        {
            return Fault(path, "must be a list [ … ]");
        }

        var read = (IList)Activator.CreateInstance(typeof(List<>).MakeGenericType(element))!;
        for (var i = 0; i < list.Count; i++)
        {
            if (Read(list[i], element, null, $"{path}[{i}]") is { } one)
            {
                read.Add(one);
            }
        }

        return list.Count < about?.AtLeast ? Fault(path, $"must have at least {about.AtLeast}") : read;
    }

    private object? ReadScalar(JsonNode? node, Type type, SettingAttribute? about, string path)
    {
        var isText = type != typeof(int) && type != typeof(bool);
        var text = node is JsonValue scalar ? TextOf(scalar, isText) : null;
        if (text is null || Convert(text, type) is not { } value)
        {
            return Fault(path, $"must be {Expected(type)}");
        }

        if (value is string given)
        {
            return about is { IsConnection: true } ? ReadConnection(given, path, _fromVariables.Contains(node!)) : ReadText(given, about, path);
        }

        if (about is { Minimum: { } least, Maximum: { } most }
            && (((IComparable)value).CompareTo(Convert(least, type)) < 0 || ((IComparable)value).CompareTo(Convert(most, type)) > 0))
        {
            return Fault(path, $"must be between {least} and {most}");
        }

        return value;
    }

    private object? ReadText(string text, SettingAttribute? about, string path)
    {
        if (text.Trim().Length == 0)
        {
            return Fault(path, "must not be empty");
        }

        if (about is { IsPath: true })
        {
            return Path.GetFullPath(text, _directory);
        }

        if (about is { IsHostName: true })
        {
            var host = text.ToLowerInvariant();
            return Uri.CheckHostName(host) == UriHostNameType.Dns && !host.EndsWith('.') && !host.Contains('_', StringComparison.Ordinal)
                ? host
                : Fault(path, "must be a host name such as europe.example.org, in ASCII");
        }

        return text;
    }

    private object? ReadConnection(string text, string path, bool isFromVariable)
    {
        if (!PostgresAddress.TryParse(text, out var address, out var fault))
        {
            return Fault(path, fault);
        }

        return address.HasPassword && !isFromVariable ? Fault(path, "has a password, which belongs in a password file or in the variable for this setting") : text;
    }

    private string? TextOf(JsonValue value, bool isText) => value.GetValueKind() switch
    {
        JsonValueKind.String when isText || _fromVariables.Contains(value) => value.GetValue<string>(),
        JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False when !isText => value.ToJsonString(),
        _ => null,
    };

    private static object? Convert(string text, Type type)
    {
        if (type == typeof(int))
        {
            return int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null;
        }

        if (type == typeof(bool))
        {
            return bool.TryParse(text, out var flag) ? flag : null;
        }

        if (type == typeof(TimeSpan))
        {
            return TimeSpan.TryParseExact(text, "c", CultureInfo.InvariantCulture, out var time) && text.Contains(':', StringComparison.Ordinal) ? time : null;
        }

        if (type == typeof(IPEndPoint))
        {
            // A port must be said: without one the framework takes 0.
            return IPEndPoint.TryParse(text, out var address) && address.Port > 0 ? address : null;
        }

        if (type == typeof(IPNetwork))
        {
            // The framework drops bits beyond the length; to us 10.0.0.1/8 is somebody's slip.
            return IPNetwork.TryParse(text, out var network) && network.BaseAddress.Equals(IPAddress.Parse(text.AsSpan(0, text.IndexOf('/', StringComparison.Ordinal)))) ? network : null;
        }

        return text;
    }

    private static string Expected(Type type) =>
        type == typeof(int) ? "a whole number"
        : type == typeof(bool) ? "true or false"
        : type == typeof(TimeSpan) ? "a time such as \"00:00:15\" (hours, minutes, seconds; days before a dot)"
        : type == typeof(IPEndPoint) ? "an address and a port such as \"0.0.0.0:443\" or \"[::]:443\""
        : type == typeof(IPNetwork) ? "a network such as \"10.20.0.0/24\", with no bit set beyond its length"
        : "a text";

    private static string Below(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";

    private object? Fault(string path, string what)
    {
        _faults.Add($"{(path.Length == 0 ? "the configuration" : path)} {what}.");
        return null;
    }
}
