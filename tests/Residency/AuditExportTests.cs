using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Domicile.Residency;

namespace Domicile.Tests.Residency;

/// <summary>An exported log under the hands of somebody who wants something not to have happened.</summary>
public sealed class AuditExportTests
{
    private const string Origin = "domicile-audit/europe/01";
    private static readonly NoteSigner Signer = new(Origin, SHA256.HashData("log"u8));
    private static readonly NoteSigner Forger = new(Origin, SHA256.HashData("forger"u8));
    private static readonly DateTimeOffset Began = new(2026, 6, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void An_untouched_log_is_found_right_with_what_is_withheld_counted()
    {
        var log = Log(20);
        Withhold(log[3], "erased", "salt", "content");
        Withhold(log[4], "expired", "salt", "content", "commitment", "at", "act", "actNumber");
        var export = Verify(log, [Checkpoint(log, 0), Checkpoint(log, 7), Checkpoint(log, 20)]);

        Assert.Empty(export.Faults);
        Assert.Equal((20, 18), (export.Entries, export.Opened));
        Assert.Equal(1, export.Withheld["erased"]);
        Assert.Equal(1, export.Withheld["expired"]);
        Assert.Equal("unwitnessed since 2026-06-01T12:00:00+00:00", export.Witnessed);
        Assert.True(export.IsKeyFromFile);
    }

    [Theory]
    [InlineData("content", "\"another\"")]
    [InlineData("salt", "\"AAAAAAAAAAAAAAAAAAAAAA==\"")]
    [InlineData("at", "\"2026-06-01T12:00:00.001Z\"")]
    [InlineData("act", "\"key.regenerated\"")]
    [InlineData("actNumber", "15")]
    [InlineData("commitment", "\"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\"")]
    [InlineData("leaf", "\"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\"")]
    [InlineData("leaf", "null")]
    [InlineData("commitment", "7")]
    [InlineData("index", "6")]
    public void A_changed_entry_is_found(string member, string value)
    {
        var log = Log(9);
        log[5][member] = JsonNode.Parse(value);
        Assert.NotEmpty(Verify(log).Faults);
    }

    [Fact]
    public void An_entry_that_was_made_anew_in_all_its_parts_is_found_by_the_root()
    {
        var log = Log(9);
        log[5] = Entry(5, "what did not happen");
        var fault = Assert.Single(Verify(log, signedBefore: Log(9)).Faults);
        Assert.Contains("9 entries", fault, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_removed_entry_is_found(bool numberedAnew)
    {
        var log = Log(9);
        log.RemoveAt(4);
        Renumber(log, numberedAnew);
        Assert.NotEmpty(Verify(log, signedBefore: Log(9)).Faults);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Entries_that_changed_places_are_found(bool numberedAnew)
    {
        var log = Log(9);
        (log[2], log[6]) = (log[6], log[2]);
        Renumber(log, numberedAnew);
        Assert.NotEmpty(Verify(log, signedBefore: Log(9)).Faults);
    }

    [Fact]
    public void A_log_that_ends_early_is_found_by_its_own_checkpoint()
    {
        var log = Log(9);
        log.RemoveRange(7, 2);
        Assert.Contains("cut off", Assert.Single(Verify(log, signedBefore: Log(9)).Faults), StringComparison.Ordinal);
    }

    [Fact]
    public void A_log_that_ends_early_and_was_signed_again_is_found_by_a_checkpoint_that_was_kept()
    {
        var whole = Log(9);
        var cut = Log(9)[..6];
        Assert.Empty(Verify(cut).Faults);
        Assert.Contains("cut off", Assert.Single(Verify(cut, [Checkpoint(whole, 9)]).Faults), StringComparison.Ordinal);
    }

    [Fact]
    public void A_log_that_was_made_anew_and_signed_again_is_found_by_a_checkpoint_that_was_kept()
    {
        var anew = Log(9);
        anew[1] = Entry(1, "another story");
        Assert.Empty(Verify(anew).Faults);
        Assert.Single(Verify(anew, [Checkpoint(Log(9), 4)]).Faults);
        Assert.Empty(Verify(anew, [Checkpoint(Log(9), 1)]).Faults);
    }

    [Fact]
    public void Somebody_elses_key_is_found()
    {
        var log = Log(3);
        Assert.NotEmpty(AuditExport.Verify(File(log, Checkpoint(log, 3, signer: Forger)), [], Signer.Key).Faults);
        Assert.NotEmpty(AuditExport.Verify(File(log, Checkpoint(log, 3)), [Checkpoint(log, 2, signer: Forger)], Signer.Key).Faults);
        var given = AuditExport.Verify(File(log, Checkpoint(log, 3)), [], Signer.Key);
        Assert.Empty(given.Faults);
    }

    [Fact]
    public void After_a_restore_a_checkpoint_of_the_log_before_says_what_was_lost()
    {
        var log = Log(3);
        var before = new AuditCheckpoint("domicile-audit/europe/00", 50, MerkleHash.Empty, Began);
        var held = new SignedNote(before.ToText(), [Signer.Sign(before.ToText())]).ToString();
        var continuing = Checkpoint(log, 3, new AuditPredecessor("domicile-audit/europe/00", 50, MerkleHash.Empty));
        Assert.Empty(AuditExport.Verify(File(log, continuing), [held], null).Faults);
        var losing = Checkpoint(log, 3, new AuditPredecessor("domicile-audit/europe/00", 40, MerkleHash.Empty));
        Assert.Contains("lost", Assert.Single(AuditExport.Verify(File(log, losing), [held], null).Faults), StringComparison.Ordinal);
        Assert.Contains("another log", Assert.Single(AuditExport.Verify(File(log, Checkpoint(log, 3)), [held], null).Faults), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("nothing")]
    [InlineData("[]")]
    [InlineData("""{"format":"domicile-audit/1"}""")]
    [InlineData("""{"format":"domicile-audit/1","publicKey":7,"checkpoint":[]}""")]
    public void What_is_no_exported_log_is_said_to_be_none(string file)
    {
        Assert.Single(AuditExport.Verify(new StringReader(file), [], null).Faults);
        Assert.Single(AuditExport.Verify(new StringReader(file), [], Signer.Key).Faults);
    }

    [Theory]
    [InlineData("{")]
    [InlineData("[1]")]
    [InlineData("")]
    public void A_line_that_is_no_entry_is_found(string line)
    {
        var log = Log(3);
        var file = File(log, Checkpoint(log, 3)).ReadToEnd() + line + "\n{}\n";
        Assert.NotEmpty(AuditExport.Verify(new StringReader(file), [], null).Faults);
    }

    private static AuditExport Verify(List<JsonObject> log, IReadOnlyList<string>? held = null, List<JsonObject>? signedBefore = null) =>
        AuditExport.Verify(File(log, Checkpoint(signedBefore ?? log, (signedBefore ?? log).Count)), held ?? [], null);

    private static StringReader File(List<JsonObject> log, string checkpoint)
    {
        var head = new JsonObject { ["format"] = AuditExport.Format, ["publicKey"] = Signer.Key.ToString(), ["beganOn"] = JsonSerializer.SerializeToNode(Began), ["checkpoint"] = checkpoint };
        return new StringReader(string.Concat(log.Prepend(head).Select(line => line.ToJsonString() + "\n")));
    }

    private static string Checkpoint(List<JsonObject> log, int size, AuditPredecessor? continues = null, NoteSigner? signer = null)
    {
        var edge = new MerkleEdge();
        foreach (var entry in log.Take(size))
        {
            edge.Append(Bytes(entry));
        }

        var text = new AuditCheckpoint(Origin, size, edge.Root, Began) { Continues = continues }.ToText();
        return new SignedNote(text, [(signer ?? Signer).Sign(text)]).ToString();
    }

    /// <summary>What stands as the entry's hash, or a hash of nothing where a test took it away.</summary>
    private static byte[] Bytes(JsonObject entry) => entry["leaf"] is { } leaf ? Convert.FromBase64String(leaf.GetValue<string>()) : MerkleHash.Empty;

    private static List<JsonObject> Log(int count) => [.. Enumerable.Range(0, count).Select(i => Entry(i, $"entry {i}"))];

    private static JsonObject Entry(int index, string content)
    {
        var salt = SHA256.HashData(BitConverter.GetBytes(index))[..AuditLeaf.SaltBytes];
        var leaf = new AuditLeaf(Began.AddMinutes(index), AuditedAct.TokensRevoked.Number, AuditLeaf.Commit(salt, content));
        return new JsonObject
        {
            ["index"] = index,
            ["leaf"] = Convert.ToBase64String(leaf.Hash()),
            ["at"] = leaf.At.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", System.Globalization.CultureInfo.InvariantCulture),
            ["act"] = AuditedAct.TokensRevoked.Name,
            ["actNumber"] = leaf.Act,
            ["commitment"] = Convert.ToBase64String(leaf.Commitment),
            ["salt"] = Convert.ToBase64String(salt),
            ["content"] = content,
        };
    }

    private static void Withhold(JsonObject entry, string why, params string[] members)
    {
        foreach (var member in members)
        {
            entry.Remove(member);
        }

        entry["withheld"] = why;
    }

    private static void Renumber(List<JsonObject> log, bool really)
    {
        for (var i = 0; really && i < log.Count; i++)
        {
            log[i]["index"] = i;
        }
    }
}
