using System.Text.Json.Serialization;
using Domicile.Residency;

namespace Domicile.Modules.Logs;

/// <summary>How many requests of a resource were answered how in a minute, as one node counted. Among the scale unit's own records, so that one reader sees all resources.</summary>
[Record("logs.callCount", DataCategory.Usage, Retention.FixedAge, AgeDays = 7, Note = "Counts of operations for alerts; nothing of a person.")]
internal sealed record CallCount
{
    /// <summary>Minutes since 1970-01-01, in UTC.</summary>
    [Key]
    public required long Minute { get; init; }

    /// <summary>Which of the minute.</summary>
    [Key]
    public required Ref<CallCount> Entry { get; init; }

    /// <summary>The end of the minute.</summary>
    [Clock]
    public required DateTimeOffset At { get; init; }

    /// <summary>The resource.</summary>
    public required Guid ResourceId { get; init; }

    /// <summary>The counts.</summary>
    public required IReadOnlyList<OperationCount> Counts { get; init; }
}

/// <summary>How often an operation was answered so.</summary>
internal sealed record OperationCount(string Operation, int Status, long Number);

/// <summary>A rule of a resource that is looked at each minute, and how it stands. Among the scale unit's own records, so that one reader sees all resources.</summary>
[Record("logs.alert", DataCategory.Configuration, Retention.UntilDeleted, Note = "Thresholds and how they stand. A query of the operator's own is sealed with them.")]
internal sealed record Alert
{
    /// <summary>The resource.</summary>
    [Key]
    public required Guid ResourceId { get; init; }

    /// <summary>The rule's name.</summary>
    [Key]
    public required string Name { get; init; }

    /// <summary>The row version.</summary>
    [Version]
    public long Version { get; init; }

    /// <summary>Whether it is looked at.</summary>
    public required bool IsEnabled { get; init; }

    /// <summary>It fires at this value and above.</summary>
    public required double Threshold { get; init; }

    /// <summary>Over so many minutes.</summary>
    public required int WindowMinutes { get; init; }

    /// <summary>Operations whose answers are counted; empty for all. Null for a rule over logs.</summary>
    public IReadOnlyList<string>? Operations { get; init; }

    /// <summary>The least status that counts.</summary>
    public int StatusFrom { get; init; }

    /// <summary>The greatest status that counts.</summary>
    public int StatusTo { get; init; } = 999;

    /// <summary>The query over logs whose first number is the value.</summary>
    public string? Query { get; init; }

    /// <summary>Until when nobody is told.</summary>
    public DateTimeOffset? SilencedUntil { get; init; }

    /// <summary>Whether it fires.</summary>
    public bool IsFiring { get; init; }

    /// <summary>Since when it does, or does not.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>The value when it was looked at last and had changed.</summary>
    public double Value { get; init; }

    /// <summary>Why it cannot be looked at; null when it can.</summary>
    public string? Obstacle { get; init; }
}

/// <summary>That a rule began or ceased to fire.</summary>
[Record("logs.alertTurn", DataCategory.OperationLog, Retention.FixedAge, AgeDays = 90, Note = "The history of alerts: rule, value, instant; nothing of a person.")]
internal sealed record AlertTurn
{
    /// <summary>The key; rises with time.</summary>
    [Key]
    public required Ref<AlertTurn> Key { get; init; }

    /// <summary>When.</summary>
    [Clock]
    public required DateTimeOffset At { get; init; }

    /// <summary>The rule's name.</summary>
    public required string Rule { get; init; }

    /// <summary>Whether it fires from now on.</summary>
    public required bool IsFiring { get; init; }

    /// <summary>The value.</summary>
    public required double Value { get; init; }

    /// <summary>The threshold.</summary>
    public required double Threshold { get; init; }

    /// <summary>Whether nobody was told, because the rule was silenced.</summary>
    public required bool IsSilenced { get; init; }
}

[JsonSerializable(typeof(CallCount))]
[JsonSerializable(typeof(Alert))]
[JsonSerializable(typeof(AlertTurn))]
internal sealed partial class AlertRecords : JsonSerializerContext;
