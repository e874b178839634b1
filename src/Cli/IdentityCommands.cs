using System.CommandLine;

namespace Domicile.Cli;

/// <summary><c>domicile identity</c>: the users of a resource.</summary>
internal static class IdentityCommands
{
    /// <summary>The commands.</summary>
    public static Command Describe(CommonOptions options, Terminal terminal)
    {
        var resource = new Option<string>("--resource") { HelpName = "NAME|ID", Description = "The resource's name or id", Required = true };
        var list = new Verb("list", "Lists the users of a resource, which ACS cannot.", "identity list --resource demo --geography Europe")
        {
            resource, options.Geography, options.Data, options.Json,
        };
        list.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            var identities = new List<IdentityReply>();
            var pages = client.List(
                AdminRoles.ForIdentities, $"{Installation.ResourcePath(found.Id)}/identities", AdminJson.Default.PageIdentityReply, cancel);
            await foreach (var identity in pages)
            {
                identities.Add(identity);
            }

            if (parsed.GetValue(options.Json))
            {
                terminal.Json(identities, AdminJson.Readable.IReadOnlyListIdentityReply);
                return;
            }

            var table = new Table("id", "created");
            foreach (var identity in identities)
            {
                table.Add(identity.Id, Print.Time(identity.CreatedOn));
            }

            table.Write(terminal.Output);
        });
        return new Verb("identity", "Communication users.", "identity list --resource demo --geography Europe") { list };
    }
}
