namespace Domicile.Server;

/// <summary>Describes a setting once: what reads the configuration, the JSON schema and the annotated example all take it from here.</summary>
/// <param name="text">What the setting is, in a sentence.</param>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class SettingAttribute(string text) : Attribute
{
    /// <summary>What the setting is, in a sentence.</summary>
    public string Text { get; } = text;

    /// <summary>The least value, written as the setting is.</summary>
    public string? Minimum { get; init; }

    /// <summary>The greatest value, written as the setting is.</summary>
    public string? Maximum { get; init; }

    /// <summary>What the example shows, written as JSON; without one it shows the default.</summary>
    public string? Example { get; init; }

    /// <summary>Whether the setting is a path. A relative one counts from the configuration file.</summary>
    public bool IsPath { get; init; }

    /// <summary>Whether the setting is a host name.</summary>
    public bool IsHostName { get; init; }

    /// <summary>Whether the setting is a PostgreSQL connection. Its password comes from a variable or a file of its own, never from the configuration file.</summary>
    public bool IsConnection { get; init; }

    /// <summary>Whether the setting stands instead of another: the example shows it as a comment.</summary>
    public bool IsAlternative { get; init; }

    /// <summary>The fewest elements of a list or map.</summary>
    public int AtLeast { get; init; }
}
