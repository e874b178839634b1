using Domicile.Residency;
using Domicile.Server;
using Domicile.Storage;

namespace Domicile.Tests.Residency;

public sealed class ProcessingRecordTests
{
    private static readonly DataInventory Inventory = DataInventory.Of(ProductModules.Catalogue(), ScaleUnitAdministration.EngineTables);

    private static readonly ProcessingRecord Record = new(Inventory, Geography.Parse("Europe"));

    [Fact]
    public void Every_kind_that_concerns_a_person_is_in_it_with_its_time_limit_and_the_others_are_not()
    {
        var (document, table) = (Record.ToMarkdown(), Record.ToCsv());
        foreach (var kind in Inventory.Kinds)
        {
            var isPersonal = kind.Category is "Content" or "Identity" || kind.Fields.Any(field => field.Subject is not null);
            Assert.Equal(isPersonal, document.Contains($"| {kind.Kind} |", StringComparison.Ordinal));
            Assert.Equal(isPersonal, table.Contains($"\"{kind.Kind}\"", StringComparison.Ordinal));
            if (isPersonal)
            {
                Assert.Contains(kind.Retention, document, StringComparison.Ordinal);
                Assert.Contains(kind.Retention, table, StringComparison.Ordinal);
            }
        }

        Assert.Contains("sender display name", document, StringComparison.Ordinal);
    }

    [Fact]
    public void What_only_the_organisation_knows_is_left_open_and_marked_so() =>
        Assert.Equal(3, Record.ToMarkdown().Split("[to be filled in by the organisation]").Length - 1);

    [Fact]
    public void The_table_has_as_many_cells_in_every_line()
    {
        var lines = Record.ToCsv().Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.True(lines.Length > 3);
        Assert.All(lines, line => Assert.Equal(12, line.Split("\",\"").Length));
        Assert.All(lines, line => Assert.True(line.StartsWith('"') && line.EndsWith('"')));
    }

    [Fact]
    public void A_quotation_mark_and_a_line_between_cells_do_no_harm()
    {
        var kind = new InventoryKind("a.kind", "Content", "stored", "the store", null, "the key", "\"30\" | days", "deleted", null, [new("Text", true, "owner", null)]);
        var record = new ProcessingRecord(new DataInventory([kind], []), Geography.Parse("Europe"));
        Assert.Contains("\"\"\"30\"\" | days\"", record.ToCsv(), StringComparison.Ordinal);
        Assert.Contains("\"30\" \\| days |", record.ToMarkdown(), StringComparison.Ordinal);
    }

    [Fact]
    public void Every_category_has_a_purpose() =>
        Assert.All(Enum.GetValues<DataCategory>(), category => Assert.StartsWith("to ", ProcessingRecord.PurposeOf(category), StringComparison.Ordinal));
}
