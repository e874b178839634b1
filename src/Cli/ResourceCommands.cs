using System.CommandLine;

namespace Domicile.Cli;

/// <summary><c>domicile resource</c>: what customers' applications connect to.</summary>
internal static class ResourceCommands
{
    /// <summary>The commands.</summary>
    public static Command Describe(CommonOptions options, Terminal terminal) =>
        new Verb("resource", "Communication Services resources: each has one origin, two access keys and a geography that never changes.", "resource list", "resource create shop --geography Europe")
        {
            Create(options, terminal),
            List(options, terminal),
            Show(options, terminal),
            Delete(options, terminal),
            KeysCommands.Describe(options, terminal),
            SettingsCommands.Describe(options, terminal),
        };

    private static Verb Create(CommonOptions options, Terminal terminal)
    {
        var name = new Argument<string>("NAME") { Description = "Its name, which becomes part of its host name" };
        var id = new Option<Guid?>("--id")
        {
            HelpName = "GUID",
            Description = "Keeps the id of an ACS resource, so that user ids which applications have stored stay valid",
            CustomParser = result =>
            {
                var text = result.Tokens.Count == 1 ? result.Tokens[0].Value : "";
                if (Guid.TryParseExact(text, "D", out var given) && given != Guid.Empty)
                {
                    return given;
                }

                result.AddError($"--id takes the id of an ACS resource, such as 0f8fad5b-d9cb-469f-a165-70867728950e, not '{text}'. It is its 'immutableResourceId'.");
                return null;
            },
        };
        var verb = new Verb(
            "create",
            "Creates a resource in one geography.",
            "resource create shop --geography Europe",
            "resource create shop --geography 'United States' --id 0f8fad5b-d9cb-469f-a165-70867728950e")
        {
            name, options.Geography, id, options.Data, options.Json,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var client = installation.Client(parsed.GetValue(options.Geography), "Where shall the resource's data rest? That cannot be changed later.");
            var created = await client.Post(
                AdminRoles.ForChanges,
                "resources",
                AdminJson.Default.ResourceRequest,
                new ResourceRequest(parsed.GetRequiredValue(name), parsed.GetValue(id)?.ToString("D")),
                AdminJson.Default.ResourceReply,
                cancel);
            if (parsed.GetValue(options.Json))
            {
                terminal.Json(created, AdminJson.Readable.ResourceReply);
                return;
            }

            Write(terminal, created);
            terminal.Output.WriteLine();
            terminal.Output.WriteLine($"Its connection strings: {terminal.Program} resource keys show {Terminal.Quote(created.Name)} --geography {Terminal.Quote(created.Geography)}");
        });
        return verb;
    }

    private static Verb List(CommonOptions options, Terminal terminal)
    {
        var verb = new Verb("list", "Lists the resources of one geography, or of all.", "resource list", "resource list --geography Europe --json")
        {
            options.Geography, options.Data, options.Json,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var resources = new List<ResourceReply>();
            foreach (var client in installation.Clients(parsed.GetValue(options.Geography)))
            {
                await foreach (var resource in client.List(AdminRoles.ForLooking, "resources", AdminJson.Default.PageResourceReply, cancel))
                {
                    resources.Add(resource);
                }
            }

            if (parsed.GetValue(options.Json))
            {
                terminal.Json(resources, AdminJson.Readable.IReadOnlyListResourceReply);
                return;
            }

            var table = new Table("name", "geography", "endpoint", "id", "created");
            foreach (var resource in resources)
            {
                table.Add(resource.Name, resource.Geography, resource.Endpoint, resource.Id, Print.Time(resource.CreatedOn));
            }

            table.Write(terminal.Output);
        });
        return verb;
    }

    private static Verb Show(CommonOptions options, Terminal terminal)
    {
        var resource = CommonOptions.Resource();
        var verb = new Verb("show", "Shows one resource.", "resource show demo --geography Europe")
        {
            resource, options.Geography, options.Data, options.Json,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (_, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            if (parsed.GetValue(options.Json))
            {
                terminal.Json(found, AdminJson.Readable.ResourceReply);
                return;
            }

            Write(terminal, found);
        });
        return verb;
    }

    private static Verb Delete(CommonOptions options, Terminal terminal)
    {
        var resource = CommonOptions.Resource();
        var yes = new Option<bool>("--yes") { Description = "Do not ask" };
        var verb = new Verb("delete", "Deletes a resource with everything in it. This cannot be undone.", "resource delete shop --geography Europe --yes")
        {
            resource, options.Geography, yes, options.Data,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            if (!parsed.GetValue(yes))
            {
                if (!terminal.Interactive)
                {
                    throw CommandFailure.Usage($"This deletes '{Table.Clean(found.Name)}' in {found.Geography} with everything in it, and nobody is here to ask. Add --yes if that is meant.");
                }

                terminal.Output.Write($"This deletes '{Table.Clean(found.Name)}' in {found.Geography} with everything in it, and cannot be undone. Type its name to go on: ");
                if ((await terminal.Input.ReadLineAsync(cancel))?.Trim() != found.Name)
                {
                    throw new CommandFailure("Nothing was deleted.");
                }
            }

            // By its id: the name may have been given to another resource while the question stood.
            await client.Delete(AdminRoles.ForChanges, Installation.ResourcePath(found.Id), cancel);
            terminal.Output.WriteLine($"Deleted '{Table.Clean(found.Name)}' in {found.Geography}.");
        });
        return verb;
    }

    private static void Write(Terminal terminal, ResourceReply resource)
    {
        var table = new Table();
        table.Add("Name", resource.Name);
        table.Add("Geography", resource.Geography);
        table.Add("Endpoint", resource.Endpoint);
        table.Add("Id", resource.Id);
        table.Add("Created", Print.Time(resource.CreatedOn));
        table.Write(terminal.Output);
    }
}
