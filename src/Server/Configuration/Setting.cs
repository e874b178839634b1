using System.Net;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Domicile.Residency;

namespace Domicile.Server;

/// <summary>One setting, as the options' types declare it.</summary>
/// <param name="Property">The property that takes it.</param>
/// <param name="About">What it is and what it may be.</param>
internal sealed record Setting(PropertyInfo Property, SettingAttribute About)
{
    /// <summary>Its name in the file.</summary>
    public string Name { get; } = JsonNamingPolicy.CamelCase.ConvertName(Property.Name);

    /// <summary>Whether there is no start without it.</summary>
    public bool IsRequired { get; } = Property.IsDefined(typeof(RequiredMemberAttribute));

    /// <summary>The settings of a type of options, in the order of their declaration.</summary>
    public static IReadOnlyList<Setting> Of(Type options) =>
        [.. options.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Select(property => (property, about: property.GetCustomAttribute<SettingAttribute>()))
            .Where(pair => pair.about is not null)
            .Select(pair => new Setting(pair.property, pair.about!))];

    /// <summary>The kind of value that a type stands for.</summary>
    public static SettingKind KindOf(Type type) =>
        ElementOf(type, typeof(IReadOnlyList<>)) is not null ? SettingKind.List
        : MapValueOf(type) is not null ? SettingKind.Map
        : type == typeof(string) || type == typeof(int) || type == typeof(bool) || type == typeof(TimeSpan) || type == typeof(IPEndPoint) || type == typeof(IPNetwork) ? SettingKind.Scalar
        : SettingKind.Group;

    /// <summary>The type of a list's elements.</summary>
    public static Type ListElementOf(Type list) => ElementOf(list, typeof(IReadOnlyList<>))!;

    /// <summary>The type of what a map has for each geography; null when the type is no such map.</summary>
    public static Type? MapValueOf(Type map) =>
        map.IsGenericType && map.GetGenericTypeDefinition() == typeof(IReadOnlyDictionary<,>) && map.GetGenericArguments()[0] == typeof(Geography)
            ? map.GetGenericArguments()[1]
            : null;

    private static Type? ElementOf(Type type, Type definition) =>
        type.IsGenericType && type.GetGenericTypeDefinition() == definition ? type.GetGenericArguments()[0] : null;
}
