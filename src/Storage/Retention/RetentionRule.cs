using System.Text.Json.Serialization;
using Domicile.Residency;

namespace Domicile.Storage;

/// <summary>A resource's own number of days for a kind whose rule it may set.</summary>
[Record("storage.retention", DataCategory.Configuration, Retention.UntilDeleted, Note = "The sweep reads it next to the records that it concerns.")]
public sealed record RetentionRule : IRetentionRule
{
    /// <summary>The kind that it is for.</summary>
    [Key]
    public required string Kind { get; init; }

    /// <summary>Days; 0 for no limit.</summary>
    [Plain("the sweep compares it")]
    public required int Days { get; init; }

    /// <summary>The days that hold until <see cref="EffectiveOn"/>.</summary>
    [Plain("the sweep compares it")]
    public int PreviousDays { get; init; }

    /// <summary>From when <see cref="Days"/> hold; empty for always.</summary>
    [Plain("the sweep compares it")]
    public DateTimeOffset? EffectiveOn { get; init; }

    /// <summary>The row version.</summary>
    [Version]
    public long Version { get; init; }

    /// <summary>The days that a resource set, or null.</summary>
    public static async ValueTask<int?> Find(Home home, string kind, CancellationToken cancel) =>
        (await home.Store.Get<RetentionRule>([kind], cancel))?.Days;

    /// <summary>Sets the days of a resource.</summary>
    /// <returns>Why it was refused, or null.</returns>
    public static async ValueTask<Problem?> Set(Home home, string kind, int days, AuditNote note, CancellationToken cancel) =>
        (await home.Rules.Set(kind, root: null, days, RetentionRules.GraceDefault, note, cancel)).Refused;
}

/// <summary>The number of days for one root, such as a thread. It can only shorten what holds for the resource.</summary>
[Record("storage.rootRetention", DataCategory.Configuration, Retention.UntilDeleted, Note = "The sweep reads it next to the records that it concerns. Goes when its root is gone.")]
public sealed record RootRetentionRule : IRetentionRule
{
    /// <summary>The kind that it is for.</summary>
    [Key]
    public required string Kind { get; init; }

    /// <summary>The key of the root.</summary>
    [Key]
    public required long Root { get; init; }

    /// <summary>Days; 0 for no limit of its own.</summary>
    [Plain("the sweep compares it")]
    public required int Days { get; init; }

    /// <summary>The days that hold until <see cref="EffectiveOn"/>.</summary>
    [Plain("the sweep compares it")]
    public required int PreviousDays { get; init; }

    /// <summary>From when <see cref="Days"/> hold; empty for always.</summary>
    [Plain("the sweep compares it")]
    public DateTimeOffset? EffectiveOn { get; init; }

    /// <summary>The row version.</summary>
    [Version]
    public long Version { get; init; }
}

/// <summary>A rule that a customer set.</summary>
public interface IRetentionRule
{
    /// <summary>The kind that it is for.</summary>
    string Kind { get; }

    /// <summary>Days; 0 for no limit.</summary>
    int Days { get; }

    /// <summary>The days that hold until <see cref="EffectiveOn"/>.</summary>
    int PreviousDays { get; }

    /// <summary>From when <see cref="Days"/> hold; empty for always.</summary>
    DateTimeOffset? EffectiveOn { get; }

    /// <summary>The days that hold at an instant.</summary>
    int DaysAt(DateTimeOffset now) => EffectiveOn > now ? PreviousDays : Days;
}

/// <summary>The serializer of the storage's own records.</summary>
[JsonSerializable(typeof(RetentionRule))]
[JsonSerializable(typeof(RootRetentionRule))]
[JsonSerializable(typeof(KnownDefault))]
[JsonSerializable(typeof(Ending))]
[JsonSerializable(typeof(Hold))]
[JsonSerializable(typeof(Restriction))]
[JsonSerializable(typeof(AuditDay))]
[JsonSerializable(typeof(AuditEntry))]
[JsonSerializable(typeof(AuditGroup))]
public sealed partial class StorageRecords : JsonSerializerContext;
