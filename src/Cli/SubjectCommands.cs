using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Domicile.Residency;

namespace Domicile.Cli;

/// <summary><c>domicile subject</c>: what is kept about a person, a copy of it, corrections, the person's erasure.</summary>
internal static class SubjectCommands
{
    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(500);

    /// <summary>The commands.</summary>
    public static Command Describe(CommonOptions options, Terminal terminal) =>
        new Verb(
            "subject",
            "What is kept about a person: shown, handed over, corrected, erased.",
            "subject access demo --user 8:acs:… --reason 'Letter of 3 May' --geography Europe")
        {
            Make("access", "Counts what is kept about a person, by kind, with the rules for each.", options, terminal),
            Make("export", "Makes an archive of what is kept about a person; 'subject download' fetches it.", options, terminal),
            Make("rectify", "Corrects what a person's records say, such as a display name.", options, terminal),
            Make("erase", "Erases a person: unreadable at once, in backups too once the epoch of the keys has ended.", options, terminal),
            List(options, terminal),
            Show(options, terminal),
            Cancel(options, terminal),
            Download(options, terminal),
        };

    private static Option<string> Resource() => new("--resource") { HelpName = "NAME|ID", Description = "The resource's name or id", Required = true };

    private static Argument<string> Request() => new("REQUEST") { Description = "The request's id" };

    private static Verb Make(string kind, string description, CommonOptions options, Terminal terminal)
    {
        var resource = CommonOptions.Resource();
        var users = Many("--user", "ID", "A communication user id; can be given several times for one person");
        var phones = Many("--phone", "NUMBER", "A phone number");
        var emails = Many("--email", "ADDRESS", "An e-mail address");
        var customs = Many("--custom-id", "ID", "An id of your own that an identity was given");
        var reason = new Option<string>("--reason") { HelpName = "TEXT", Description = "Why; it is kept with the request and in the audit log", Required = true };
        var id = new Option<Guid?>("--id") { HelpName = "UUID", Description = "The request's id; sent again under the same id it is the same request" };
        var changes = Many("--change", "KIND.MEMBER=TEXT", "A correction, such as chat.participant.displayName=Ada");
        var receipt = new Option<string?>("--receipt") { HelpName = "FILE", Description = "Waits until the receipt is proved, and writes it there with the identifiers that open it" };
        var noWait = new Option<bool>("--no-wait") { Description = "Does not wait for the end" };
        var verb = new Verb(
            kind,
            description,
            kind switch
            {
                "rectify" => "subject rectify demo --user 8:acs:… --change chat.participant.displayName=Ada --reason 'misspelt' --geography Europe",
                "erase" => "subject erase demo --user 8:acs:… --reason 'Letter of 3 May' --receipt ada.receipt --geography Europe",
                _ => $"subject {kind} demo --user 8:acs:… --reason 'Letter of 3 May' --geography Europe",
            })
        {
            resource, users, phones, emails, customs, reason, id, noWait, options.Geography, options.Data, options.Json,
        };
        if (kind == "rectify")
        {
            verb.Add(changes);
        }

        if (kind == "erase")
        {
            verb.Add(receipt);
        }

        verb.SetAction(async (parsed, cancel) =>
        {
            SubjectIdentifierBody[] identifiers =
            [
                .. Named("communicationUser", users), .. Named("phoneNumber", phones), .. Named("email", emails), .. Named("customId", customs),
            ];
            if (identifiers.Length == 0)
            {
                throw CommandFailure.Usage("About whom? Give --user, --phone, --email or --custom-id.");
            }

            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            var body = new SubjectBody(
                parsed.GetValue(id) ?? Guid.NewGuid(), kind, identifiers, parsed.GetRequiredValue(reason), kind == "rectify" ? [.. (parsed.GetValue(changes) ?? []).Select(Change)] : null);
            var path = PathOf(found);
            var made = await client.Post(AdminRoles.ForSubjects, path, AdminJson.Default.SubjectBody, body, AdminJson.Default.SubjectReply, cancel);
            var reply = made;
            while (!parsed.GetValue(noWait) && reply.State is "pending" or "running")
            {
                await Task.Delay(Between, terminal.Clock, cancel);
                reply = await client.Get(AdminRoles.ForSubjects, $"{path}/{made.RequestId}", AdminJson.Default.SubjectReply, cancel);
            }

            if (parsed.GetValue(receipt) is { } file && reply.State == "completed")
            {
                await Keep(client, $"{path}/{made.RequestId}/receipt", file, identifiers, made, terminal, cancel);
            }

            await Write(client, path, reply, parsed.GetValue(options.Json), terminal, cancel);
            return reply.State is "failed" or "restricted" ? ExitCode.Failure : ExitCode.Ok;

            IEnumerable<SubjectIdentifierBody> Named(string type, Option<string[]> option) => (parsed.GetValue(option) ?? []).Select(value => new SubjectIdentifierBody(type, value));
        });
        return verb;
    }

    private static Verb List(CommonOptions options, Terminal terminal)
    {
        var resource = CommonOptions.Resource();
        var verb = new Verb("list", "Lists the requests of a resource, the newest first.", "subject list demo --geography Europe") { resource, options.Geography, options.Data, options.Json };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            var requests = new List<SubjectReply>();
            var next = PathOf(found);
            while (next is not null)
            {
                var page = await client.Get(AdminRoles.ForSubjects, next, AdminJson.Default.PageSubjectReply, cancel);
                requests.AddRange(page.Value);
                next = page.NextLink is { Length: > 0 } link && link.StartsWith('/') ? found.Endpoint.TrimEnd('/') + link : null;
            }

            if (parsed.GetValue(options.Json))
            {
                terminal.Json(requests, AdminJson.Readable.IReadOnlyListSubjectReply);
                return;
            }

            var table = new Table("id", "kind", "state", "made", "people", "records");
            foreach (var request in requests)
            {
                table.Add($"{request.RequestId}", Table.Clean(request.Kind), Table.Clean(request.State), Print.Time(request.CreatedOn), $"{request.Progress.PeopleDone}/{request.Progress.People}", $"{request.Progress.Records}");
            }

            table.Write(terminal.Output);
        });
        return verb;
    }

    private static Verb Show(CommonOptions options, Terminal terminal)
    {
        var (resource, request) = (Resource(), Request());
        var verb = new Verb("show", "Shows where a request stands, and what it found.", "subject show 3f2504e0-4f89-41d3-9a0c-0305e82c3301 --resource demo --geography Europe")
        {
            request, resource, options.Geography, options.Data, options.Json,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            var reply = await client.Get(AdminRoles.ForSubjects, $"{PathOf(found)}/{Id(parsed.GetRequiredValue(request))}", AdminJson.Default.SubjectReply, cancel);
            await Write(client, PathOf(found), reply, parsed.GetValue(options.Json), terminal, cancel);
        });
        return verb;
    }

    private static Verb Cancel(CommonOptions options, Terminal terminal)
    {
        var (resource, request) = (Resource(), Request());
        var verb = new Verb("cancel", "Cancels a request that has not begun.", "subject cancel 3f2504e0-4f89-41d3-9a0c-0305e82c3301 --resource demo --geography Europe")
        {
            request, resource, options.Geography, options.Data,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            await client.Delete(AdminRoles.ForSubjects, $"{PathOf(found)}/{Id(parsed.GetRequiredValue(request))}", cancel);
            terminal.Output.WriteLine("Cancelled.");
        });
        return verb;
    }

    private static Verb Download(CommonOptions options, Terminal terminal)
    {
        var (resource, request) = (Resource(), Request());
        var file = new Argument<string>("FILE") { Description = "The file to write" };
        var number = CommonOptions.Number("--number", "N", "Which archive, when the person has several identifiers; 1 without it", 1, 20);
        var verb = new Verb("download", "Fetches the archive of an export. That it was handed out is written into the audit log.", "subject download 3f2504e0-4f89-41d3-9a0c-0305e82c3301 ada.zip --resource demo --geography Europe")
        {
            request, file, number, resource, options.Geography, options.Data,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            using var installation = Installation.Open(parsed.GetValue(options.Data), terminal);
            var (client, found) = await installation.Resource(parsed.GetRequiredValue(resource), parsed.GetValue(options.Geography), cancel);
            var path = parsed.GetRequiredValue(file);
            await LocalFile.Write(path, async () =>
            {
                // What is kept about somebody is in it: the file is its owner's alone.
                await using var stream = SecretFile.Open(path, FileMode.Create, FileAccess.Write, FileShare.None);
                await client.Download(AdminRoles.ForSubjects, $"{PathOf(found)}/{Id(parsed.GetRequiredValue(request))}/files/{parsed.GetValue(number) ?? 1}", stream, cancel);
            });
            terminal.Output.WriteLine($"The archive is in {path}; open index.html in it.");
        });
        return verb;
    }

    private static async Task Keep(
        AdminClient client, string path, string file, IReadOnlyList<SubjectIdentifierBody> identifiers, SubjectReply made, Terminal terminal, CancellationToken cancel)
    {
        // It need not wait for the log's own pace.
        await AuditCommands.Fresh(client, AdminRoles.ForSubjects, "", cancel);
        SubjectReceipt receipt;
        while ((receipt = await client.Get(AdminRoles.ForSubjects, path, AdminJson.Default.SubjectReceipt, cancel)).State != SubjectReceipt.Complete)
        {
            await Task.Delay(Between, terminal.Clock, cancel);
        }

        var openings = identifiers.Zip(made.Identifiers, (identifier, kept) => new ReceiptOpening(identifier.Type, identifier.Value, kept.Salt ?? "")).ToList();
        await LocalFile.Write(file, async () =>
        {
            // With it, who was erased can be told: the file is its owner's alone.
            await using var stream = SecretFile.Open(file, FileMode.Create, FileAccess.Write, FileShare.None);
            await JsonSerializer.SerializeAsync(stream, new KeptReceipt(receipt, openings), AdminJson.Readable.KeptReceipt, cancel);
        });
        terminal.Error.WriteLine($"The receipt is in {file}. Check it with: {terminal.Program} receipt verify {file}");
    }

    private static async Task Write(AdminClient client, string path, SubjectReply reply, bool asJson, Terminal terminal, CancellationToken cancel)
    {
        if (asJson)
        {
            terminal.Json([reply], AdminJson.Readable.IReadOnlyListSubjectReply);
            return;
        }

        terminal.Output.WriteLine($"{reply.RequestId}: {Table.Clean(reply.Kind)}, {Table.Clean(reply.State)}{(reply.Obstacle is { } obstacle ? $" ({Table.Clean(obstacle)})" : "")}; {reply.Progress.Records} records.");
        foreach (var missing in reply.Identifiers.Where(identifier => !identifier.Found))
        {
            terminal.Output.WriteLine($"  Nobody here has the {Table.Clean(missing.Type)} of commitment {Table.Clean(missing.Commitment)}.");
        }

        if (reply.State != "completed" || reply.Kind == "erase")
        {
            return;
        }

        var result = await client.Get(AdminRoles.ForSubjects, $"{path}/{reply.RequestId}/result", AdminJson.Default.JsonElement, cancel);
        var table = new Table("  KIND", "FILED AS", "RECORDS", "KEPT", "WHEN ERASED");
        foreach (var kind in result.GetProperty("kinds").EnumerateArray())
        {
            table.Add($"  {Table.Clean(Text(kind, "kind"))}", Table.Clean(Text(kind, "filing")), $"{kind.GetProperty("records").GetInt64()}", Table.Clean(Text(kind, "kept")), Table.Clean(Text(kind, "whenErased")));
        }

        table.Write(terminal.Output);
        foreach (var archive in result.GetProperty("files").EnumerateArray())
        {
            terminal.Output.WriteLine($"  Archive {archive.GetProperty("number").GetInt32()}: {archive.GetProperty("bytes").GetInt64()} bytes, until {Table.Clean(Text(archive, "expiresOn"))}.");
        }

        foreach (var limit in result.GetProperty("limits").EnumerateArray())
        {
            terminal.Output.WriteLine($"  {Table.Clean(limit.GetString()!)}");
        }
    }

    private static SubjectChangeBody Change(string text)
    {
        var equals = text.IndexOf('=', StringComparison.Ordinal);
        var dot = equals < 0 ? -1 : text.LastIndexOf('.', equals);
        return dot > 0
            ? new SubjectChangeBody(text[..dot], text[(dot + 1)..equals], JsonValue.Create(text[(equals + 1)..]))
            : throw CommandFailure.Usage($"--change takes KIND.MEMBER=TEXT, such as chat.participant.displayName=Ada, not '{text}'.");
    }

    private static Option<string[]> Many(string name, string helpName, string description) => new(name) { HelpName = helpName, Description = description };

    private static Guid Id(string text) => Guid.TryParse(text, out var id) ? id : throw CommandFailure.Usage($"'{text}' is no request's id; 'subject list' shows them.");

    private static string Text(JsonElement json, string name) => json.GetProperty(name).GetString()!;

    private static string PathOf(ResourceReply resource) => $"{resource.Endpoint.TrimEnd('/')}/privacy/subjectRequests";
}
