using System.Text.Json;
using Domicile.Residency;
using Domicile.Server;
using Domicile.Storage;
using Domicile.Tests.Conversations;

namespace Domicile.Tests.Server;

public sealed class InventoryChangesTests
{
    private static readonly DataInventory Inventory = DataInventory.Of(ProductModules.Catalogue(), ScaleUnitAdministration.EngineTables);
    private static readonly DateOnly Day = new(2026, 3, 1);

    private static string Json => Path.Combine(Repository.Root, "docs", "data-inventory-changes.json");

    private static string Document => Path.Combine(Repository.Root, "docs", "data-inventory-changes.md");

    /// <summary>With <c>DOMICILE_WRITE_DOCS=1</c> this records what changed, with the day, instead of comparing.</summary>
    [Fact]
    public void Every_change_of_the_inventory_is_recorded()
    {
        var history = File.Exists(Json) ? Read(File.ReadAllText(Json)) : null;
        if (Environment.GetEnvironmentVariable("DOMICILE_WRITE_DOCS") == "1")
        {
            var today = DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime);
            history = history?.With(Inventory, today) ?? InventoryHistory.Begin(Inventory, today);
            File.WriteAllText(Json, history.ToJson());
            File.WriteAllText(Document, history.ToMarkdown());
        }

        Assert.NotNull(history);
        Assert.True(
            history.ChangesTo(Inventory).Count == 0,
            $"What is kept has changed, and no entry says so: {string.Join(", ", history.ChangesTo(Inventory))}. Run this test with DOMICILE_WRITE_DOCS=1 and commit docs/data-inventory-changes.*.");
        Assert.True(
            File.ReadAllText(Json) == history.ToJson() && File.Exists(Document) && File.ReadAllText(Document) == history.ToMarkdown(),
            "docs/data-inventory-changes.* are stale: run this test with DOMICILE_WRITE_DOCS=1 and commit them.");
    }

    [Fact]
    public void Versions_are_numbered_without_gaps_and_dated_in_order()
    {
        var versions = Read(File.ReadAllText(Json)).Versions;
        Assert.Equal(Enumerable.Range(1, versions.Count).Reverse(), versions.Select(version => version.Version));
        Assert.Equal(versions.Select(version => version.Date).OrderDescending(), versions.Select(version => version.Date));
        Assert.All(versions.SkipLast(1), version => Assert.NotEmpty(version.Changes));
    }

    public static TheoryData<string, string> Edits => new()
    {
        { "category", "a.kind: category: Content → Usage" },
        { "exposure", "a.kind: exposure: stored → cached" },
        { "place", "a.kind: rests in: the store → elsewhere" },
        { "parent", "a.kind: belongs to: a.parent → " },
        { "sealed", "a.kind: sealed under: the key → nothing" },
        { "kept", "a.kind: kept: 30 days → 60 days" },
        { "erasure", "a.kind: when its person is erased: deleted → kept" },
        { "note", "a.kind: note:  → a note" },
        { "plain", "a.kind.Text: at rest: sealed → plain, a.kind.Text: reason:  → why" },
        { "whose", "a.kind.Text: whose: owner → mentioned" },
        { "field added", "a.kind.More: added:  → sealed" },
        { "field removed", "a.kind.Text: removed: sealed; owner → " },
        { "kind added", "b.kind: added:  → Content; kept 30 days; sealed under the key; when its person is erased: deleted" },
        { "kind removed", "a.kind: removed: Content; kept 30 days; sealed under the key; when its person is erased: deleted → " },
        { "table", "a table: purpose: for something → for more" },
    };

    [Theory]
    [MemberData(nameof(Edits))]
    public void A_change_of_what_is_kept_why_or_how_long_is_told(string edit, string expected)
    {
        var field = new InventoryField("Text", true, "owner", null);
        var kind = new InventoryKind("a.kind", "Content", "stored", "the store", "a.parent", "the key", "30 days", "deleted", null, [field]);
        var table = new InventoryTable("a table", "for something");
        var before = new DataInventory([kind], [table]);
        var after = edit switch
        {
            "category" => before with { Kinds = [kind with { Category = "Usage" }] },
            "exposure" => before with { Kinds = [kind with { Exposure = "cached" }] },
            "place" => before with { Kinds = [kind with { RestsIn = "elsewhere" }] },
            "parent" => before with { Kinds = [kind with { Parent = null }] },
            "sealed" => before with { Kinds = [kind with { SealedUnder = "nothing" }] },
            "kept" => before with { Kinds = [kind with { Retention = "60 days" }] },
            "erasure" => before with { Kinds = [kind with { Erasure = "kept" }] },
            "note" => before with { Kinds = [kind with { Note = "a note" }] },
            "plain" => before with { Kinds = [kind with { Fields = [field with { IsSealed = false, Reason = "why" }] }] },
            "whose" => before with { Kinds = [kind with { Fields = [field with { Subject = "mentioned" }] }] },
            "field added" => before with { Kinds = [kind with { Fields = [field, new("More", true, null, null)] }] },
            "field removed" => before with { Kinds = [kind with { Fields = [] }] },
            "kind added" => before with { Kinds = [kind, kind with { Kind = "b.kind" }] },
            "kind removed" => before with { Kinds = [] },
            _ => before with { OtherTables = [table with { Purpose = "for more" }] },
        };
        var first = InventoryHistory.Begin(before, Day);

        var second = first.With(after, Day.AddDays(1));

        Assert.Equal(expected, string.Join(", ", second.Versions[0].Changes.Select(change => $"{change.Subject}: {change.What}: {change.Before} → {change.After}")));
        Assert.Equal((2, Day.AddDays(1)), (second.Versions[0].Version, second.Versions[0].Date));
        Assert.Empty(second.ChangesTo(after));
        Assert.Same(second, second.With(after, Day.AddDays(2)));
        Assert.Equal(second.ToJson(), Read(second.ToJson()).ToJson());
        Assert.Contains("## Version 2, 2026-03-02", second.ToMarkdown(), StringComparison.Ordinal);
    }

    [Fact]
    public void No_member_of_the_inventory_is_left_out_of_the_comparison()
    {
        // What is compared is written out, so that it reads as words; this holds it against the types.
        Assert.Equal(10, typeof(InventoryKind).GetProperties().Length);
        Assert.Equal(4, typeof(InventoryField).GetProperties().Length);
        Assert.Equal(2, typeof(InventoryTable).GetProperties().Length);
        Assert.Equal(3, typeof(DataInventory).GetProperties().Length);
        Assert.Equal(3, typeof(InventoryAct).GetProperties().Length);
    }

    private static InventoryHistory Read(string json) => JsonSerializer.Deserialize(json, InventoryJson.Default.InventoryHistory)!;
}
