using System.Security.Cryptography;
using Domicile.Residency;

namespace Domicile.Tests.Residency;

public sealed class SignedNoteTests
{
    private static readonly NoteSigner Signer = new("domicile-audit/europe/01", SHA256.HashData("one"u8));
    private static readonly NoteSigner Other = new("domicile-audit/europe/01", SHA256.HashData("other"u8));
    private static readonly AuditCheckpoint Checkpoint = new("domicile-audit/europe/01", 7, MerkleHash.Empty, new DateTimeOffset(2026, 6, 1, 12, 0, 0, TimeSpan.Zero));

    [Fact]
    public void A_note_is_read_as_it_was_written_and_its_signature_holds()
    {
        var note = new SignedNote(Checkpoint.ToText(), [Signer.Sign(Checkpoint.ToText())]).With(Other.Sign(Checkpoint.ToText()));
        Assert.True(SignedNote.TryParse(note.ToString(), out var read));
        Assert.Equal(note.ToString(), read.ToString());
        Assert.True(Signer.Key.HasSigned(read));
        Assert.True(NoteKey.TryParse(Signer.Key.ToString(), out var key));
        Assert.True(key.HasSigned(read));
    }

    [Fact]
    public void A_checkpoint_has_the_lines_of_the_published_format()
    {
        Assert.Equal("domicile-audit/europe/01\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nsigned 2026-06-01T12:00:00Z\n", Checkpoint.ToText());
        var after = Checkpoint with { Continues = new AuditPredecessor("domicile-audit/europe/00", 3, MerkleHash.Empty) };
        Assert.True(AuditCheckpoint.TryParse(after.ToText(), out var read));
        Assert.Equal("domicile-audit/europe/00", read.Continues!.Origin);
        Assert.Equal(after.ToText(), read.ToText());
    }

    [Fact]
    public void A_changed_text_or_anothers_signature_does_not_hold()
    {
        var text = Checkpoint.ToText();
        var signature = Signer.Sign(text);
        Assert.False(Signer.Key.HasSigned(new SignedNote(text.Replace("\n7\n", "\n8\n", StringComparison.Ordinal), [signature])));
        Assert.False(Signer.Key.HasSigned(new SignedNote(text, [Other.Sign(text)])));
        Assert.False(Signer.Key.HasSigned(new SignedNote(text, [signature with { Name = "somebody/else" }])));
        Assert.False(Signer.Key.HasSigned(new SignedNote(text, [new NoteSignature(signature.Name, [.. Signer.Key.Id, 1, 2, 3])])));
        Assert.False(Signer.Key.HasSigned(new SignedNote(text, [])));
    }

    [Theory]
    [InlineData("")]
    [InlineData("text\n")]
    [InlineData("text\n\n")]
    [InlineData("text\n\n— name AAAA\n")]
    [InlineData("text\n\n— name ====\n")]
    [InlineData("text\n\n- name AAAAAAAAAAAA\n")]
    [InlineData("text\n\n— na me AAAAAAAAAAAA\n")]
    [InlineData("text\r\n\n— name AAAAAAAAAAAA\n")]
    [InlineData("text\n\n— name AAAAAAAAAAAA")]
    public void What_is_no_note_is_refused(string text) => Assert.False(SignedNote.TryParse(text, out _));

    [Theory]
    [InlineData("")]
    [InlineData("name")]
    [InlineData("name+00000000+AA==")]
    [InlineData("name+00000000+AgAAAA==")]
    [InlineData("na me+00000000+AgAAAA==")]
    public void What_is_no_key_is_refused(string text) => Assert.False(NoteKey.TryParse(text, out _));

    [Fact]
    public void A_key_whose_id_is_not_its_own_is_refused() =>
        Assert.False(NoteKey.TryParse(Signer.Key.ToString().Replace($"+{Convert.ToHexStringLower(Signer.Key.Id)}+", "+00000000+", StringComparison.Ordinal), out _));

    [Theory]
    [InlineData("origin\n-1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nsigned 2026-06-01T12:00:00Z\n")]
    [InlineData("origin\n007\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nsigned 2026-06-01T12:00:00Z\n")]
    [InlineData("origin\n7\nAAAA\nsigned 2026-06-01T12:00:00Z\n")]
    [InlineData("origin\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nsigned yesterday\n")]
    [InlineData("origin\n7\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nsigned 2026-06-01T12:00:00Z\nanything\n")]
    [InlineData("origin\n7\n")]
    public void What_is_no_checkpoint_is_refused(string text) => Assert.False(AuditCheckpoint.TryParse(text, out _));
}
