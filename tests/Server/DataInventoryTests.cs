using Domicile.Residency;
using Domicile.Server;
using Domicile.Storage;
using Domicile.Tests.Conversations;

namespace Domicile.Tests.Server;

public sealed class DataInventoryTests
{
    private static readonly DataInventory Inventory = DataInventory.Of(ProductModules.Catalogue(), ScaleUnitAdministration.EngineTables);

    /// <summary>With <c>DOMICILE_WRITE_DOCS=1</c> this writes the document instead of comparing it.</summary>
    [Fact]
    public void The_committed_inventory_is_current()
    {
        var path = Path.Combine(Repository.Root, "docs", "data-inventory.md");
        if (Environment.GetEnvironmentVariable("DOMICILE_WRITE_DOCS") == "1")
        {
            File.WriteAllText(path, Inventory.ToMarkdown());
        }

        Assert.True(
            File.Exists(path) && File.ReadAllText(path) == Inventory.ToMarkdown(),
            "docs/data-inventory.md is stale: run this test with DOMICILE_WRITE_DOCS=1 and commit the file.");
    }

    [Fact]
    public void Every_plain_field_says_why() =>
        Assert.DoesNotContain(Inventory.Kinds.SelectMany(kind => kind.Fields), field => !field.IsSealed && string.IsNullOrWhiteSpace(field.Reason));

    [Fact]
    public void Every_member_of_every_record_is_listed()
    {
        foreach (var kind in ProductModules.Catalogue().Kinds)
        {
            var listed = Inventory.Kinds.Single(entry => entry.Kind == kind.Name).Fields.Select(field => field.Name).ToHashSet();
            var members = kind.ClrType.GetProperties()
                .Where(property => property.SetMethod is not null && property.GetCustomAttributes(typeof(VersionAttribute), false).Length == 0)
                .Select(property => property.Name);
            Assert.Empty(members.Except(listed));
        }
    }

    [Fact]
    public void Every_category_has_words() => Assert.All(Enum.GetValues<DataCategory>(), category => Assert.EndsWith(".", InventoryKind.MeaningOf(category), StringComparison.Ordinal));
}
