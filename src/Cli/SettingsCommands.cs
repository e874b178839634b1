using System.CommandLine;

namespace Domicile.Cli;

/// <summary><c>domicile resource settings</c>: what a customer chooses for a resource.</summary>
internal static class SettingsCommands
{
    /// <summary>The commands.</summary>
    public static Command Describe(CommonOptions options, Terminal terminal) =>
        new Verb("settings", "What is chosen for a resource: rate limits, receipts and typing in large threads, audited messages, idle threads.", "resource settings show demo --geography Europe")
        {
            Show(options, terminal),
            Set(options, terminal),
        };

    private static Verb Show(CommonOptions options, Terminal terminal)
    {
        var resource = CommonOptions.Resource();
        var verb = new Verb("show", "Prints the settings.", "resource settings show demo --geography Europe")
        {
            resource, options.Geography, options.Data, options.Json,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            Write(await client.Get(AdminRoles.ForLooking, PathOf(found), AdminJson.Default.ResourceSettings, cancel), parsed.GetValue(options.Json), terminal);
        });
        return verb;
    }

    private static Verb Set(CommonOptions options, Terminal terminal)
    {
        var resource = CommonOptions.Resource();
        var rates = new Option<string?>("--rates") { HelpName = "generous|acs", Description = "The rate limits: generous, or those that ACS publishes, so that an application meets them before production does" };
        rates.AcceptOnlyFromAmong(StringComparer.OrdinalIgnoreCase, "generous", "acs");
        var receipts = CommonOptions.Number("--receipts-up-to", "N", "Participants up to which a thread has read receipts", 0, 250);
        var typing = CommonOptions.Number("--typing-up-to", "N", "Participants up to which a thread has typing notifications", 0, 250);
        var audit = new Option<string?>("--audit-messages") { HelpName = "yes|no", Description = "Whether every message that is sent is written into the audit log, by its digest" };
        audit.AcceptOnlyFromAmong(StringComparer.OrdinalIgnoreCase, "yes", "no");
        var idle = CommonOptions.Number("--idle-threads-days", "N", "Days without a message or a change of members after which a thread is deleted; 0 for never", 0, 3650);
        var verb = new Verb(
            "set",
            "Changes settings; what is not named stays.",
            "resource settings set demo --geography Europe --rates acs",
            "resource settings set demo --geography Europe --idle-threads-days 0")
        {
            resource, rates, receipts, typing, audit, idle, options.Geography, options.Data, options.Json,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            var change = new ResourceSettings(
                parsed.GetValue(rates)?.ToLowerInvariant(), parsed.GetValue(receipts), parsed.GetValue(typing), parsed.GetValue(audit)?.Equals("yes", StringComparison.OrdinalIgnoreCase), parsed.GetValue(idle));
            if (change is { RateProfile: null, ReceiptsInThreadsUpTo: null, TypingInThreadsUpTo: null, AuditMessages: null, IdleThreadsDeletedAfterDays: null })
            {
                throw new CommandFailure("Name at least one setting to change, such as --rates acs.");
            }

            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            var changed = await client.Patch(
                AdminRoles.ForChanges, PathOf(found), AdminJson.Default.ResourceSettings, change, AdminJson.Default.ResourceSettings, cancel);
            Write(changed, parsed.GetValue(options.Json), terminal);
        });
        return verb;
    }

    private static string PathOf(ResourceReply resource) => $"{Installation.ResourcePath(resource.Id)}/settings";

    private static void Write(ResourceSettings settings, bool json, Terminal terminal)
    {
        if (json)
        {
            terminal.Json(settings, AdminJson.Readable.ResourceSettings);
            return;
        }

        var table = new Table();
        table.Add("Rate limits", settings.RateProfile ?? "");
        table.Add("Read receipts in threads of up to", $"{settings.ReceiptsInThreadsUpTo} participants");
        table.Add("Typing notifications in threads of up to", $"{settings.TypingInThreadsUpTo} participants");
        table.Add("Sent messages are audited", settings.AuditMessages == true ? "yes" : "no");
        table.Add("Idle threads are deleted", settings.IdleThreadsDeletedAfterDays == 0 ? "never" : $"after {settings.IdleThreadsDeletedAfterDays} days");
        table.Write(terminal.Output);
    }
}
