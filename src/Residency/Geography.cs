using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Domicile.Residency;

/// <summary>
/// A legal boundary in which data rests: one of the sixteen <c>dataLocation</c> values of ACS (ARM, API versions 2020-08-20 and later).
/// </summary>
public sealed class Geography : IEquatable<Geography>
{
    private static readonly Geography[] Known =
    [
        new("Africa"), new("Asia Pacific"), new("Australia"), new("Brazil"), new("Canada"), new("Europe"),
        new("France"), new("Germany"), new("India"), new("Japan"), new("Korea"), new("Norway"),
        new("Switzerland"), new("United Arab Emirates"), new("United Kingdom"), new("United States"),
    ];

    private Geography(string name)
    {
        Name = name;
        Slug = name.Replace(" ", "", StringComparison.Ordinal).ToLowerInvariant();
    }

    /// <summary>Every geography that exists, by name.</summary>
    public static IReadOnlyList<Geography> All => Known;

    /// <summary>The name as ACS spells it, such as <c>United States</c>.</summary>
    public string Name { get; }

    /// <summary>The name without spaces and in lower case: what hosts, directories and comparisons use.</summary>
    public string Slug { get; }

    /// <summary>Finds a geography; spaces and case do not matter, as in ACS.</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out Geography? geography)
    {
        var slug = text?.Replace(" ", "", StringComparison.Ordinal).ToLowerInvariant();
        geography = Known.FirstOrDefault(known => known.Slug == slug);
        return geography is not null;
    }

    /// <summary>Finds a geography that is known to exist.</summary>
    /// <exception cref="ArgumentException">There is no such geography.</exception>
    public static Geography Parse(string text) =>
        TryParse(text, out var geography)
            ? geography
            : throw new ArgumentException($"There is no geography of that name. Known: {string.Join(", ", Known.Select(known => known.Name))}.", nameof(text));

    /// <inheritdoc/>
    public bool Equals(Geography? other) => ReferenceEquals(this, other);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => ReferenceEquals(this, obj);

    /// <inheritdoc/>
    public override int GetHashCode() => RuntimeHelpers.GetHashCode(this);

    /// <inheritdoc/>
    public override string ToString() => Name;
}
