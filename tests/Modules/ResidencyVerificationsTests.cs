using Domicile.Modules.Privacy;
using Domicile.Residency;
using Domicile.Tests.Conversations;

namespace Domicile.Tests.Modules;

/// <summary>A check as a job: begun once, asked after, stopped.</summary>
public sealed class ResidencyVerificationsTests
{
    private static readonly Geography Europe = Geography.Parse("Europe");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Whoever_begins_a_check_while_one_runs_gets_that_one_and_afterwards_a_new_one()
    {
        await using var place = await ModuleHome.Open();
        await using var verifications = new ResidencyVerifications();
        Assert.Equal((null, VerificationState.None), (verifications.Find(Europe).Id, verifications.Find(Europe).State));

        VerificationReply begun;
        await using (await Busy.Begin(place))
        {
            begun = verifications.Begin(place.Unit.Own);
            Assert.Equal((begun.Id, VerificationState.Running), (verifications.Begin(place.Unit.Own).Id, verifications.Begin(place.Unit.Own).State));
            Assert.Null(verifications.Find(Europe).Report!.EndedOn);
        }

        await Eventually.Holds(() => Task.FromResult(verifications.Find(Europe).State == VerificationState.Ended), TimeSpan.FromSeconds(30), () => "the check ends.");
        Assert.Equal((begun.Id, 0), (verifications.Find(Europe).Id, verifications.Find(Europe).Report!.ViolationCount));
        Assert.NotEqual(begun.Id, verifications.Begin(place.Unit.Own).Id);
    }

    [Fact]
    public async Task A_check_that_is_stopped_has_failed_and_says_why()
    {
        await using var place = await ModuleHome.Open();
        await using var verifications = new ResidencyVerifications();
        await verifications.Stop(Europe);
        await using (await Busy.Begin(place))
        {
            verifications.Begin(place.Unit.Own);
            await verifications.Stop(Europe);
            var stopped = verifications.Find(Europe);
            Assert.Equal((VerificationState.Failed, "It was stopped before its end."), (stopped.State, stopped.Report!.Failure));
        }
    }

    [Fact]
    public async Task A_node_that_stops_does_not_wait_for_a_check_to_end()
    {
        await using var place = await ModuleHome.Open();
        var verifications = new ResidencyVerifications();
        await using (await Busy.Begin(place))
        {
            verifications.Begin(place.Unit.Own);
            await verifications.DisposeAsync();
            Assert.Equal(VerificationState.Failed, verifications.Find(Europe).State);
        }
    }

    /// <summary>Keeps every connection of the store's readers, so that a check cannot get on.</summary>
    private sealed class Busy : IAsyncDisposable
    {
        private readonly ManualResetEventSlim _end = new();
        private readonly List<Task> _reads = [];

        public static async Task<Busy> Begin(ModuleHome place)
        {
            var busy = new Busy();
            var readers = Math.Max(4, Environment.ProcessorCount * 2);
            using var begun = new CountdownEvent(readers);
            for (var i = 0; i < readers; i++)
            {
                busy._reads.Add(Task.Factory.StartNew(
                    () => place.Home.Store.Query(
                        (_, _) =>
                        {
                            begun.Signal();
                            busy._end.Wait(CancellationToken.None);
                            return Task.FromResult(true);
                        },
                        CancellationToken.None).AsTask(),
                    Cancel,
                    TaskCreationOptions.LongRunning,
                    TaskScheduler.Default).Unwrap());
            }

            await Task.Run(begun.Wait, Cancel);
            return busy;
        }

        public async ValueTask DisposeAsync()
        {
            _end.Set();
            await Task.WhenAll(_reads);
            _end.Dispose();
        }
    }
}
