using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using Domicile.Residency;

namespace Domicile.Tests.Residency;

public sealed class SealTests
{
    private static readonly Geography Europe = Geography.Parse("Europe");
    private static readonly ResourceRef Resource = new(3, Guid.Parse("11111111-2222-3333-4444-555555555555"));
    private static readonly RecordKind Kind = new Catalogue().Add<Everything>(SampleJson.Default).Close().Of<Everything>();
    private static readonly byte[] Owner = RandomNumberGenerator.GetBytes(32);
    private static readonly byte[] Parent = RandomNumberGenerator.GetBytes(32);
    private static readonly byte[] Content = "what was written"u8.ToArray();

    private static ColumnValue[] Values() =>
        [ColumnValue.Of("n"), ColumnValue.Of(5), ColumnValue.Of(1), ColumnValue.Null, ColumnValue.Of(0), ColumnValue.Of(new byte[16]), ColumnValue.Of(2)];

    private static byte[] Context(
        Geography? geography = null, ResourceRef? resource = null, ColumnValue[]? values = null, int columns = 7, long version = 1, RecordKind? kind = null)
    {
        var output = new ArrayBufferWriter<byte>();
        Seal.WriteContext(output, geography ?? Europe, resource ?? Resource, kind ?? Kind, values ?? Values(), columns, version);
        return output.WrittenSpan.ToArray();
    }

    private static string Open(SealKey key, byte[] payload, byte[] context)
    {
        var content = new byte[payload.Length];
        return Encoding.UTF8.GetString(content, 0, Seal.Open(key, payload, content, context));
    }

    [Fact]
    public void What_was_sealed_opens_where_it_belongs()
    {
        using var key = SealKey.Of(Owner, Parent);
        using var same = SealKey.Of(Owner, Parent);
        var payload = Seal.Close(key, 7, Content, Context());
        Assert.Equal(Content.Length + Seal.OverheadBytes, payload.Length);
        Assert.Equal("what was written", Open(same, payload, Context()));
        Assert.Equal(7, Seal.ColumnsOf(payload));
        Assert.Equal("", Open(key, Seal.Close(key, 7, [], Context()), Context()));
    }

    [Fact]
    public void A_change_of_any_byte_is_found()
    {
        using var key = SealKey.Of(Owner, Parent);
        var payload = Seal.Close(key, 7, Content, Context());
        for (var i = 0; i < payload.Length; i++)
        {
            foreach (var flip in (byte[])[0x01, 0x80])
            {
                payload[i] ^= flip;

                // More columns than there are: whoever opens rows refuses that before.
                if (Seal.ColumnsOf(payload) <= 7)
                {
                    Assert.Throws<SealBrokenException>(() => Open(key, payload, Context(columns: Seal.ColumnsOf(payload))));
                }

                payload[i] ^= flip;
            }
        }

        Assert.Throws<SealBrokenException>(() => Open(key, payload[..^1], Context()));
        Assert.Throws<SealBrokenException>(() => Open(key, [.. payload, 0], Context()));
        Assert.Throws<SealBrokenException>(() => Open(key, payload[..20], Context()));
        Assert.Throws<SealBrokenException>(() => Open(key, [], Context()));
    }

    [Fact]
    public void A_payload_does_not_open_where_it_does_not_belong()
    {
        using var key = SealKey.Of(Owner, Parent);
        var payload = Seal.Close(key, 7, Content, Context());
        Assert.Throws<SealBrokenException>(() => Open(key, payload, Context(geography: Geography.Parse("India"))));
        Assert.Throws<SealBrokenException>(() => Open(key, payload, Context(resource: Resource with { Id = Guid.NewGuid() })));
        Assert.Throws<SealBrokenException>(() => Open(key, payload, Context(version: 2)));
        Assert.Throws<SealBrokenException>(() => Open(key, payload, Context(kind: Storage.TestJson.Catalogue().Of<Storage.Letter>(), columns: 2)));
        for (var i = 0; i < 7; i++)
        {
            foreach (var other in (ColumnValue[])[ColumnValue.Of(77), ColumnValue.Null, ColumnValue.Of(""), ColumnValue.Of(new byte[15])])
            {
                var values = Values();
                if (values[i] != other && (other.IsNull || other.Type == Kind.Columns[i].Type))
                {
                    values[i] = other;
                    Assert.Throws<SealBrokenException>(() => Open(key, payload, Context(values: values)));
                }
            }
        }
    }

    [Fact]
    public void Values_cannot_be_shifted_between_columns()
    {
        var shifted = Values();
        (shifted[1], shifted[2]) = (shifted[2], shifted[1]);
        Assert.NotEqual(Context(), Context(values: shifted));
        Assert.NotEqual(Context(columns: 6), Context(columns: 7)[..^9]);
    }

    [Fact]
    public void An_older_seal_vouches_for_the_columns_that_it_knew()
    {
        using var key = SealKey.Of(Owner, Parent);
        var payload = Seal.Close(key, 5, Content, Context(columns: 5));
        var values = Values();
        values[6] = ColumnValue.Of(99);
        Assert.Equal("what was written", Open(key, payload, Context(values: values, columns: Seal.ColumnsOf(payload))));
        values[4] = ColumnValue.Of(99);
        Assert.Throws<SealBrokenException>(() => Open(key, payload, Context(values: values, columns: Seal.ColumnsOf(payload))));
    }

    [Fact]
    public void Both_keys_and_their_order_make_the_seal()
    {
        using var key = SealKey.Of(Owner, Parent);
        var payload = Seal.Close(key, 7, Content, Context());
        using var swapped = SealKey.Of(Parent, Owner);
        using var parentOnly = SealKey.Of(Parent);
        using var ownerOnly = SealKey.Of(Owner);
        foreach (var other in (SealKey[])[swapped, parentOnly, ownerOnly])
        {
            Assert.Throws<SealBrokenException>(() => Open(other, payload, Context()));
        }
    }

    [Fact]
    public void Two_seals_of_one_content_have_nothing_in_common()
    {
        using var key = SealKey.Of(Parent);
        var (one, two) = (Seal.Close(key, 7, Content, Context()), Seal.Close(key, 7, Content, Context()));
        Assert.NotEqual(one[3..15], two[3..15]);
        Assert.NotEqual(one[15..], two[15..]);
    }
}
