using System.Text.Json.Serialization;
using Domicile.Residency;

namespace Domicile.Storage;

/// <summary>A resource's own number of days for a kind that goes when it is not used.</summary>
[Record("storage.retention", DataCategory.Configuration, Retention.UntilDeleted, Note = "The sweep reads it next to the records that it concerns.")]
public sealed record RetentionRule
{
    private const int Attempts = 5;

    /// <summary>The kind that it is for.</summary>
    [Key]
    public required string Kind { get; init; }

    /// <summary>Days without use; 0 for never.</summary>
    [Plain("the sweep compares it")]
    public required int Days { get; init; }

    /// <summary>The row version.</summary>
    [Version]
    public long Version { get; init; }

    /// <summary>The days that a resource set, or null.</summary>
    public static async ValueTask<int?> Find(Home home, string kind, CancellationToken cancel) =>
        (await home.Store.Get<RetentionRule>([kind], cancel))?.Days;

    /// <summary>Sets the days of a resource.</summary>
    /// <returns>Why it was refused, or null.</returns>
    public static async ValueTask<Problem?> Set(Home home, string kind, int days, AuditNote note, CancellationToken cancel)
    {
        Problem? refused = null;
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var known = await home.Store.Get<RetentionRule>([kind], cancel);
            var rule = new RetentionRule { Kind = kind, Days = days, Version = known?.Version ?? 0 };
            var outcome = await home.Store.Commit(b => (known is null ? b.Insert(rule) : b.Put(rule)).Audit(note), cancel);
            refused = outcome.Refused;
            if (refused != StorageProblems.Changed && refused != StorageProblems.Exists)
            {
                break;
            }
        }

        return refused;
    }
}

/// <summary>The serializer of the storage's own records.</summary>
[JsonSerializable(typeof(RetentionRule))]
[JsonSerializable(typeof(Hold))]
[JsonSerializable(typeof(AuditDay))]
[JsonSerializable(typeof(AuditEntry))]
[JsonSerializable(typeof(AuditGroup))]
public sealed partial class StorageRecords : JsonSerializerContext;
