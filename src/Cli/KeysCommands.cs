using System.CommandLine;

namespace Domicile.Cli;

/// <summary><c>domicile resource keys</c>: the secrets that applications sign with.</summary>
internal static class KeysCommands
{
    /// <summary>The commands.</summary>
    public static Command Describe(CommonOptions options, Terminal terminal) =>
        new Verb("keys", "A resource's two access keys. Either works, so that one can be replaced while applications use the other.", "resource keys show demo --geography Europe")
        {
            Show(options, terminal),
            Regenerate(options, terminal),
        };

    private static Verb Show(CommonOptions options, Terminal terminal)
    {
        var resource = CommonOptions.Resource();
        var verb = new Verb("show", "Prints the access keys and connection strings. They are secrets.", "resource keys show demo --geography Europe")
        {
            resource, options.Geography, options.Data, options.Json,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            var keys = await client.Get(AdminRoles.ForChanges, $"{Installation.ResourcePath(found.Id)}/keys", AdminJson.Default.KeysReply, cancel);
            Write(keys, parsed.GetValue(options.Json), terminal);
        });
        return verb;
    }

    private static Verb Regenerate(CommonOptions options, Terminal terminal)
    {
        var resource = CommonOptions.Resource();
        var key = new Option<string>("--key") { HelpName = "primary|secondary", Description = "Which of the two", Required = true };
        key.AcceptOnlyFromAmong(StringComparer.OrdinalIgnoreCase, "primary", "secondary");
        var verb = new Verb(
            "regenerate",
            "Replaces one access key. The old one stops working at once, and what was issued with it is revoked.",
            "resource keys regenerate demo --geography Europe --key secondary")
        {
            resource, key, options.Geography, options.Data, options.Json,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            var keyType = parsed.GetRequiredValue(key).Equals("primary", StringComparison.OrdinalIgnoreCase) ? "Primary" : "Secondary";
            var keys = await client.Post(
                AdminRoles.ForChanges,
                $"{Installation.ResourcePath(found.Id)}/keys:regenerate",
                AdminJson.Default.RegenerateRequest,
                new RegenerateRequest(keyType),
                AdminJson.Default.KeysReply,
                cancel);
            Write(keys, parsed.GetValue(options.Json), terminal);
        });
        return verb;
    }

    private static void Write(KeysReply keys, bool json, Terminal terminal)
    {
        if (json)
        {
            terminal.Json(keys, AdminJson.Readable.KeysReply);
            return;
        }

        var table = new Table();
        table.Add("Primary key", keys.PrimaryKey);
        table.Add("Primary connection string", keys.PrimaryConnectionString);
        table.Add("Secondary key", keys.SecondaryKey);
        table.Add("Secondary connection string", keys.SecondaryConnectionString);
        table.Write(terminal.Output);
    }
}
