using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Text.Json;
using Domicile.Modules.Logs;
using Domicile.Residency;

namespace Domicile.Cli;

/// <summary><c>domicile logs</c>: which operation logs a resource keeps, and what is in them.</summary>
internal static class LogsCommands
{
    private const string Continuation = "x-domicile-after";

    /// <summary>The commands.</summary>
    public static Command Describe(CommonOptions options, Terminal terminal) =>
        new Verb("logs", "Operation logs of a resource: which are kept, exporting and purging. What no setting asks for is not kept.", "logs show demo --geography Europe")
        {
            Show(options, terminal),
            new Verb("settings", "Diagnostic settings, up to five: each asks for categories.", "logs settings list demo --geography Europe")
            {
                ListSettings(options, terminal),
                SetSetting(options, terminal),
                DeleteSetting(options, terminal),
            },
            Query(options, terminal),
            ListQueries(options, terminal),
            Export(options, terminal),
            Purge(options, terminal),
        };

    private static Verb Show(CommonOptions options, Terminal terminal)
    {
        var resource = CommonOptions.Resource();
        var verb = new Verb("show", "Shows the categories, their tables, whether they are kept and for how long, and what was dropped.", "logs show demo --geography Europe")
        {
            resource, options.Geography, options.Data, options.Json,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            var status = await client.Get(AdminRoles.ForLooking, $"{Installation.ResourcePath(found.Id)}/logs", AdminJson.Default.LogStatusReply, cancel);
            if (parsed.GetValue(options.Json))
            {
                terminal.Json(status, AdminJson.Readable.LogStatusReply);
                return;
            }

            var table = new Table("category", "table", "kept", "days", "rule");
            foreach (var category in status.Value)
            {
                table.Add(category.Category, category.Table, category.IsOn ? "yes" : "no", category.RetentionDays.ToString(CultureInfo.InvariantCulture), category.RetentionKind);
            }

            table.Write(terminal.Output);
            terminal.Output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Workspace {status.Workspace}. Since it started, the node wrote {status.Written} entries and dropped {status.Dropped}."));
        });
        return verb;
    }

    private static Verb ListSettings(CommonOptions options, Terminal terminal)
    {
        var resource = CommonOptions.Resource();
        var verb = new Verb("list", "Lists the settings.", "logs settings list demo --geography Europe") { resource, options.Geography, options.Data, options.Json };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            var settings = await client.Get(AdminRoles.ForLooking, $"{Installation.ResourcePath(found.Id)}/logs/settings", AdminJson.Default.PageLogSettingReply, cancel);
            if (parsed.GetValue(options.Json))
            {
                terminal.Json(settings.Value, AdminJson.Readable.IReadOnlyListLogSettingReply);
                return;
            }

            var table = new Table("name", "categories");
            foreach (var setting in settings.Value)
            {
                table.Add(setting.Name, setting.AllLogs ? "all" : string.Join(", ", setting.Categories));
            }

            table.Write(terminal.Output);
        });
        return verb;
    }

    private static Verb SetSetting(CommonOptions options, Terminal terminal)
    {
        var resource = CommonOptions.Resource();
        var name = Name();
        var category = new Option<string[]>("--category") { HelpName = "CATEGORY", Description = "A category, such as ChatOperational; may be given several times" };
        var all = new Option<bool>("--all") { Description = "All categories, those of later versions included" };
        var verb = new Verb(
            "set",
            "Sets what is kept from now on. What happened before is in no log.",
            "logs settings set demo operations --category ChatOperational --category AuthOperational --geography Europe",
            "logs settings set demo everything --all --geography Europe")
        {
            resource, name, category, all, options.Geography, options.Data, options.Json,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            var body = new LogSettingBody(parsed.GetValue(category), parsed.GetValue(all) ? true : null);
            var set = await client.Put(
                AdminRoles.ForLogging, SettingPath(found.Id, parsed.GetRequiredValue(name)), AdminJson.Default.LogSettingBody, body, AdminJson.Default.LogSettingReply, cancel);
            if (parsed.GetValue(options.Json))
            {
                terminal.Json(set, AdminJson.Readable.LogSettingReply);
                return;
            }

            terminal.Output.WriteLine($"{set.Name} keeps {(set.AllLogs ? "all categories" : string.Join(", ", set.Categories))} in workspace {set.Workspace}.");
        });
        return verb;
    }

    private static Verb DeleteSetting(CommonOptions options, Terminal terminal)
    {
        var resource = CommonOptions.Resource();
        var name = Name();
        var verb = new Verb("delete", "Deletes a setting. What was kept goes by its rule of retention.", "logs settings delete demo operations --geography Europe")
        {
            resource, name, options.Geography, options.Data,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            await client.Delete(AdminRoles.ForLogging, SettingPath(found.Id, parsed.GetRequiredValue(name)), cancel);
            terminal.Output.WriteLine($"{parsed.GetRequiredValue(name)} is deleted.");
        });
        return verb;
    }

    private static Verb Query(CommonOptions options, Terminal terminal)
    {
        var resource = CommonOptions.Resource();
        var query = new Argument<string?>("query") { HelpName = "KQL", Description = "The query, such as 'ACSChatIncomingOperations | summarize count() by OperationName'", Arity = ArgumentArity.ZeroOrOne };
        var named = new Option<string?>("--named") { HelpName = "NAME", Description = "Instead, a ready query: one of those that 'logs queries' lists" };
        named.CompletionSources.Add(_ => NamedQueries.Names);
        var with = new Option<string[]>("--with") { HelpName = "NAME=VALUE", Description = "Sets a constant of the ready query, such as person=8:acs:…; may be given several times" };
        var span = new Option<string?>("--timespan") { HelpName = "SPAN", Description = "An ISO 8601 duration up to now, such as P1D, or start/end. Default: a day", DefaultValueFactory = _ => "P1D" };
        var verb = new Verb(
            "query",
            "Asks a query. That columns were opened which identify people is audited.",
            "logs query demo 'ACSChatIncomingOperations | summarize count() by ResultSignature' --geography Europe",
            "logs query demo --named chat-latency --timespan P7D --geography Europe",
            "logs query demo --named chat-of-a-person --with person=8:acs:00000000-0000-4000-8000-000000000000_00000000-0000-4000-8000-000000000001 --geography Europe")
        {
            resource, query, named, with, span, options.Geography, options.Data, options.Json,
        };
        verb.Validators.Add(result =>
        {
            // What stands there is not read yet: while a line is being completed, an option may have no value.
            var (isTyped, isNamed) = (result.GetResult(query) is { Tokens.Count: > 0 }, result.GetResult(named) is not null);
            if (isTyped == isNamed)
            {
                result.AddError("A query is either typed or named: give KQL, or --named NAME.");
            }
            else if (!isNamed && result.GetResult(with) is not null)
            {
                result.AddError("--with goes with --named.");
            }
        });
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            var path = $"{found.Endpoint.TrimEnd('/')}/v1/workspaces/{found.Id}/query";
            var text = parsed.GetValue(named) is { } name ? Filled(await Ready(client, name, cancel), parsed.GetValue(with) ?? []) : parsed.GetValue(query)!;
            var body = new LogQueryRequestBody(text, parsed.GetValue(span));
            var (status, answer) = await client.Query(AdminRoles.ForLogs, path, AdminJson.Default.LogQueryRequestBody, body, cancel);
            if (status != HttpStatusCode.OK)
            {
                throw new CommandFailure(Explain(answer.GetProperty("error")));
            }

            if (parsed.GetValue(options.Json))
            {
                terminal.Json(answer, AdminJson.Readable.JsonElement);
                return;
            }

            var result = answer.GetProperty("tables")[0];
            var table = new Table([.. result.GetProperty("columns").EnumerateArray().Select(column => column.GetProperty("name").GetString()!)]);
            foreach (var row in result.GetProperty("rows").EnumerateArray())
            {
                table.Add([.. row.EnumerateArray().Select(cell => cell.ValueKind == JsonValueKind.String ? cell.GetString()! : cell.ValueKind == JsonValueKind.Null ? "" : cell.GetRawText())]);
            }

            table.Write(terminal.Output);
        });
        return verb;
    }

    private static Verb ListQueries(CommonOptions options, Terminal terminal)
    {
        var verb = new Verb("queries", "Lists the ready queries, and which of them this version has the tables for.", "logs queries --geography Europe") { options.Geography, options.Data, options.Json };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var queries = await Queries(installation.Clients(parsed.GetValue(options.Geography))[0], cancel);
            if (parsed.GetValue(options.Json))
            {
                terminal.Json(queries, AdminJson.Readable.IReadOnlyListNamedQueryReply);
                return;
            }

            var table = new Table("name", "what", "answers", "may be set");
            foreach (var query in queries)
            {
                table.Add(query.Name, query.Title, query.IsAnswerable ? "yes" : "no table yet", string.Join(", ", query.Values.Select(value => value.Name)));
            }

            table.Write(terminal.Output);
        });
        return verb;
    }

    private static async Task<IReadOnlyList<NamedQueryReply>> Queries(AdminClient client, CancellationToken cancel) =>
        (await client.Get(AdminRoles.ForLooking, "logs/queries", AdminJson.Default.PageNamedQueryReply, cancel)).Value;

    private static async Task<NamedQueryReply> Ready(AdminClient client, string name, CancellationToken cancel)
    {
        var queries = await Queries(client, cancel);
        return queries.FirstOrDefault(query => query.Name == name)
            ?? throw new CommandFailure($"There is no ready query '{name}'.{(Spelling.Closest(name, queries.Select(query => query.Name)) is { } meant ? $" Did you mean '{meant}'?" : "")} 'domicile logs queries' lists them.");
    }

    /// <summary>The query's text with some of its constants set.</summary>
    private static string Filled(NamedQueryReply query, IReadOnlyList<string> with)
    {
        var text = query.Query;
        foreach (var setting in with)
        {
            if (setting.Split('=', 2) is not [var name, { Length: > 0 } value] || query.Values.FirstOrDefault(known => known.Name == name) is not { } constant)
            {
                var names = query.Values.Count == 0 ? "nothing can be set" : $"there can be set: {string.Join(", ", query.Values.Select(known => known.Name))}";
                throw new CommandFailure($"--with takes NAME=VALUE, not '{setting}'. In {query.Name} {names}.");
            }

            // What is a text stays one, whatever is in it; a time or a number has no room for more.
            var isText = constant.Literal.StartsWith('"');
            if (!isText && !value.All(char.IsAsciiLetterOrDigit))
            {
                throw new CommandFailure($"{name} is written like {constant.Literal}, not '{value}'.");
            }

            var literal = isText ? $"\"{value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"" : value;
            text = text.Replace($"let {name} = {constant.Literal};", $"let {name} = {literal};", StringComparison.Ordinal);
        }

        return text;
    }

    /// <summary>The innermost of what is said of a fault, with its place.</summary>
    private static string Explain(JsonElement error)
    {
        while (error.TryGetProperty("innererror", out var inner))
        {
            error = inner;
        }

        var where = error.TryGetProperty("line", out var line) && error.TryGetProperty("pos", out var at) ? $" (line {line.GetRawText()}, character {at.GetRawText()})" : "";
        return Cli.Table.Clean($"{error.GetProperty("message").GetString()}{where}");
    }

    private static Verb Export(CommonOptions options, Terminal terminal)
    {
        var resource = CommonOptions.Resource();
        var table = Table();
        var format = new Option<string>("--format") { HelpName = "FORMAT", Description = "csv, or jsonl for a JSON object on each line", DefaultValueFactory = _ => "jsonl" };
        format.AcceptOnlyFromAmong("csv", "jsonl");
        var from = new Option<string?>("--from") { HelpName = "INSTANT", Description = "The first instant, such as 2026-11-01 or 2026-11-01T12:00:00Z" };
        var to = new Option<string?>("--to") { HelpName = "INSTANT", Description = "The first instant that is left out" };
        var file = new Option<string?>("--out") { HelpName = "FILE", Description = "Where to write; without it to the terminal. Nobody else may read the file" };
        var verb = new Verb(
            "export",
            "Writes the entries of a table, ids of people and addresses included. That you did is audited.",
            "logs export demo --table ACSChatIncomingOperations --format csv --out chat.csv --geography Europe")
        {
            resource, table, format, from, to, file, options.Geography, options.Data,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            var path = $"{Installation.ResourcePath(found.Id)}/logs/export?table={Uri.EscapeDataString(parsed.GetRequiredValue(table))}&format={parsed.GetRequiredValue(format)}";
            path += parsed.GetValue(from) is { } begin ? $"&from={Uri.EscapeDataString(begin)}" : "";
            path += parsed.GetValue(to) is { } end ? $"&to={Uri.EscapeDataString(end)}" : "";
            if (parsed.GetValue(file) is not { } target)
            {
                await Write(client, path, terminal.Output, cancel);
                return;
            }

            await LocalFile.Write(target, async () =>
            {
                await using var stream = SecretFile.Open(target, FileMode.Create, FileAccess.Write, FileShare.None);
                await using var writer = new StreamWriter(stream);
                await Write(client, path, writer, cancel);
            });
        });
        return verb;
    }

    private static async Task Write(AdminClient client, string path, TextWriter output, CancellationToken cancel)
    {
        string? next = null;
        do
        {
            var page = await client.TextPage(AdminRoles.ForLogs, next is null ? path : $"{path}&after={next}", Continuation, cancel);
            await output.WriteAsync(page.Text);
            next = page.Next;
        }
        while (next is not null);
    }

    private static Verb Purge(CommonOptions options, Terminal terminal)
    {
        var resource = CommonOptions.Resource();
        var table = Table();
        var filter = new Option<string[]>("--filter")
        {
            HelpName = "FILTER",
            Description = "Column, operator and value, such as 'UserId == 8:acs:…' or 'TimeGenerated < 2026-11-01'; all of them hold for what goes",
            Required = true,
        };
        var reason = new Option<string>("--reason") { HelpName = "TEXT", Description = "Why; the audit log has it", Required = true };
        var verb = new Verb(
            "purge",
            "Deletes entries of a table before their time. What a hold covers stays.",
            "logs purge demo --table ACSChatIncomingOperations --filter 'TimeGenerated < 2026-11-01' --reason 'Case 4711' --geography Europe")
        {
            resource, table, filter, reason, options.Geography, options.Data, options.Json,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            var filters = parsed.GetRequiredValue(filter).Select(Parse).ToList();
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            var body = new PurgeBody(parsed.GetRequiredValue(table), filters, parsed.GetRequiredValue(reason));
            PurgeReply reply;
            var purged = 0L;
            do
            {
                reply = await client.Post(AdminRoles.ForLogs, $"{Installation.ResourcePath(found.Id)}/logs/purge", AdminJson.Default.PurgeBody, body, AdminJson.Default.PurgeReply, cancel);
                purged += reply.Purged;
            }
            while (!reply.IsComplete);
            if (parsed.GetValue(options.Json))
            {
                terminal.Json(reply with { Purged = purged }, AdminJson.Readable.PurgeReply);
                return;
            }

            terminal.Output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{purged} entries of {body.Table} are deleted. The audit log has it as {reply.OperationId}."));
        });
        return verb;
    }

    private static PurgeFilterBody Parse(string text)
    {
        if (text.Split(' ', 3, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) is not [var column, var name, var value])
        {
            throw CommandFailure.Usage($"'{Cli.Table.Clean(text)}' is no filter. One has a column, an operator and a value, such as 'TimeGenerated < 2026-11-01'.");
        }

        string[] values = name is "in" or "in~" or "between" ? value.Split(',', StringSplitOptions.TrimEntries) : [];
        var element = values.Length > 0
            ? JsonSerializer.SerializeToElement(values, AdminJson.Default.StringArray)
            : JsonSerializer.SerializeToElement(value, AdminJson.Default.String);
        return new PurgeFilterBody(column, name, element);
    }

    private static Argument<string> Name() => new("name") { HelpName = "NAME", Description = "The setting's name" };

    private static Option<string> Table() => new("--table") { HelpName = "TABLE", Description = "The table, such as ACSChatIncomingOperations", Required = true };

    private static string SettingPath(string resource, string name) =>
        name.Length is 0 or > 64 || name is "." or ".." ? throw CommandFailure.Usage("A setting's name has 1 to 64 characters.") : $"{Installation.ResourcePath(resource)}/logs/settings/{Uri.EscapeDataString(name)}";
}
