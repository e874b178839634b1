using Domicile.Modules.Chat;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Tests.Modules;

public sealed class IdleThreadsTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_thread_goes_thirty_days_after_its_last_message_and_takes_everything_with_it()
    {
        await using var place = await ModuleHome.Open();
        var (quiet, spoken) = (await Thread(place), await Thread(place));
        place.Clock.Turn(TimeSpan.FromDays(20));
        await Say(place, spoken);
        place.Clock.Turn(TimeSpan.FromDays(10) - TimeSpan.FromMilliseconds(1));
        Assert.Equal(0, await place.Unit.Housekeeping.SweepIdle(Cancel));
        place.Clock.Turn(TimeSpan.FromMilliseconds(1));
        Assert.Equal(1, await place.Unit.Housekeeping.SweepIdle(Cancel));
        Assert.Null(await place.Home.Store.Get<ChatThread>([quiet], Cancel));
        Assert.NotNull(await place.Home.Store.Get<ChatThread>([spoken], Cancel));
        place.Clock.Turn(TimeSpan.FromDays(20));
        Assert.Equal(1, await place.Unit.Housekeeping.SweepIdle(Cancel));
        await place.Unit.Housekeeping.Purge(Cancel);
        Assert.Empty(await place.Home.Store.Range<ChatMessage>(spoken).Open(Cancel));
    }

    [Fact]
    public async Task A_resource_sets_another_time_or_never()
    {
        await using var place = await ModuleHome.Open();
        var thread = await Thread(place);
        Assert.Null(await RetentionRule.Set(place.Home, "chat.thread", 0, new AuditNote(AuditedAct.RuleChanged, "node"), Cancel));
        place.Clock.Turn(TimeSpan.FromDays(400));
        Assert.Equal(0, await place.Unit.Housekeeping.SweepIdle(Cancel));
        Assert.Null(await RetentionRule.Set(place.Home, "chat.thread", 500, new AuditNote(AuditedAct.RuleChanged, "node"), Cancel));
        Assert.Equal(0, await place.Unit.Housekeeping.SweepIdle(Cancel));
        await Say(place, thread);
        place.Clock.Turn(TimeSpan.FromDays(499));
        Assert.Equal(0, await place.Unit.Housekeeping.SweepIdle(Cancel));
        place.Clock.Turn(TimeSpan.FromDays(1));
        Assert.Equal(1, await place.Unit.Housekeeping.SweepIdle(Cancel));
    }

    [Fact]
    public async Task The_rule_of_one_resource_is_not_anothers()
    {
        await using var place = await ModuleHome.Open();
        var neighbour = await place.Unit.Own.Administration!.Add(Guid.NewGuid(), Cancel);
        Assert.Null(await RetentionRule.Set(neighbour, "chat.thread", 0, new AuditNote(AuditedAct.RuleChanged, "node"), Cancel));
        var (ours, theirs) = (await Thread(place), await Thread(place, neighbour));
        place.Clock.Turn(TimeSpan.FromDays(30));
        Assert.Equal(1, await place.Unit.Housekeeping.SweepIdle(Cancel));
        Assert.Null(await place.Home.Store.Get<ChatThread>([ours], Cancel));
        Assert.NotNull(await neighbour.Store.Get<ChatThread>([theirs], Cancel));
    }

    [Fact]
    public async Task A_look_at_many_threads_goes_on_where_it_was()
    {
        await using var place = await ModuleHome.Open();
        await Task.WhenAll(Enumerable.Range(0, 2_100).Select(_ => Thread(place)));
        place.Clock.Turn(TimeSpan.FromDays(30));
        Assert.Equal(2_100, await place.Unit.Housekeeping.SweepIdle(Cancel));
        Assert.Equal(0, await place.Unit.Housekeeping.SweepIdle(Cancel));
    }

    private static async Task<Ref<ChatThread>> Thread(ModuleHome place, Home? home = null)
    {
        home ??= place.Home;
        var thread = new ChatThread
        {
            Key = home.References.Next<ChatThread>(),
            PublicId = $"19:{Guid.NewGuid():N}@thread.v2",
            CreatedOn = place.Clock.GetUtcNow(),
            Topic = "t",
            CreatedBy = SubjectRef.None,
        };
        Assert.Null((await home.Store.Commit(b => b.Insert(thread), Cancel)).Refused);
        return thread.Key;
    }

    private static async Task Say(ModuleHome place, Ref<ChatThread> thread) =>
        Assert.Null((await place.Home.Store.Commit(b => b.Lock(thread, ChatProblems.NoThread).Append(ChatMessages.Told(thread, ChatMessageType.TopicUpdated, SubjectRef.None)), Cancel)).Refused);
}
