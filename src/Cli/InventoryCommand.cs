using System.CommandLine;

namespace Domicile.Cli;

/// <summary><c>domicile inventory</c>: which kinds of data the running server keeps, as it says itself.</summary>
internal static class InventoryCommand
{
    /// <summary>The command.</summary>
    public static Command Describe(CommonOptions options, Terminal terminal)
    {
        var record = new Option<string>("--article-30") { HelpName = "md|csv", Description = "The record of processing activities (GDPR article 30) instead, as far as the platform knows it" };
        record.AcceptOnlyFromAmong("md", "csv");
        var changes = new Option<bool>("--changes") { Description = "What changed in the published inventory, and when, instead" };
        var verb = new Verb(
            "inventory",
            "Prints the live data inventory: every kind of record, whose it is, what is sealed, how long it lives.",
            "inventory --geography Europe",
            "inventory --json",
            "inventory --article-30 md --geography Europe",
            "inventory --changes")
        {
            record, changes, options.Geography, options.Data, options.Json,
        };
        verb.Validators.Add(result =>
        {
            if (result.GetValue(record) is not null && (result.GetValue(changes) || result.GetValue(options.Json)))
            {
                result.AddError("--article-30 stands alone: it is md or csv, neither JSON nor a list of changes.");
            }
        });
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            if (parsed.GetValue(record) is { } format)
            {
                var keeper = installation.Client(parsed.GetValue(options.Geography), "The record of processing activities is of one geography.");
                terminal.Output.Write(await keeper.Text(AdminRoles.ForLooking, $"inventory/article30?format={format}", cancel));
                return;
            }

            var path = parsed.GetValue(changes) ? "inventory/changes" : "inventory";
            var inventories = new List<GeographyInventory>();
            foreach (var client in installation.Clients(parsed.GetValue(options.Geography)))
            {
                inventories.Add(new(client.Geography, await client.Get(AdminRoles.ForLooking, path, AdminJson.Default.JsonElement, cancel)));
            }

            if (parsed.GetValue(options.Json))
            {
                terminal.Json(inventories, AdminJson.Readable.IReadOnlyListGeographyInventory);
                return;
            }

            foreach (var (geography, inventory) in inventories)
            {
                terminal.Output.WriteLine($"{Table.Clean(geography)}:");
                Print.Text(terminal.Output, parsed.GetValue(changes) ? inventory.GetProperty("versions") : inventory, "  ");
                terminal.Output.WriteLine();
            }
        });
        return verb;
    }
}
