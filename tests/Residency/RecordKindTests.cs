using System.Buffers;
using System.Text;
using System.Text.Json.Serialization;
using Domicile.Residency;

namespace Domicile.Tests.Residency;

public enum Mood : byte
{
    Good = 0,
    Bad = 200,
}

/// <summary>Every sort of member.</summary>
[Record("sample.everything", DataCategory.Content, Retention.UntilDeleted, Erasure = ErasureRule.Depersonalise, Note = "A note.")]
public sealed record Everything
{
    [Key]
    public required string Name { get; init; }

    [Owner]
    public required SubjectRef Owner { get; init; }

    [Plain("shown in lists")]
    public Mood Mood { get; init; }

    [Plain("sorted by it")]
    public DateTimeOffset? SortedOn { get; init; }

    [Plain("asked for")]
    public bool IsUrgent { get; init; }

    [Plain("asked for")]
    public Guid Token { get; init; }

    [Plain("asked for")]
    public long? Count { get; init; }

    [Version]
    public long Version { get; init; }

    [Erased]
    public DateTimeOffset? ErasedOn { get; init; }

    [Note("what they wrote")]
    public required string Text { get; init; }

    [JsonPropertyName("t")]
    public string? Renamed { get; init; }

    public IReadOnlyList<string> Tags { get; init; } = ["default"];

    public Nested? Nested { get; init; }

    public int Size { get; set; } = 7;

    [JsonIgnore]
    public int Volatile { get; set; }

    public int Computed => Text?.Length ?? 0;
}

public sealed record Nested(string Name, Mood Mood);

[JsonSerializable(typeof(Everything))]
internal sealed partial class SampleJson : JsonSerializerContext;

public sealed class RecordKindTests
{
    private static readonly RecordKind<Everything> Kind = new Catalogue().Add<Everything>(SampleJson.Default).Close().Of<Everything>();

    private static readonly Everything Sample = new()
    {
        Name = "n",
        Owner = new SubjectRef(5),
        Mood = Mood.Bad,
        SortedOn = new DateTimeOffset(2026, 1, 2, 3, 4, 5, 678, TimeSpan.Zero),
        IsUrgent = true,
        Token = Guid.Parse("00112233-4455-6677-8899-aabbccddeeff"),
        Count = -3,
        Version = 9,
        Text = "“hello”",
        Renamed = "r",
        Tags = ["a", "b"],
        Nested = new Nested("in", Mood.Bad),
        Size = 8,
        Volatile = 4,
    };

    private static string Content(Everything record)
    {
        var output = new ArrayBufferWriter<byte>();
        Kind.WriteContent(record, output);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }

    private static Everything Read(string content) => Kind.Read(Encoding.UTF8.GetBytes(content), Kind.Values(Sample), 9, null);

    [Fact]
    public void What_is_marked_is_a_column_and_all_the_rest_is_sealed()
    {
        Assert.Equal(["name", "owner", "mood", "sorted_on", "is_urgent", "token", "count"], Kind.Columns.Select(column => column.Name));
        Assert.Equal(["Text", "Renamed", "Tags", "Nested", "Size"], Kind.SealedMembers.Select(member => member.Name));
        Assert.Equal("what they wrote", Kind.SealedMembers[0].Note);
        Assert.Equal("shown in lists", Kind.Columns[2].Reason);
        Assert.True(Kind is { IsVersioned: true, SaysErased: true, OwnerColumn: 1, ParentColumn: -1, ReferenceColumn: -1, Table: "sample_everything", Note: "A note." });
    }

    [Fact]
    public void The_sealed_part_holds_nothing_that_is_a_column() =>
        Assert.Equal("""{"text":"“hello”","t":"r","tags":["a","b"],"nested":{"name":"in","mood":200},"size":8}""", Content(Sample));

    [Fact]
    public void A_record_comes_back_from_its_columns_and_its_sealed_part()
    {
        var read = Read(Content(Sample));
        Assert.Equal(Sample with { Tags = read.Tags, Volatile = 0 }, read);
        Assert.Equal(Sample.Tags, read.Tags);
    }

    [Fact]
    public void Columns_hold_numbers_texts_and_bytes()
    {
        var values = Kind.Values(Sample);
        Assert.Equal("n", values[0].Text);
        Assert.Equal([5L, 200L, 1767323045678L, 1L], [values[1].Number, values[2].Number, values[3].Number, values[4].Number]);
        Assert.Equal("00112233445566778899AABBCCDDEEFF", Convert.ToHexString(values[5].Bytes!));
        Assert.True(Kind.Values(Sample with { Count = null })[6].IsNull);
    }

    [Fact]
    public void Older_content_without_a_new_member_still_reads_with_its_default()
    {
        var read = Read("""{"text":"old"}""");
        Assert.Equal(("old", null, null, 7), (read.Text, read.Renamed, read.Nested, read.Size));
        Assert.Equal(["default"], read.Tags);
    }

    [Fact]
    public void Content_of_a_newer_version_reads_without_what_is_unknown() =>
        Assert.Equal("new", Read("""{"text":"new","later":{"deep":[1,2]},"size":3}""").Text);

    [Fact]
    public void Content_never_overrides_a_column() => Assert.Equal(("n", 9L), (Read("""{"text":"t","name":"forged","version":77}""").Name, Read("""{"version":77}""").Version));

    [Fact]
    public void Of_an_erased_owner_the_columns_are_left()
    {
        var day = new DateTimeOffset(2026, 3, 4, 0, 0, 0, TimeSpan.Zero);
        var read = Kind.Read([], Kind.Values(Sample), 10, day);
        Assert.Equal(("n", null, day, 10L), (read.Name, read.Text, read.ErasedOn, read.Version));
    }

    [Fact]
    public void Values_are_equal_by_what_they_hold()
    {
        Assert.Equal(ColumnValue.Of([1, 2]), ColumnValue.Of([1, 2]));
        Assert.Equal(ColumnValue.Of([1, 2]).GetHashCode(), ColumnValue.Of([1, 2]).GetHashCode());
        Assert.NotEqual(ColumnValue.Of(0), ColumnValue.Null);
        Assert.NotEqual(ColumnValue.Of("0"), ColumnValue.Of(0));
        Assert.NotEqual(ColumnValue.Of(""), ColumnValue.Null);
    }
}
