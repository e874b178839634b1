using System.Text.Json.Serialization;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Tests.Storage;

/// <summary>A root with an expiry and a unique name: everything in it dies with it.</summary>
[Record("test.room", DataCategory.Content, Retention.StoredDate)]
[Index("a room by its public name", nameof(Name), Unique = true)]
public sealed record Room
{
    [Key]
    public required Ref<Room> Key { get; init; }

    [Plain("requests name it")]
    public required string Name { get; init; }

    [Expires]
    public DateTimeOffset? ClosesOn { get; init; }

    [Version]
    public long Version { get; init; }

    public required string Topic { get; init; }
}

/// <summary>A relation that can end, found by person.</summary>
[Record("test.member", DataCategory.Content, Retention.WithParent, Erasure = ErasureRule.Delete)]
public sealed record Member
{
    [Key, Parent<Room>]
    public required Ref<Room> Room { get; init; }

    [Key, Owner]
    public required SubjectRef Person { get; init; }

    [Ended]
    public DateTimeOffset? LeftOn { get; init; }

    [Version]
    public long Version { get; init; }

    public string? Nickname { get; init; }
}

/// <summary>The hot kind: appended, its owner found through membership, depersonalised.</summary>
[KeptBetween(1, 1000)]
[Record("test.line", DataCategory.Content, Retention.WithParent, Layout.Append, Erasure = ErasureRule.Depersonalise)]
public sealed record Line
{
    [Key, Parent<Room>]
    public required Ref<Room> Room { get; init; }

    [Key, Arrival]
    public long Arrival { get; init; }

    [Sequence]
    public long Sequence { get; init; }

    [Identity]
    public required Guid Id { get; init; }

    [Owner(FoundBy = typeof(Member))]
    public required SubjectRef Writer { get; init; }

    [Version]
    public long Version { get; init; }

    [Erased]
    public DateTimeOffset? ErasedOn { get; init; }

    public required string Text { get; init; }
}

/// <summary>Rows found by a text key, belonging to nobody.</summary>
[Record("test.setting", DataCategory.Configuration, Retention.UntilDeleted)]
public sealed record Setting
{
    [Key]
    public required string Name { get; init; }

    [Key]
    public required long Part { get; init; }

    [Version]
    public long Version { get; init; }

    [Plain("counted by the test")]
    public int Number { get; init; }

    public string? Value { get; init; }
}

/// <summary>Found by an index on its owner, and depersonalised in place.</summary>
[Record("test.letter", DataCategory.Content, Retention.UntilDeleted, Erasure = ErasureRule.Depersonalise)]
public sealed record Letter
{
    [Key]
    public required Ref<Letter> Key { get; init; }

    [Owner]
    public required SubjectRef Writer { get; init; }

    [Version]
    public long Version { get; init; }

    [Erased]
    public DateTimeOffset? ErasedOn { get; init; }

    [Plain("sorted by the test")]
    public string Title { get; init; } = "";

    public required string Text { get; init; }
}

/// <summary>Outlives the erasure of its person for a legal reason, and goes with age.</summary>
[Record("test.optOut", DataCategory.OptOut, Retention.FixedAge, AgeDays = 30, Erasure = ErasureRule.KeepUntilExpiry, ErasureReason = "The wish must go on being respected.")]
public sealed record OptOut
{
    [Key, Subject]
    public required SubjectRef Person { get; init; }

    [Clock]
    public required DateTimeOffset At { get; init; }

    public string? Words { get; init; }
}

/// <summary>Goes with age or with its owner, and mentions a second person.</summary>
[KeptBetween(1, 30)]
[Record("test.visit", DataCategory.OperationLog, Retention.FixedAge, AgeDays = 1, Erasure = ErasureRule.Delete)]
public sealed record Visit
{
    [Key]
    public required Ref<Visit> Key { get; init; }

    [Owner]
    public required SubjectRef Visitor { get; init; }

    [Subject]
    public SubjectRef Host { get; init; }

    [Clock]
    public required DateTimeOffset At { get; init; }

    public string? Words { get; init; }
}

/// <summary>A root that belongs to a person: with them goes everything below it.</summary>
[Record("test.diary", DataCategory.Content, Retention.UntilDeleted, Erasure = ErasureRule.Delete)]
public sealed record Diary
{
    [Key]
    public required Ref<Diary> Key { get; init; }

    [Owner]
    public required SubjectRef Writer { get; init; }

    public required string Title { get; init; }
}

/// <summary>Below a person's root; itself a root.</summary>
[Record("test.chapter", DataCategory.Content, Retention.WithParent)]
public sealed record Chapter
{
    [Key]
    public required Ref<Chapter> Key { get; init; }

    [Parent<Diary>]
    public required Ref<Diary> Diary { get; init; }

    public required string Title { get; init; }
}

/// <summary>Two steps below a person's root.</summary>
[Record("test.page", DataCategory.Content, Retention.WithParent)]
public sealed record Page
{
    [Key, Parent<Chapter>]
    public required Ref<Chapter> Chapter { get; init; }

    [Key]
    public required long Number { get; init; }

    public required string Text { get; init; }
}

/// <summary>Goes two days after the house that it names was left.</summary>
[Record("test.key", DataCategory.Configuration, Retention.AtEvent, AgeDays = 2)]
public sealed record HouseKey
{
    [Key]
    public required long Number { get; init; }

    [EndsWith("house.left")]
    public required long House { get; init; }
}

[JsonSerializable(typeof(HouseKey))]
[JsonSerializable(typeof(Room))]
[JsonSerializable(typeof(Member))]
[JsonSerializable(typeof(Line))]
[JsonSerializable(typeof(Setting))]
[JsonSerializable(typeof(Letter))]
[JsonSerializable(typeof(OptOut))]
[JsonSerializable(typeof(Visit))]
[JsonSerializable(typeof(Diary))]
[JsonSerializable(typeof(Chapter))]
[JsonSerializable(typeof(Page))]
internal sealed partial class TestJson : JsonSerializerContext
{
    public static Catalogue Catalogue() => new Catalogue()
        .Add<Room>(Default).Add<Member>(Default).Add<Line>(Default).Add<Setting>(Default).Add<Letter>(Default).Add<OptOut>(Default).Add<Visit>(Default)
        .Add<Diary>(Default).Add<Chapter>(Default).Add<Page>(Default)
        .Add<HouseKey>(Default).Add<Hold>(StorageRecords.Default).Add<Restriction>(StorageRecords.Default).Add<RetentionRule>(StorageRecords.Default).Add<RootRetentionRule>(StorageRecords.Default).Add<KnownDefault>(StorageRecords.Default).Add<Ending>(StorageRecords.Default)
        .Add<AuditDay>(StorageRecords.Default).Add<AuditEntry>(StorageRecords.Default).Add<AuditGroup>(StorageRecords.Default)
        .Close();
}
