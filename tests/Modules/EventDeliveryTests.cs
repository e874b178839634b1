using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Domicile.Modules.Chat;
using Domicile.Modules.Events;
using Domicile.Modules.Http;
using Domicile.Modules.Http.Outbound;
using Domicile.Residency;
using Domicile.Server;
using Domicile.Storage;
using Domicile.Tests.Storage;
using Domicile.Tests.Support;

namespace Domicile.Tests.Modules;

public sealed class SqliteEventDeliveryTests() : EventDeliveryTests(new SqliteFixture());

[Trait("needs", "postgres")]
public sealed class PostgresEventDeliveryTests : EventDeliveryTests
{
    private readonly PostgresFixture _fixture;

    public PostgresEventDeliveryTests()
        : this(new PostgresFixture())
    {
    }

    private PostgresEventDeliveryTests(PostgresFixture fixture)
        : base(fixture)
    {
        _fixture = fixture;
    }

    [Fact]
    public async Task Of_two_nodes_one_tells_and_the_other_goes_on_when_it_is_gone()
    {
        await using var receiver = await EventReceiver.Start();
        await Subscribe(receiver);
        await using var another = await _fixture.OpenAnother(ProductModules.Catalogue());
        var first = Dispatch();
        var thread = await Thread();
        await Say(Ada, thread, "0");
        await Until(() => receiver.Received.Count == 1);
        await using var second = Dispatch(unit: another);
        for (var i = 1; i < 30; i++)
        {
            await Say(Ada, thread, $"{i}");
        }

        await Until(() => Texts(receiver).Distinct().Count() == 30);
        Assert.Equal(30, receiver.Received.Count);
        await first.DisposeAsync();
        for (var i = 30; i < 60; i++)
        {
            await Say(Ada, thread, $"{i}");
        }

        await Until(() => Texts(receiver).Distinct().Count() == 60, TimeSpan.FromMilliseconds(100));
        Assert.Equal(Enumerable.Range(0, 60).Select(i => $"{i}"), Texts(receiver).Distinct());
    }
}

/// <summary>What waits for a customer's system, on both engines, with targets that fail in every way, and a clock that the test turns.</summary>
public abstract class EventDeliveryTests(StoreFixture fixture) : IAsyncLifetime
{
    private const string Message = "Microsoft.Communication.ChatMessageReceivedInThread";
    private readonly OutboundClient _client = new(new OutboundRules { AllowsLoopback = true });
    private SubjectRef _ada;
    private SubjectRef _bo;

    private protected SubjectRef Ada => _ada;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private Home Home => fixture.Home;

    public async ValueTask InitializeAsync()
    {
        await fixture.Open(ProductModules.Catalogue());
        (_ada, _bo) = (await Person(), await Person());
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        _client.Dispose();
        await fixture.DisposeAsync();
    }

    [Fact]
    public async Task What_fails_is_tried_again_in_its_place_and_holds_up_its_thread_and_no_other()
    {
        await using var receiver = await EventReceiver.Start();
        await Subscribe(receiver);
        await using var dispatch = Dispatch();
        var (one, other) = (await Thread(), await Thread());
        var failures = 0;
        receiver.Answer = (delivered, _) => Task.FromResult(TextOf(delivered) == "one 2" && Interlocked.Increment(ref failures) <= 2 ? 500 : 200);
        await Task.WhenAll(Enumerable.Range(1, 8).Select(i => Say(_bo, other, $"other {i}")));
        for (var i = 1; i <= 5; i++)
        {
            await Say(_ada, one, $"one {i}");
        }

        await Until(() => Texts(receiver).Count(text => text.StartsWith("other", StringComparison.Ordinal)) == 8 && Texts(receiver).Contains("one 2"));
        Assert.DoesNotContain("one 3", Texts(receiver));
        await Until(() => Texts(receiver).Contains("one 5"), TimeSpan.FromSeconds(1));
        Assert.Equal(["one 1", "one 2", "one 2", "one 2", "one 3", "one 4", "one 5"], Texts(receiver).Where(text => text.StartsWith("one", StringComparison.Ordinal)));
        var tries = receiver.Received.Where(each => TextOf(each) == "one 2").ToList();
        Assert.Single(tries.Select(each => each.Id).Distinct());
        Assert.Equal(["0", "1", "2"], tries.Select(each => each.Headers["aeg-delivery-count"]));
        await Until(async () => await Waiting() == 0);
    }

    [Fact]
    public async Task What_goes_well_is_told_without_being_written_down()
    {
        await using var receiver = await EventReceiver.Start();
        var subscription = await Subscribe(receiver);
        await using (var dispatch = Dispatch())
        {
            var threads = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => Thread()));
            await Task.WhenAll(threads.Select(async (thread, n) =>
            {
                for (var i = 0; i < 20; i++)
                {
                    await Say(_ada, thread, $"{n} {i}");
                }
            }));
            await Until(() => receiver.Received.Count == 200);
            foreach (var texts in Texts(receiver).GroupBy(text => text.Split(' ')[0]))
            {
                Assert.Equal(Enumerable.Range(0, 20).Select(i => $"{texts.Key} {i}"), texts);
            }

            await Until(async () => await Remembered() >= await LastMessage());
        }

        Assert.Empty(await Written());
        Assert.Equal(200, (await fixture.Store.Get<EventTally>([subscription], Cancel))!.Delivered);
    }

    [Fact]
    public async Task The_position_is_remembered_as_far_as_everything_was_told_or_written_down_and_no_further()
    {
        await using var receiver = await EventReceiver.Start();
        await Subscribe(receiver);
        var isOpen = new TaskCompletionSource();
        receiver.Answer = async (delivered, _) =>
        {
            if (TextOf(delivered) == "held up")
            {
                await isOpen.Task;
            }

            return 200;
        };
        await using var dispatch = Dispatch();
        var (one, other) = (await Thread(), await Thread());
        await Say(_ada, other, "before");
        await Until(() => Texts(receiver).Contains("before"));
        await Until(async () => await Remembered() >= await LastMessage());
        await Say(_ada, one, "held up");
        var heldUp = await LastMessage();
        await Say(_ada, one, "behind it");
        await Say(_ada, other, "after");
        await Until(() => Texts(receiver).Contains("after") && Texts(receiver).Contains("held up"), TimeSpan.FromMilliseconds(1));

        // It is looked at several times meanwhile, and less than a second goes by.
        for (var i = 0; i < 20; i++)
        {
            await Task.Delay(10, Cancel);
            fixture.Clock.Turn(TimeSpan.FromMilliseconds(20));
            Assert.True(await Remembered() < heldUp || await Waiting() > 0, "The position was remembered beyond something that is neither told nor written down.");
        }

        // Then it is written down, and what comes behind it; the position goes on, and the answer still counts.
        await Until(async () => await Waiting() == 2, TimeSpan.FromMilliseconds(50));
        await Until(async () => await Remembered() >= await LastMessage(), TimeSpan.FromMilliseconds(50));
        isOpen.SetResult();
        await Until(async () => await Waiting() == 0, TimeSpan.FromMilliseconds(50));
        // Each once, and in the order of its thread; the two threads have none.
        Assert.Equal(["before", "after"], Texts(receiver).Where(text => text is "before" or "after"));
        Assert.Equal(["held up", "behind it"], Texts(receiver).Except(["before", "after"]));
        Assert.Equal(4, receiver.Received.Count);
    }

    [Fact]
    public async Task A_person_who_is_erased_while_something_of_them_is_in_memory_is_told_of_no_more()
    {
        await using var receiver = await EventReceiver.Start();
        await Subscribe(receiver);
        var isOpen = new TaskCompletionSource();
        receiver.Answer = async (_, _) =>
        {
            await isOpen.Task;
            return 200;
        };
        await using var dispatch = Dispatch();
        var thread = await Thread();
        await Say(_bo, thread, "first");
        await Say(_ada, thread, "of whoever goes");
        await Say(_bo, thread, "last");
        await Until(() => receiver.Received.Count == 1, TimeSpan.FromMilliseconds(1));
        Assert.Null(await Home.EraseSubject(_ada, _ => { }, Cancel));
        isOpen.SetResult();
        await Until(() => receiver.Received.Count >= 2);
        await Until(async () => await Waiting() == 0);
        Assert.Equal(["first", "last"], Texts(receiver));
    }

    [Fact]
    public async Task Whoever_cannot_keep_up_is_told_from_records_in_order_and_holds_up_nobody()
    {
        await using var slow = await EventReceiver.Start();
        await using var good = await EventReceiver.Start();
        await Subscribe(slow, "slow");
        await Subscribe(good, "good");
        var isOpen = new TaskCompletionSource();
        slow.Answer = async (_, _) =>
        {
            await isOpen.Task;
            return 200;
        };
        await using var dispatch = Dispatch();
        var threads = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Thread()));
        const int Each = (EventLimits.InMemoryPerTarget / 20) + 25;
        await Task.WhenAll(threads.Select(async (thread, n) =>
        {
            for (var i = 0; i < Each; i++)
            {
                await Say(_ada, thread, $"{n} {i}");
            }
        }));
        await Until(() => good.Received.Count == 20 * Each);
        await Until(async () => await Waiting("slow") == 20 * Each);
        isOpen.SetResult();
        await Until(() => Texts(slow).Distinct().Count() == 20 * Each);
        foreach (var receiver in (EventReceiver[])[good, slow])
        {
            foreach (var texts in Texts(receiver).Distinct().GroupBy(text => text.Split(' ')[0]))
            {
                Assert.Equal(Enumerable.Range(0, Each).Select(i => $"{texts.Key} {i}"), texts);
            }
        }

        await Until(async () => await Waiting() == 0);
    }

    [Theory]
    [InlineData("hangs")]
    [InlineData("nobody")]
    [InlineData("garbage")]
    [InlineData("fails")]
    public async Task A_target_that_is_dead_delays_nobody_and_hears_everything_when_it_comes_back(string how)
    {
        await using var good = await EventReceiver.Start();
        using var dead = new DeadTarget(how);
        await Subscribe(good, "good");
        await Subscribe(dead.Port, "dead");
        await using var dispatch = Dispatch();
        var threads = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Thread()));
        await Task.WhenAll(threads.Select(async (thread, n) =>
        {
            for (var i = 0; i < 5; i++)
            {
                await Say(_ada, thread, $"{n} {i}");
            }
        }));

        // Nothing that waits for the dead one is waited for; when it has not been told within a second it is written down, sealed.
        await Until(() => good.Received.Count == 100);
        await Until(async () => await Waiting("dead") == 100);
        dead.Dispose();
        await using var back = await EventReceiver.Start(dead.Port);
        await Until(() => Texts(back).Distinct().Count() == 100, TimeSpan.FromSeconds(5));
        foreach (var texts in Texts(back).Distinct().GroupBy(text => text.Split(' ')[0]))
        {
            Assert.Equal(Enumerable.Range(0, 5).Select(i => $"{texts.Key} {i}"), texts);
        }

        await Until(async () => await Waiting("dead") == 0, TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task What_is_refused_or_tried_too_often_or_too_old_is_a_dead_letter_that_can_be_sent_again()
    {
        await using var receiver = await EventReceiver.Start();
        var subscription = await Subscribe(receiver, attempts: 2, minutes: 1);
        await using var dispatch = Dispatch();
        var (refused, often, old) = (await Thread(), await Thread(), await Thread());
        var isWell = false;
        receiver.Answer = (delivered, _) => Task.FromResult(isWell || TextOf(delivered) == "after" ? 200 : TextOf(delivered) == "refused" ? 400 : 500);
        await Say(_ada, refused, "refused");
        await Say(_ada, refused, "after");
        await Until(() => Texts(receiver).Contains("after"));
        await Say(_ada, often, "often");
        await Until(async () => (await Dead()).Count == 2, TimeSpan.FromSeconds(1));

        var letters = await Dead();
        Assert.Equal(["BadRequest", "MaxDeliveryAttemptsExceeded"], letters.Select(letter => letter.Reason));
        Assert.Equal([1, 2], letters.Select(letter => letter.Attempts));
        Assert.Equal(["BadRequest", "GenericError"], letters.Select(letter => letter.LastOutcome));
        Assert.Equal(["refused", "after", "often", "often"], Texts(receiver));

        // A circuit that is open makes no attempt, and time goes by all the same.
        await Say(_ada, old, "old");
        await Until(() => Texts(receiver).Contains("old"), TimeSpan.FromSeconds(1));
        fixture.Clock.Jump(TimeSpan.FromMinutes(1));
        await Until(async () => (await Dead()).Count == 3, TimeSpan.FromSeconds(1));
        Assert.Equal("TimeToLiveExceeded", (await Dead())[^1].Reason);
        Assert.Equal(0, await Waiting());

        isWell = true;
        var again = await Dead();
        await Commit(b =>
        {
            foreach (var letter in again)
            {
                b.Delete<DeadLetter>([letter.Day, ColumnValue.Of(letter.Number)])
                    .Insert(new EventNotice { Key = Home.References.Next<EventNotice>(), Person = letter.Person, At = fixture.Clock.GetUtcNow(), Content = letter.Content, Only = subscription, Lane = letter.Lane });
            }
        });
        var first = receiver.Received.Count;
        await Until(() => receiver.Received.Count == first + 3, TimeSpan.FromSeconds(5));
        Assert.Equal(["often", "old", "refused"], Texts(receiver).Skip(first).Order());
        Assert.Equal(receiver.Received.First(each => TextOf(each) == "old").Id, receiver.Received.Last(each => TextOf(each) == "old").Id);
        await Until(async () => (await fixture.Store.Get<EventTally>([subscription], Cancel)) is { Delivered: 4, DeadLettered: 3 }, TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task Without_dead_letters_what_is_given_up_is_gone_and_counted_and_so_is_what_has_no_room()
    {
        await using var receiver = await EventReceiver.Start();
        var subscription = await Subscribe(receiver, keepsDead: false);
        var isOpen = new TaskCompletionSource();
        receiver.Answer = async (delivered, _) =>
        {
            await isOpen.Task;
            return TextOf(delivered) == "0" ? 400 : 200;
        };
        await using var dispatch = Dispatch(waitingMax: 10);
        var thread = await Thread();
        for (var i = 0; i < 15; i++)
        {
            await Say(_ada, thread, $"{i}");
        }

        await Until(() => receiver.Received.Count == 1);
        await Until(async () => (await fixture.Store.Get<EventTally>([subscription], Cancel))?.Dropped == 5, TimeSpan.FromSeconds(1));
        isOpen.SetResult();
        await Until(() => receiver.Received.Count == 10, TimeSpan.FromSeconds(1));
        Assert.Equal(Enumerable.Range(0, 10).Select(i => $"{i}"), Texts(receiver));
        await Until(async () => (await fixture.Store.Get<EventTally>([subscription], Cancel)) is { Dropped: 6, Delivered: 9 }, TimeSpan.FromSeconds(1));
        Assert.Empty(await Dead());
    }

    [Fact]
    public async Task A_person_who_is_erased_is_told_of_no_more_and_nothing_of_them_waits()
    {
        await using var receiver = await EventReceiver.Start();
        await Subscribe(receiver, types: [Message, "Microsoft.Communication.ChatMessageReceived"]);
        await using var dispatch = Dispatch();
        var (thread, other) = (await Thread(), await Thread());
        var isWell = false;
        receiver.Answer = (delivered, _) => Task.FromResult(isWell ? 200 : TextOf(delivered) == "dead already" ? 400 : 503);
        await Say(_ada, thread, "dead already");
        await Until(async () => (await Dead()).Sum(letter => letter.Content.Parts.Count) == 3);
        await Say(_ada, thread, "waits");
        await Say(_bo, other, "stays");
        await Until(async () => await Waiting() == 2);
        Assert.NotEqual(0, await fixture.Rows("events_delivery", $"person = {_ada.Value}"));

        Assert.Null(await Home.EraseSubject(_ada, _ => { }, Cancel));
        await fixture.Unit.Housekeeping.Purge(Cancel);
        Assert.Equal(0, await fixture.Rows("events_delivery", $"person = {_ada.Value}"));
        Assert.Equal(0, await fixture.Rows("events_deadletter"));
        isWell = true;
        var before = receiver.Received.Count;
        await Until(() => receiver.Received.Skip(before).Count(each => TextOf(each) == "stays") == 2, TimeSpan.FromSeconds(5));
        await Until(async () => await Waiting() == 0, TimeSpan.FromSeconds(1));

        // One for the thread and one for Bo; whoever is gone is no recipient.
        Assert.Equal("stays stays", string.Join(' ', Texts(receiver).Skip(before)));
        Assert.DoesNotContain("waits", Texts(receiver).Skip(before));
    }

    [Fact]
    public async Task Dead_letters_go_with_their_thread_and_everything_with_its_subscription()
    {
        await using var receiver = await EventReceiver.Start();
        var subscription = await Subscribe(receiver);
        await using var dispatch = Dispatch();
        var (gone, stays) = (await Thread(), await Thread());
        receiver.Answer = (delivered, _) => Task.FromResult(TextOf(delivered) == "waits" ? 503 : 400);
        await Say(_ada, gone, "a");
        await Say(_ada, stays, "b");
        await Until(async () => (await Dead()).Count == 2);
        await Commit(b => b.Delete<ChatThread>([gone]));
        await Until(async () => (await Dead()).Count == 1);
        Assert.Equal(stays.Value, (await Dead())[0].Lane);

        await Say(_ada, stays, "waits");
        await Until(async () => await Waiting() == 1);
        await Commit(b => b.Delete<EventSubscription>([subscription]));
        await Until(async () => (await Dead()).Count == 0);
        await fixture.Unit.Housekeeping.Purge(Cancel);
        Assert.Equal(0, await fixture.Rows("events_delivery"));
        Assert.Equal(0, await fixture.Rows("events_tally"));
    }

    [Fact]
    public async Task A_hold_keeps_dead_letters_and_not_what_is_on_its_way()
    {
        await using var receiver = await EventReceiver.Start();
        await Subscribe(receiver);
        await using var dispatch = Dispatch();
        var thread = await Thread();
        receiver.Answer = (delivered, _) => Task.FromResult(TextOf(delivered) == "dead" ? 400 : 200);
        var terms = new HoldTerms("Case 4711", fixture.Clock.GetUtcNow().AddDays(30), new AuditNote(AuditedAct.HoldPlaced, "node"));
        Assert.Null((await Home.Holds.OnResource(terms, Cancel)).Refused);
        await Say(_ada, thread, "dead");
        await Say(_ada, thread, "alive");
        await Until(() => Texts(receiver).Contains("alive"));
        await Until(async () => await Waiting() == 0);
        var letter = Assert.Single(await Dead());
        var refused = (await fixture.Store.Commit(b => b.Delete<DeadLetter>([letter.Day, ColumnValue.Of(letter.Number)]), Cancel)).Refused;
        Assert.Equal("UnderHold", refused!.Code);
    }

    [Fact]
    public async Task Dead_letters_go_a_week_after_their_day()
    {
        await using var receiver = await EventReceiver.Start();
        await Subscribe(receiver);
        receiver.Answer = (_, _) => Task.FromResult(400);
        await using (var dispatch = Dispatch())
        {
            await Say(_ada, await Thread(), "dead");
            await Until(async () => (await Dead()).Count == 1);
        }

        fixture.Clock.Turn(TimeSpan.FromDays(7));
        await fixture.Unit.Housekeeping.Sweep(Cancel);
        Assert.Single(await Dead());
        fixture.Clock.Turn(TimeSpan.FromDays(1));
        await fixture.Unit.Housekeeping.Sweep(Cancel);
        await fixture.Unit.Housekeeping.Purge(Cancel);
        Assert.Empty(await Dead());
        Assert.Equal(0, await fixture.Rows("events_deadletter"));
    }

    [Fact]
    public async Task A_node_that_goes_away_is_followed_by_one_that_tells_the_rest_in_order()
    {
        await using var receiver = await EventReceiver.Start();
        await Subscribe(receiver);
        var threads = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => Thread()));
        var talking = Task.WhenAll(threads.Select(async (thread, n) =>
        {
            for (var i = 0; i < 30; i++)
            {
                await Say(_ada, thread, $"{n} {i}");
            }
        }));
        for (var round = 1; round <= 4; round++)
        {
            await using var dispatch = Dispatch();
            var wanted = round * 60;
            await Until(() => Texts(receiver).Distinct().Count() >= wanted, TimeSpan.FromSeconds(1));
        }

        await talking;
        await using var last = Dispatch();
        await Until(() => Texts(receiver).Distinct().Count() == 300, TimeSpan.FromSeconds(1));
        foreach (var texts in Texts(receiver).Distinct().GroupBy(text => text.Split(' ')[0]))
        {
            Assert.Equal(Enumerable.Range(0, 30).Select(i => $"{texts.Key} {i}"), texts);
        }

        Assert.Equal(300, receiver.Received.Select(each => each.Id).Distinct().Count());
        await Until(async () => await Waiting() == 0, TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task What_a_module_publishes_is_told_when_its_batch_is_done_and_not_when_it_is_refused()
    {
        await using var receiver = await EventReceiver.Start();
        await using var filtered = await EventReceiver.Start();
        await Subscribe(receiver, "all", types: []);
        await Subscribe(filtered, "some", types: ["Microsoft.Communication.Tested"], beginsWith: "things/2");
        await using var dispatch = Dispatch();
        PublishedEvent Of(int n) => new("Microsoft.Communication.Tested", $"things/{n}", $$"""{"n":{{n}},"text":"ü"}""", fixture.Clock.GetUtcNow()) { InOrderWith = "things" };
        await Commit(b => b.Publish(Home, Of(1)));
        var refused = await fixture.Store.Commit(b => b.Require<ChatThread>([ColumnValue.Of(1)], ChatProblems.NoThread).Publish(Home, Of(99)), Cancel);
        Assert.NotNull(refused.Refused);
        await Commit(b => b.Publish(Home, Of(2)).Publish(Home, Of(3)));
        await Until(() => receiver.Received.Count == 3 && filtered.Received.Count == 1);
        Assert.Equal(["things/1", "things/2", "things/3"], receiver.Received.Select(each => each.Subject));
        Assert.Equal("ü", receiver.Received[0].Data.GetProperty("text").GetString());
        Assert.Equal("things/2", filtered.Received.Single().Subject);
        Assert.Equal(receiver.Received[1].Id, filtered.Received.Single().Id);
        await Until(async () => await fixture.Rows("events_notice") == 0);
        Assert.Throws<ArgumentException>(() => new PublishedEvent("no type", "", "{}", default) is var bad ? fixture.Store.Commit(b => b.Publish(Home, bad), Cancel).AsTask().GetAwaiter().GetResult() : default);
        await Assert.ThrowsAsync<ArgumentException>(async () => await fixture.Store.Commit(b => b.Publish(Home, Of(1) with { Data = "[]" }), Cancel));
        await Assert.ThrowsAsync<ArgumentException>(async () => await fixture.Store.Commit(b => b.Publish(Home, Of(1) with { Data = "{" }), Cancel));
    }

    [Fact]
    public async Task A_message_that_was_altered_where_it_lies_is_not_told_and_holds_up_nobody()
    {
        await using var receiver = await EventReceiver.Start();
        await Subscribe(receiver);
        var (one, other) = (await Thread(), await Thread());
        await Say(_ada, one, "before");
        await Say(_ada, one, "altered");
        await Say(_ada, one, "after");
        await Say(_ada, other, "elsewhere");
        fixture.Tamper($"UPDATE chat_message SET version = version + 1 WHERE thread = {one.Value} AND sequence_id = 2");
        await using var dispatch = Dispatch();
        await Until(() => receiver.Received.Count >= 3);
        await Say(_ada, one, "later");
        await Until(() => Texts(receiver).Contains("later"));
        Assert.Equal(["after", "before", "elsewhere", "later"], Texts(receiver).Order());
        await Until(async () => await Remembered() >= await LastMessage());
    }

    [Fact]
    public async Task What_was_moved_in_is_told_to_nobody()
    {
        await using var receiver = await EventReceiver.Start();
        await Subscribe(receiver);
        await using var dispatch = Dispatch();
        var thread = await Thread();
        var past = fixture.Clock.GetUtcNow().AddDays(-100);
        await Commit(b => b.Lock(thread, ChatProblems.NoThread).Append(MessageOf(_ada, thread, "long ago") with { Id = past.ToUnixTimeMilliseconds(), CreatedAs = past }));
        await Say(_ada, thread, "now");
        await Until(() => receiver.Received.Count > 0);
        Assert.Equal(["now"], Texts(receiver));
    }

    private protected static List<string> Texts(EventReceiver receiver) => [.. receiver.Received.Select(TextOf)];

    private static string TextOf(Delivered delivered) => delivered.Data.GetProperty("messageBody").GetString()!;

    private protected EventDispatch Dispatch(int waitingMax = EventLimits.WaitingMax, ScaleUnit? unit = null)
    {
        var dispatch = new EventDispatch(new ChatHappenings(new ChatStore()), _client, fixture.Clock) { WaitingMax = waitingMax };
        dispatch.Prepare([(unit ?? fixture.Unit).Own]);
        dispatch.Start();
        return dispatch;
    }

    private protected Task<Ref<EventSubscription>> Subscribe(
        EventReceiver receiver, string name = "orders", string[]? types = null, int attempts = 30, int minutes = 1440, bool keepsDead = true, string beginsWith = "") =>
        Subscribe(receiver.Port, name, types, attempts, minutes, keepsDead, beginsWith);

    private async Task<Ref<EventSubscription>> Subscribe(int port, string name, string[]? types = null, int attempts = 30, int minutes = 1440, bool keepsDead = true, string beginsWith = "")
    {
        var subscription = new EventSubscription
        {
            Key = Home.References.Next<EventSubscription>(),
            Name = name,
            CreatedOn = fixture.Clock.GetUtcNow(),
            Target = $"http://localhost:{port}/events",
            Types = types ?? [Message],
            SubjectBeginsWith = beginsWith,
            Schema = EventSchema.EventGrid,
            Headers = [],
            AttemptsMax = attempts,
            LifeMinutes = minutes,
            KeepsDeadLetters = keepsDead,
            State = SubscriptionState.Active,
            Topic = "/a/topic",
            Origin = "localhost",
        };
        await fixture.Unit.Own.Store.Commit(b => b.Insert(new EventSubscriber { ResourceId = Home.ResourceId }), Cancel);
        await Commit(b => b.Insert(subscription));
        return subscription.Key;
    }

    private async Task<long> Waiting(string? name = null)
    {
        var subscriptions = await fixture.Store.Range<EventSubscription>().Open(Cancel);
        var sum = 0L;
        foreach (var subscription in subscriptions.Where(subscription => name is null || subscription.Name == name))
        {
            sum += await EventsStore.CountWaiting(Home, subscription.Key, Cancel);
        }

        return sum;
    }

    /// <summary>The position that is remembered.</summary>
    private async Task<long> Remembered() => await fixture.Store.Feed.Recall("events", Cancel) is { } position ? position.Number : 0;

    /// <summary>The place in the feed of the last message.</summary>
    private async Task<long> LastMessage() => (await Entries<ChatMessage>())[^1].Position;

    /// <summary>Every record of something that waited, that was ever written.</summary>
    private Task<List<FeedEntry>> Written() => Entries<EventDelivery>();

    private async Task<List<FeedEntry>> Entries<T>()
        where T : class
    {
        var at = new FeedPosition((await fixture.Store.Feed.End(Cancel)).Epoch, 0);
        var found = new List<FeedEntry>();
        while (await fixture.Store.Feed.Read(at, [fixture.Unit.Own.Administration!.Catalogue.Of<T>()], Cancel) is var (entries, through) && through != at)
        {
            found.AddRange(entries.Where(entry => entry.Kind.ClrType == typeof(T)));
            at = through;
        }

        return found;
    }

    private async Task<List<DeadLetter>> Dead() => [.. (await fixture.Store.Range<DeadLetter>().Open(Cancel)).OrderBy(letter => letter.Number)];

    private async Task<SubjectRef> Person() =>
        await Home.AddSubject([new Identifier(Identifier.CommunicationUser, CommunicationIdentifier.UserIdOf(Home.ResourceId, Guid.NewGuid()))], Cancel);

    private protected async Task<Ref<ChatThread>> Thread()
    {
        var now = fixture.Clock.GetUtcNow();
        var thread = new ChatThread { Key = Home.References.Next<ChatThread>(), PublicId = $"19:{Guid.NewGuid():N}@thread.v2", CreatedOn = now, Topic = "t", CreatedBy = _ada };
        await Commit(b => b.Insert(thread).Insert(new ChatParticipant { Thread = thread.Key, Person = _ada, AddedOn = now }).Insert(new ChatParticipant { Thread = thread.Key, Person = _bo, AddedOn = now }));
        return thread.Key;
    }

    private protected Task Say(SubjectRef person, Ref<ChatThread> thread, string text) => Commit(b => b.Lock(thread, ChatProblems.NoThread).Append(MessageOf(person, thread, text)));

    private static ChatMessage MessageOf(SubjectRef person, Ref<ChatThread> thread, string text) =>
        new() { Thread = thread, SealId = Guid.CreateVersion7(), Sender = person, Type = ChatMessageType.Text, Content = text };

    private async Task Commit(Action<Batch> build) => Assert.Null((await fixture.Store.Commit(build, Cancel)).Refused);

    private protected Task Until(Func<bool> holds, TimeSpan turning = default) => Until(() => Task.FromResult(holds()), turning);

    /// <summary>Waits, and has the clock go on meanwhile by as much with each look.</summary>
    private async Task Until(Func<Task<bool>> holds, TimeSpan turning = default)
    {
        var limit = TimeProvider.System.GetTimestamp();
        while (!await holds())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(limit) < TimeSpan.FromSeconds(90), "Not within 90 s.");
            await Task.Delay(10, Cancel);
            fixture.Clock.Turn(turning == default ? TimeSpan.FromMilliseconds(5) : turning);
        }
    }

    /// <summary>A target that never takes anything, each in another way.</summary>
    private sealed class DeadTarget : IDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly ConcurrentBag<Socket> _sockets = [];
        private readonly CancellationTokenSource _stopping = new();

        public DeadTarget(string how)
        {
            _listener.Start();
            Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
            if (how == "nobody")
            {
                _listener.Stop();
                return;
            }

            _ = Task.Run(async () =>
            {
                while (!_stopping.IsCancellationRequested)
                {
                    var socket = await _listener.AcceptSocketAsync(_stopping.Token);
                    _sockets.Add(socket);
                    if (how != "hangs")
                    {
                        _ = Task.Run(async () =>
                        {
                            await socket.ReceiveAsync(new byte[1], SocketFlags.Peek, _stopping.Token);
                            await socket.SendAsync(how == "garbage" ? "\0\0\0\x7f garbage \r\n\r\n"u8.ToArray() : "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"u8.ToArray(), _stopping.Token);
                            socket.Dispose();
                        });
                    }
                }
            });
        }

        public int Port { get; }

        public void Dispose()
        {
            _stopping.Cancel();
            _listener.Dispose();
            foreach (var socket in _sockets)
            {
                socket.Dispose();
            }
        }
    }
}
