using System.CommandLine;

namespace Domicile.Cli;

/// <summary><c>domicile token</c>: a short-lived token for the administration API.</summary>
internal static class TokenCommand
{
    /// <summary>Long enough for a task, short enough to lose.</summary>
    private const int UsualMinutes = 15;

    /// <summary>The command.</summary>
    public static Command Describe(CommonOptions options, Terminal terminal)
    {
        var role = new Option<string>("--role") { HelpName = string.Join('|', AdminRoles.All), Description = "What the token may do", Required = true };
        role.AcceptOnlyFromAmong(AdminRoles.All);
        var minutes = CommonOptions.Number("--minutes", "N", $"How long it works. Default: {UsualMinutes}", 1, 24 * 60);
        var verb = new Verb(
            "token",
            "Mints a short-lived administrator token for one geography and prints it. It is a secret.",
            "token --role reader --geography Europe",
            "token --role privacy --geography Europe --minutes 5 --json")
        {
            role, options.Geography, minutes, options.Data, options.Json,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var client = installation.Client(parsed.GetValue(options.Geography), "A token is good for one geography.");
            var token = await client.Mint(parsed.GetRequiredValue(role), parsed.GetValue(minutes) ?? UsualMinutes, cancel);
            if (parsed.GetValue(options.Json))
            {
                var endpoint = client.Origin.GetLeftPart(UriPartial.Authority);
                terminal.Json(new MintedToken(token.Token, token.Role, token.ExpiresOn, client.Geography, endpoint), AdminJson.Readable.MintedToken);
                return;
            }

            // Alone on standard output, for TOKEN=$(domicile token ...).
            terminal.Output.WriteLine(token.Token);
            if (terminal.Interactive)
            {
                terminal.Error.WriteLine($"Role {token.Role}, until {Print.Time(token.ExpiresOn)}, at {client.Origin.GetLeftPart(UriPartial.Authority)}: send it as 'Authorization: Bearer ...'.");
            }
        });
        return verb;
    }
}
