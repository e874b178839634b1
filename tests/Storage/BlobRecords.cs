using System.Text.Json.Serialization;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Tests.Storage;

/// <summary>A root with a file of its own, and files below it.</summary>
[Record("test.album", DataCategory.Content, Retention.UntilDeleted)]
public sealed record Album
{
    [Key]
    public required Ref<Album> Key { get; init; }

    [Blob]
    public BlobRef? Cover { get; init; }

    public string? Title { get; init; }
}

/// <summary>A file of a person, below a root.</summary>
[Record("test.attachment", DataCategory.Content, Retention.WithParent, Erasure = ErasureRule.Delete)]
public sealed record Attachment
{
    [Key, Parent<Album>]
    public required Ref<Album> Album { get; init; }

    [Key]
    public required long Number { get; init; }

    [Owner]
    public SubjectRef Sender { get; init; }

    [Blob]
    public BlobRef? File { get; init; }

    public string? Name { get; init; }
}

/// <summary>A file whose row stays without it when its person is erased; its owner is found through membership.</summary>
[Record("test.picture", DataCategory.Content, Retention.WithParent, Layout.Append, Erasure = ErasureRule.Depersonalise)]
public sealed record Picture
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
    public required SubjectRef Painter { get; init; }

    [Erased]
    public DateTimeOffset? ErasedOn { get; init; }

    [Blob]
    public BlobRef? File { get; init; }

    public string? Title { get; init; }
}

/// <summary>A file that expires and that can be replaced, of the resource alone.</summary>
[Record("test.archive", DataCategory.Content, Retention.StoredDate)]
public sealed record Archive
{
    [Key]
    public required string Name { get; init; }

    [Expires]
    public DateTimeOffset? ExpiresOn { get; init; }

    [Version]
    public long Version { get; init; }

    [Blob]
    public BlobRef? File { get; init; }

    public string? Note { get; init; }
}

[JsonSerializable(typeof(Album))]
[JsonSerializable(typeof(Attachment))]
[JsonSerializable(typeof(Picture))]
[JsonSerializable(typeof(Archive))]
internal sealed partial class BlobJson : JsonSerializerContext
{
    public static Catalogue Catalogue() => new Catalogue()
        .Add<Room>(TestJson.Default).Add<Member>(TestJson.Default).Add<Line>(TestJson.Default).Add<Setting>(TestJson.Default).Add<Letter>(TestJson.Default)
        .Add<Album>(Default).Add<Attachment>(Default).Add<Picture>(Default).Add<Archive>(Default)
        .Add<Hold>(StorageRecords.Default).Add<Restriction>(StorageRecords.Default).Add<AuditDay>(StorageRecords.Default).Add<AuditEntry>(StorageRecords.Default).Add<AuditGroup>(StorageRecords.Default)
        .Close();
}
