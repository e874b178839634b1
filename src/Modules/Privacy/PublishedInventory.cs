using System.Text.Json;
using Domicile.Residency;

namespace Domicile.Modules.Privacy;

/// <summary>The inventory as it was published with this version, and how it came to be so. The file is the one in <c>docs</c>, which a test keeps current.</summary>
internal static class PublishedInventory
{
    private static readonly Lazy<InventoryHistory> Read = new(() =>
    {
        using var file = typeof(PublishedInventory).Assembly.GetManifestResourceStream("data-inventory-changes.json")!;
        return JsonSerializer.Deserialize(file, InventoryJson.Default.InventoryHistory)!;
    });

    /// <summary>The history.</summary>
    public static InventoryHistory History => Read.Value;
}
