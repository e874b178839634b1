using System.CommandLine;

namespace Domicile.Cli;

/// <summary><c>domicile inventory</c>: which kinds of data the running server keeps, as it says itself.</summary>
internal static class InventoryCommand
{
    /// <summary>The command.</summary>
    public static Command Describe(CommonOptions options, Terminal terminal)
    {
        var verb = new Verb(
            "inventory",
            "Prints the live data inventory: every kind of record, whose it is, what is sealed, how long it lives.",
            "inventory --geography Europe",
            "inventory --json")
        {
            options.Geography, options.Data, options.Json,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var inventories = new List<GeographyInventory>();
            foreach (var client in installation.Clients(parsed.GetValue(options.Geography)))
            {
                inventories.Add(new(client.Geography, await client.Get(AdminRoles.ForLooking, "inventory", AdminJson.Default.JsonElement, cancel)));
            }

            if (parsed.GetValue(options.Json))
            {
                terminal.Json(inventories, AdminJson.Readable.IReadOnlyListGeographyInventory);
                return;
            }

            foreach (var (geography, inventory) in inventories)
            {
                terminal.Output.WriteLine($"{Table.Clean(geography)}:");
                Print.Text(terminal.Output, inventory, "  ");
                terminal.Output.WriteLine();
            }
        });
        return verb;
    }
}
