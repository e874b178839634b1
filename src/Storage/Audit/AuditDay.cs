using Domicile.Residency;

namespace Domicile.Storage;

/// <summary>A day of the audit log. Its key is half of what seals the entries of the day, so that their end is the end of one key.</summary>
[Record("audit.day", DataCategory.Audit, Retention.FixedAge, AgeDays = 401, Note = "Who did what on a day goes with it, 400 days after the day ended. That something was done, as a hash, stays in the log.")]
public sealed record AuditDay
{
    /// <summary>Days since 1970-01-01, in UTC.</summary>
    [Key]
    public required Ref<AuditDay> Day { get; init; }

    /// <summary>The beginning of the day.</summary>
    [Clock]
    public required DateTimeOffset Begins { get; init; }

    /// <summary>The day of an instant.</summary>
    public static Ref<AuditDay> Of(DateTimeOffset instant) => new((long)Math.Floor((instant - DateTimeOffset.UnixEpoch).TotalDays));

    /// <summary>The record of a day.</summary>
    public static AuditDay Make(Ref<AuditDay> day) => new() { Day = day, Begins = DateTimeOffset.UnixEpoch.AddDays(day.Value) };
}
