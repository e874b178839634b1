using System.Text.Json;
using Azure.Messaging;
using Azure.Messaging.EventGrid;
using Azure.Messaging.EventGrid.SystemEvents;
using Domicile.Tests.Hardness;
using Domicile.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace Domicile.Tests.Conversations;

/// <summary>What happens in a resource is told to the customer's systems, which read it with the vendor's unmodified package.</summary>
[Collection(nameof(HardnessCollection))]
public sealed class EventTests(EventTests.Town town) : IClassFixture<EventTests.Town>
{
    private const string Typing = "ChatTypingIndicatorReceivedInThread";
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Every_chat_event_is_read_by_the_deserialiser_of_the_vendor()
    {
        await using var receiver = await EventReceiver.Start();
        var name = await town.Subscribe(receiver);
        using var wire = town.Wire();
        var (ada, bo, cy) = (await wire.NewUser(), await wire.NewUser(), await wire.NewUser());
        var thread = await Converse(wire, receiver, ada, bo, cy);

        // What happened in the thread is told in order, last its deletion to the second of the two; typing is told beside it.
        await Eventually.Holds(
            () => Task.FromResult(receiver.Received.Select(each => each.Type).Distinct().Count() == 17 && receiver.Received.Count(each => each.Type == "ChatThreadWithUserDeleted") == 2),
            Soon,
            () => $"all types came; there were {Kinds(receiver)}");

        // The package of this version knows every type but that one.
        var events = receiver.Received.Where(each => each.Type != Typing).Select(each => EventGridEvent.ParseMany(BinaryData.FromString(each.Body)).Single()).ToList();
        Assert.Equal(events.Count, events.Select(each => each.Id).Distinct().Count());
        Assert.All(receiver.Received, each =>
        {
            Assert.Equal("Notification", each.Headers["aeg-event-type"]);
            Assert.Equal(name, each.Headers["aeg-subscription-name"]);
            Assert.Equal("secret-value", each.Headers["x-api-key"]);
            Assert.Equal("0", each.Headers["aeg-delivery-count"]);
        });
        Assert.All(events, each => Assert.EndsWith("/providers/Microsoft.Communication/communicationServices/demo", each.Topic, StringComparison.Ordinal));
        var data = events.Select(each => (each.Subject, Data: each.TryGetSystemEventData(out var read) ? read : null)).ToList();
        Assert.All(data, each => Assert.NotNull(each.Data));

        var received = One<AcsChatMessageReceivedInThreadEventData>(data);
        Assert.Equal(("Hello <b>all</b>", "Ada", "RichText/Html", thread), (received.Data.MessageBody, received.Data.SenderDisplayName, received.Data.Type, received.Data.ThreadId));
        Assert.Equal("b", received.Data.Metadata["a"]);
        Assert.Equal(ada.Id, received.Data.SenderCommunicationIdentifier.CommunicationUser.Id);
        Assert.Equal($"thread/{thread}/sender/{ada.Id}", received.Subject);
        Assert.Equal(received.Data.MessageId, received.Data.Version.ToString());
        var perUser = data.Where(each => each.Data is AcsChatMessageReceivedEventData).Select(each => (each.Subject, Data: (AcsChatMessageReceivedEventData)each.Data!)).ToList();
        Assert.Equal(new[] { ada.Id, bo.Id }.Order(), perUser.Select(each => each.Data.RecipientCommunicationIdentifier.RawId).Order());
        Assert.All(perUser, each => Assert.Equal($"thread/{thread}/sender/{ada.Id}/recipient/{each.Data.RecipientCommunicationIdentifier.RawId}", each.Subject));
        Assert.All(perUser, each => Assert.Equal(received.Data.MessageId, each.Data.MessageId));

        var edited = One<AcsChatMessageEditedInThreadEventData>(data).Data;
        Assert.Equal(("Hello again", received.Data.MessageId), (edited.MessageBody, edited.MessageId));
        Assert.True(edited.EditTime >= edited.ComposeTime);
        var deleted = One<AcsChatMessageDeletedInThreadEventData>(data).Data;
        Assert.Equal(received.Data.MessageId, deleted.MessageId);
        Assert.DoesNotContain("messageBody", receiver.Received.Single(each => each.Type == "ChatMessageDeletedInThread").Body, StringComparison.Ordinal);

        var created = One<AcsChatThreadCreatedEventData>(data).Data;
        Assert.Equal("A thread", created.Properties["topic"].ToString());
        Assert.Equal(new[] { ada.Id, bo.Id }.Order(), created.Participants.Select(person => person.ParticipantCommunicationIdentifier.RawId).Order());
        Assert.Equal("Bo", created.Participants.Single(person => person.ParticipantCommunicationIdentifier.RawId == bo.Id).DisplayName);
        Assert.Equal(ada.Id, created.CreatedByCommunicationIdentifier.RawId);
        Assert.Equal(2, data.Count(each => each.Data is AcsChatThreadCreatedWithUserEventData));

        var added = One<AcsChatParticipantAddedToThreadEventData>(data);
        Assert.Equal((cy.Id, "Cy", ada.Id), (added.Data.ParticipantAdded.ParticipantCommunicationIdentifier.RawId, added.Data.ParticipantAdded.DisplayName, added.Data.AddedByCommunicationIdentifier.RawId));
        Assert.Equal($"thread/{thread}/participantadded/{cy.Id}", added.Subject);
        var removed = One<AcsChatParticipantRemovedFromThreadEventData>(data);
        Assert.Equal($"thread/{thread}/participantremoved/{cy.Id}", removed.Subject);
        Assert.Equal("Another topic", One<AcsChatThreadPropertiesUpdatedEventData>(data).Data.Properties["topic"].ToString());
        var gone = One<AcsChatThreadDeletedEventData>(data);
        Assert.Equal((ada.Id, thread), (gone.Data.DeletedByCommunicationIdentifier.RawId, gone.Data.ThreadId));
        Assert.Equal(created.CreateTime, gone.Data.CreateTime);
        Assert.Equal(2, data.Count(each => each.Data is AcsChatThreadWithUserDeletedEventData));
        var typing = receiver.Received.Single(each => each.Type == Typing);
        Assert.Equal((ada.Id, "Ada"), (typing.Data.GetProperty("senderCommunicationIdentifier").GetProperty("rawId").GetString(), typing.Data.GetProperty("senderDisplayName").GetString()));

        // In a subject there are ids, and nothing that anybody wrote.
        Assert.All(data, each => Assert.DoesNotContain("Ada", each.Subject, StringComparison.Ordinal));
        await town.Unsubscribe(name);
    }

    [Fact]
    public async Task CloudEvents_are_asked_for_by_OPTIONS_and_read_by_the_deserialiser_of_the_vendor()
    {
        await using var receiver = await EventReceiver.Start();
        var name = await town.Subscribe(receiver, schema: "CloudEventSchemaV1_0", types: ["Microsoft.Communication.ChatMessageReceivedInThread"]);
        using var wire = town.Wire();
        var (ada, bo) = (await wire.NewUser(), await wire.NewUser());
        var thread = await wire.NewThread(ada, bo);
        var message = await wire.Say(ada, thread, "by the cloud");
        await Eventually.Holds(() => Task.FromResult(receiver.Received.Count == 1), Soon, () => "the event came");
        var only = receiver.Received.Single();
        Assert.StartsWith("application/cloudevents+json", only.Headers["Content-Type"], StringComparison.Ordinal);
        Assert.Equal(wire.Authority, only.Headers["WebHook-Request-Origin"]);
        Assert.Equal(wire.Authority, receiver.Questions.Single().Headers["WebHook-Request-Origin"]);
        var read = CloudEvent.Parse(BinaryData.FromString(only.Body))!;
        Assert.True(read.TryGetSystemEventData(out var data));
        var received = Assert.IsType<AcsChatMessageReceivedInThreadEventData>(data);
        Assert.Equal((message, "by the cloud"), (received.MessageId, received.MessageBody));
        await town.Unsubscribe(name);
    }

    [Fact]
    public async Task A_subscription_is_told_only_what_its_filters_let_through()
    {
        await using var receiver = await EventReceiver.Start();
        using var wire = town.Wire();
        var (ada, bo) = (await wire.NewUser(), await wire.NewUser());
        var (wanted, other) = (await wire.NewThread(ada, bo), await wire.NewThread(ada, bo));
        var name = await town.Subscribe(receiver, beginsWith: $"thread/{wanted}/SENDER", endsWith: bo.Id, types: ["Microsoft.Communication.ChatMessageReceived"]);
        await wire.Say(ada, other, "not this");
        await wire.Say(ada, wanted, "this");
        await wire.Say(bo, wanted, "and this");
        await Eventually.Holds(() => Task.FromResult(receiver.Received.Count == 2), Soon, () => "both events came");
        Assert.Equal(["this", "and this"], receiver.Received.Select(each => each.Data.GetProperty("messageBody").GetString()));
        Assert.All(receiver.Received, each => Assert.EndsWith($"/recipient/{bo.Id}", each.Subject, StringComparison.Ordinal));
        await town.Unsubscribe(name);
    }

    [Fact]
    public async Task A_target_consents_at_once_or_by_its_own_call_or_not_at_all()
    {
        await using var receiver = await EventReceiver.Start();
        using var http = town.Http();

        // Later, by the address that it was given.
        receiver.Consent = (_, _) => Task.CompletedTask;
        var later = (await town.TrySubscribe(receiver, "later")).Is(201).Json;
        Assert.Equal("AwaitingManualAction", later.GetProperty("state").GetString());
        var url = receiver.Questions.Single().Json[0].GetProperty("data").GetProperty("validationUrl").GetString()!;
        Assert.Equal(404, (int)(await http.GetAsync(new Uri(url[..^1] + "x"), TestContext.Current.CancellationToken)).StatusCode);
        Assert.Equal(200, (int)(await http.GetAsync(new Uri(url), TestContext.Current.CancellationToken)).StatusCode);
        Assert.Equal("Active", (await town.Show("later")).GetProperty("state").GetString());
        Assert.Equal(404, (int)(await http.GetAsync(new Uri(url), TestContext.Current.CancellationToken)).StatusCode);
        await town.Unsubscribe("later");

        // CloudEvents: the status alone is no consent, the callback is.
        receiver.Consent = (_, _) => Task.CompletedTask;
        Assert.Equal("AwaitingManualAction", (await town.TrySubscribe(receiver, "callback", schema: "CloudEventSchemaV1_0")).Is(201).Json.GetProperty("state").GetString());
        var callback = receiver.Questions[^1].Headers["WebHook-Request-Callback"];
        Assert.Equal(200, (int)(await http.PostAsync(new Uri(callback), null, TestContext.Current.CancellationToken)).StatusCode);
        Assert.Equal("Active", (await town.Show("callback")).GetProperty("state").GetString());
        await town.Unsubscribe("callback");

        foreach (var (schema, refuse) in new (string, Func<Delivered, HttpContext, Task>)[]
        {
            ("EventGridSchema", (_, context) => Answer(context, 202)),
            ("EventGridSchema", (_, context) => context.Response.WriteAsJsonAsync(new { validationResponse = "guessed" })),
            ("CloudEventSchemaV1_0", (_, context) => Answer(context, 405)),
            ("CloudEventSchemaV1_0", (_, context) =>
            {
                context.Response.Headers["WebHook-Allowed-Origin"] = "elsewhere.example";
                return Task.CompletedTask;
            }),
        })
        {
            receiver.Consent = refuse;
            var refused = (await town.TrySubscribe(receiver, "refused", schema: schema)).Is(422);
            Assert.Contains("/problems/events/no-consent", refused.Body, StringComparison.Ordinal);
            (await town.TryShow("refused")).Is(404);
        }
    }

    [Fact]
    [Trait("length", "full")]
    public async Task A_target_that_does_not_consent_in_time_is_told_nothing_until_it_is_asked_again()
    {
        // Its clock is turned, so it has a server of its own.
        await using var place = new Town();
        await place.InitializeAsync();
        await using var receiver = await EventReceiver.Start();
        receiver.Consent = (_, _) => Task.CompletedTask;
        Assert.Equal("AwaitingManualAction", (await place.TrySubscribe(receiver, "late")).Is(201).Json.GetProperty("state").GetString());
        var url = receiver.Questions.Single().Json[0].GetProperty("data").GetProperty("validationUrl").GetString()!;
        await place.Turn(TimeSpan.FromMinutes(9));
        Assert.Equal("AwaitingManualAction", (await place.Show("late")).GetProperty("state").GetString());
        await place.Turn(TimeSpan.FromMinutes(2));
        Assert.Equal("Failed", (await place.Show("late")).GetProperty("state").GetString());
        using (var http = place.Http())
        {
            Assert.Equal(404, (int)(await http.GetAsync(new Uri(url), TestContext.Current.CancellationToken)).StatusCode);
        }

        Assert.Equal("Failed", (await place.Show("late")).GetProperty("state").GetString());
        using var wire = place.Wire();
        var (ada, bo) = (await wire.NewUser(), await wire.NewUser());
        var thread = await wire.NewThread(ada, bo);
        await wire.Say(ada, thread, "before it consents");

        receiver.Consent = EventReceiver.Agree;
        (await place.Ask(HttpMethod.Post, "/late:askAgain")).Is(200);
        Assert.Equal("Active", (await place.Show("late")).GetProperty("state").GetString());
        await wire.Say(ada, thread, "after it consented");
        await Eventually.Holds(() => Task.FromResult(Texts(receiver).Contains("after it consented")), Soon, () => "what comes after is told");
        Assert.DoesNotContain("before it consents", Texts(receiver));
    }

    [Fact]
    public async Task A_target_outside_the_geography_needs_a_reason_and_every_change_of_a_subscription_is_audited()
    {
        await using var receiver = await EventReceiver.Start();
        foreach (var geography in (string?[])[null, "United States"])
        {
            var refused = (await town.Ask(HttpMethod.Post, "", new { name = "outside", target = receiver.Url, targetGeography = geography })).Is(400);
            Assert.Contains("/problems/events/leaves-geography", refused.Body, StringComparison.Ordinal);
        }

        Assert.Empty(receiver.Questions);
        var before = await town.Audited();
        (await town.Ask(HttpMethod.Post, "", new { name = "outside", target = receiver.Url, targetGeography = "United States", exceptionReason = "Contract 12" })).Is(201);
        (await town.Ask(HttpMethod.Patch, "/outside", new { maxDeliveryAttempts = 3 })).Is(200);
        (await town.Ask(HttpMethod.Patch, "/outside", new { exceptionReason = "Contract 13" })).Is(200);
        (await town.Ask(HttpMethod.Patch, "/outside", new { targetGeography = "Europe" })).Is(200);
        Assert.False((await town.Show("outside")).TryGetProperty("exceptionReason", out _));
        await town.Unsubscribe("outside");
        var audited = (await town.Audited()).Skip(before.Count).ToList();
        Assert.Equal(
            [
                "eventSubscription.created: outside: localhost, declared in United States", "events.leaveGeography: outside: localhost, declared in United States, for Contract 12",
                "eventSubscription.changed: outside: localhost, declared in United States",
                "eventSubscription.changed: outside: localhost, declared in United States", "events.leaveGeography: outside: localhost, declared in United States, for Contract 13",
                "eventSubscription.changed: outside: localhost, declared in Europe",
                "eventSubscription.deleted: outside: localhost, declared in Europe",
            ],
            audited);
    }

    [Fact]
    public async Task A_subscription_is_changed_in_place_and_what_waits_goes_where_it_then_points()
    {
        await using var first = await EventReceiver.Start();
        await using var second = await EventReceiver.Start();
        using var wire = town.Wire();
        var (ada, bo) = (await wire.NewUser(), await wire.NewUser());
        var thread = await wire.NewThread(ada, bo);
        var name = await town.Subscribe(first, types: ["Microsoft.Communication.ChatMessageReceivedInThread"]);
        first.Answer = (_, _) => Task.FromResult(503);
        await wire.Say(ada, thread, "waits");
        await Eventually.Holds(async () => (await town.Show(name)).GetProperty("counts").GetProperty("waiting").GetInt64() == 1, Soon, () => "it waits");

        // One that refuses leaves everything as it was.
        second.Consent = (_, http) => Answer(http, 403);
        Assert.Contains("/problems/events/no-consent", (await town.Ask(HttpMethod.Patch, $"/{name}", new { target = second.Url, maxDeliveryAttempts = 7 })).Is(422).Body, StringComparison.Ordinal);
        var known = await town.Show(name);
        Assert.Equal((first.Url, 30), (known.GetProperty("target").GetString(), known.GetProperty("maxDeliveryAttempts").GetInt32()));
        (await town.Ask(HttpMethod.Patch, $"/{name}", new { maxDeliveryAttempts = 0 })).Is(400);
        (await town.Ask(HttpMethod.Patch, $"/{name}", new { eventTypes = new[] { "Microsoft.Communication.Nothing" } })).Is(400);
        (await town.Ask(HttpMethod.Patch, $"/{name}", new { target = "http://example.com/" })).Is(400);
        (await town.Ask(HttpMethod.Patch, "/there-is-none", new { maxDeliveryAttempts = 7 })).Is(404);

        second.Consent = EventReceiver.Agree;
        var changed = (await town.Ask(HttpMethod.Patch, $"/{name}", new { target = second.Url, schema = "CloudEventSchemaV1_0", subjectBeginsWith = $"thread/{thread}" })).Is(200);
        Assert.Equal(("Active", "CloudEventSchemaV1_0"), (changed.Json.GetProperty("state").GetString(), changed.Json.GetProperty("schema").GetString()));
        Assert.DoesNotContain("secret-value", changed.Body, StringComparison.Ordinal);
        await wire.Say(ada, await wire.NewThread(ada, bo), "of another thread");
        await wire.Say(ada, thread, "after the change");
        await town.Turn(TimeSpan.FromSeconds(30));
        await Eventually.Holds(() => Task.FromResult(second.Received.Count == 2), Soon, () => "both came to the new target");
        Assert.Equal(["waits", "after the change"], Texts(second));
        Assert.All(second.Received, each => Assert.Equal("secret-value", each.Headers["x-api-key"]));
        Assert.All(second.Received, each => Assert.Equal("1.0", each.Event.GetProperty("specversion").GetString()));
        string[] here = ["--geography", "Europe", "--data", town.Server.Data];
        Assert.Contains("Active", await town.Server.Command(["events", "subscription", "update", "demo", name, "--type", "all", "--dead-letters", "no", .. here]), StringComparison.Ordinal);
        Assert.Equal(0, (await town.Show(name)).GetProperty("eventTypes").GetArrayLength());
        await town.Unsubscribe(name);
    }

    [Fact]
    public async Task What_a_subscription_keeps_secret_is_shown_to_nobody()
    {
        await using var receiver = await EventReceiver.Start();
        var name = await town.Subscribe(receiver, query: "?code=hidden-in-the-query");
        var shown = (await town.TryShow(name)).Is(200).Body + (await town.List()).Is(200).Body;
        Assert.DoesNotContain("secret-value", shown, StringComparison.Ordinal);
        Assert.DoesNotContain("hidden-in-the-query", shown, StringComparison.Ordinal);
        Assert.Contains("x-api-key", shown, StringComparison.Ordinal);
        await town.Unsubscribe(name);
    }

    [Fact]
    public async Task Whoever_operates_events_does_so_from_the_command_line()
    {
        await using var receiver = await EventReceiver.Start();
        receiver.Answer = (_, _) => Task.FromResult(400);
        string[] here = ["--geography", "Europe", "--data", town.Server.Data];
        var made = await town.Server.Command(["events", "subscription", "create", "demo", "by-hand", "--target", receiver.Url, "--target-geography", "Europe", "--header", "x-api-key: abc", "--type", "Microsoft.Communication.ChatMessageReceivedInThread", "--dead-letters", .. here]);
        Assert.Contains("Active", made, StringComparison.Ordinal);
        using var wire = town.Wire();
        var (ada, bo) = (await wire.NewUser(), await wire.NewUser());
        var thread = await wire.NewThread(ada, bo);
        await wire.Say(ada, thread, "refused at first");
        await Eventually.Holds(async () => (await town.Server.Command(["events", "dead-letters", "list", "demo", "by-hand", .. here])).Contains("BadRequest", StringComparison.Ordinal), Soon, () => "the dead letter is listed");
        Assert.Contains("by-hand", await town.Server.Command(["events", "subscription", "list", "demo", .. here]), StringComparison.Ordinal);
        Assert.DoesNotContain("abc", await town.Server.Command(["events", "subscription", "show", "demo", "by-hand", "--json", .. here]), StringComparison.Ordinal);
        receiver.Answer = (_, _) => Task.FromResult(200);
        Assert.Contains("1", await town.Server.Command(["events", "dead-letters", "redeliver", "demo", "by-hand", .. here]), StringComparison.Ordinal);
        await Eventually.Holds(() => Task.FromResult(receiver.Received.Count == 2), Soon, () => "it was sent again");
        Assert.Equal(receiver.Received[0].Id, receiver.Received[1].Id);
        await town.Server.Command(["events", "subscription", "delete", "demo", "by-hand", .. here]);
        (await town.TryShow("by-hand")).Is(404);
        Assert.Contains("Microsoft.Communication.ChatThreadCreated", await town.Server.Command(["events", "types", .. here]), StringComparison.Ordinal);
    }

    private static List<string> Texts(EventReceiver receiver) => [.. receiver.Received.Where(each => each.Data.TryGetProperty("messageBody", out _)).Select(each => each.Data.GetProperty("messageBody").GetString()!)];

    private static Task Answer(HttpContext context, int status)
    {
        context.Response.StatusCode = status;
        return Task.CompletedTask;
    }

    /// <summary>Everything that can happen in a thread. What is read of a message is what it is by then, so each change is told before the next is made.</summary>
    private static async Task<string> Converse(Wire wire, EventReceiver receiver, WireUser ada, WireUser bo, WireUser cy)
    {
        var thread = (await wire.AsUser(ada.Token, HttpMethod.Post, $"/chat/threads?api-version={Wire.ChatVersion}", new
        {
            topic = "A thread",
            participants = new[] { new { communicationIdentifier = bo.Identifier, displayName = "Bo" } },
        })).Is(201).Json.GetProperty("chatThread").GetProperty("id").GetString()!;
        var message = (await wire.AsUser(ada.Token, HttpMethod.Post, Wire.Chat(thread, "/messages"), new { content = "Hello <b>all</b>", senderDisplayName = "Ada", type = "html", metadata = new { a = "b" } }))
            .Is(201).Json.GetProperty("id").GetString()!;
        await Told("ChatMessageReceivedInThread");
        (await wire.AsUser(ada.Token, HttpMethod.Patch, Wire.Chat(thread, $"/messages/{message}"), new { content = "Hello again" })).Is(204);
        await Told("ChatMessageEditedInThread");
        (await wire.AsUser(ada.Token, HttpMethod.Delete, Wire.Chat(thread, $"/messages/{message}"))).Is(204);
        (await wire.AsUser(ada.Token, HttpMethod.Patch, Wire.Chat(thread), new { topic = "Another topic" })).Is(204);
        (await wire.AsUser(ada.Token, HttpMethod.Post, Wire.Chat(thread, "/participants/:add"), new { participants = new[] { new { communicationIdentifier = cy.Identifier, displayName = "Cy" } } })).Is(201);
        await Told("ChatThreadParticipantAdded");
        (await wire.AsUser(ada.Token, HttpMethod.Post, Wire.Chat(thread, "/typing"), new { senderDisplayName = "Ada" })).Is(200);
        await Told(Typing);
        (await wire.AsUser(ada.Token, HttpMethod.Post, Wire.Chat(thread, "/participants/:remove"), cy.Identifier)).Is(204);
        await Told("ChatThreadParticipantRemoved");
        (await wire.AsUser(ada.Token, HttpMethod.Delete, Wire.Chat(thread))).Is(204);
        await Told("ChatThreadDeleted");
        return thread;

        Task Told(string type) => Eventually.Holds(() => Task.FromResult(receiver.Received.Any(each => each.Type == type)), Soon, () => $"{type} was told; there were {Kinds(receiver)}");
    }

    private static (string Subject, T Data) One<T>(IEnumerable<(string Subject, object? Data)> all)
    {
        var only = all.Single(each => each.Data is T);
        return (only.Subject, (T)only.Data!);
    }

    private static string Kinds(EventReceiver receiver) => string.Join(", ", receiver.Received.GroupBy(each => each.Type).Select(group => $"{group.Count()} {group.Key}"));

    /// <summary>One server for all of them.</summary>
    public sealed class Town : IAsyncLifetime
    {
        private string _owner = "";
        private int _names;

        internal ServerProcess Server { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            Server = await ServerProcess.Start();
            _owner = await new Administration(Server).Token("owner");
        }

        public ValueTask DisposeAsync() => Server.DisposeAsync();

        internal Wire Wire() => new(Server.Europe, Server.CertificateAuthority);

        internal HttpClient Http() => new(new SocketsHttpHandler { SslOptions = new() { CertificateChainPolicy = DemoResource.Trusting(Server.CertificateAuthority) } });

        internal async Task<string> Subscribe(
            EventReceiver receiver, string schema = "EventGridSchema", string[]? types = null, string beginsWith = "", string endsWith = "", string query = "")
        {
            var name = $"subscription-{Interlocked.Increment(ref _names)}";
            var made = (await TrySubscribe(receiver, name, schema, types, beginsWith, endsWith, query)).Is(201).Json;
            Assert.Equal("Active", made.GetProperty("state").GetString());
            return name;
        }

        internal Task<Answer> TrySubscribe(
            EventReceiver receiver, string name, string schema = "EventGridSchema", string[]? types = null, string beginsWith = "", string endsWith = "", string query = "") =>
            TrySubscribe(receiver.Url + query, name, schema, types, beginsWith, endsWith);

        internal Task<Answer> TrySubscribe(string target, string name, string schema, string[]? types = null, string beginsWith = "", string endsWith = "", int? minutes = null) =>
            Ask(HttpMethod.Post, "", new
            {
                name,
                target,
                targetGeography = "Europe",
                schema,
                eventTypes = types,
                subjectBeginsWith = beginsWith,
                subjectEndsWith = endsWith,
                headers = new[] { new { name = "x-api-key", value = "secret-value" } },
                deadLetters = true,
                eventTimeToLiveInMinutes = minutes,
            });

        internal async Task Unsubscribe(string name) => (await Ask(HttpMethod.Delete, $"/{name}")).Is(204);

        internal async Task<JsonElement> Show(string name) => (await TryShow(name)).Is(200).Json;

        internal Task<Answer> TryShow(string name) => Ask(HttpMethod.Get, $"/{name}");

        internal Task<Answer> List() => Ask(HttpMethod.Get, "");

        /// <summary>What was audited of subscriptions, in order.</summary>
        internal async Task<List<string>> Audited()
        {
            using var wire = new Administration(Server).Wire();
            (await wire.AsUser(_owner, HttpMethod.Post, "/audit/checkpoints")).Is(200);
            var audited = new List<string>();
            for (var next = "/audit/openedEntries"; next is not null;)
            {
                var page = (await wire.AsUser(_owner, HttpMethod.Get, next)).Is(200).Json;
                foreach (var entry in page.GetProperty("value").EnumerateArray())
                {
                    var content = JsonElement.Parse(entry.GetProperty("content").GetString()!);
                    if (entry.GetProperty("act").GetString() is { } act && act.StartsWith("event", StringComparison.Ordinal))
                    {
                        audited.Add($"{act}: {content.GetProperty("detail").GetString()}{(content.TryGetProperty("reason", out var reason) ? $", for {reason.GetString()}" : "")}");
                    }
                }

                next = page.TryGetProperty("nextLink", out var link) ? link.GetString() : null;
            }

            return audited;
        }

        internal async Task Turn(TimeSpan forward)
        {
            using var wire = new Administration(Server).Wire();
            (await wire.AsUser(_owner, HttpMethod.Post, "/test/clock:turn", new { forwardSeconds = (int)forward.TotalSeconds })).Is(200);
        }

        internal async Task<Answer> Ask(HttpMethod method, string path, object? body = null)
        {
            using var wire = new Administration(Server).Wire();
            return await wire.AsUser(_owner, method, $"/resources/demo/event-subscriptions{path}", body);
        }
    }
}
