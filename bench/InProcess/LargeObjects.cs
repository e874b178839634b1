using System.Diagnostics.Tracing;
using Domicile.Modules.Chat;
using Domicile.Residency;

namespace Domicile.Bench.InProcess;

/// <summary>Whether sending allocates anything on the large-object heap, whose collection is that of everything: what the runtime itself reports while messages are sent.</summary>
internal static class LargeObjects
{
    private const int Messages = 50_000;
    private static readonly string Text = string.Concat(Enumerable.Repeat("The quick brown fox jumps over the lazy dog. ", 7))[..300];

    public static async Task Run(Options options)
    {
        Machine.PrintHead("Large objects, in process", options.Arguments);
        await using var place = await Place.Open();
        var (person, _, _) = await place.Person();
        var threads = new List<Ref<ChatThread>>();
        for (var i = 0; i < 200; i++)
        {
            threads.Add(await place.Thread(person));
        }

        Task Send() => Parallel.ForAsync(0, Messages, new ParallelOptions { MaxDegreeOfParallelism = 64 }, async (i, _) => await place.Send(threads[i % threads.Count], person, Text));

        // Warm first: what grows to its size once is not on the hot path.
        await Send();
        using var listener = new Listener();
        var control = new byte[200_000];
        await Task.Delay(TimeSpan.FromMilliseconds(500));
        var (seenSmall, seenLarge) = (listener.Small, listener.Large);
        await Send();
        await Task.Delay(TimeSpan.FromMilliseconds(500));
        var table = new Table("while 50,000 messages are sent", "samples of allocations below 85 kB", "samples of allocations above");
        table.Add("control: one array of 200 kB", seenSmall, seenLarge);
        table.Add("sending", listener.Small - seenSmall, listener.Large - seenLarge);
        table.Print();
        GC.KeepAlive(control);
    }

    /// <summary>Listens to the runtime's samples of allocations, one for each 100 kB, of either kind.</summary>
    private sealed class Listener : EventListener
    {
        private const EventKeywords Gc = (EventKeywords)1;

        public int Small;
        public int Large;

        protected override void OnEventSourceCreated(EventSource source)
        {
            if (source.Name == "Microsoft-Windows-DotNETRuntime")
            {
                EnableEvents(source, EventLevel.Verbose, Gc);
            }
        }

        protected override void OnEventWritten(EventWrittenEventArgs told)
        {
            if (told.EventName?.StartsWith("GCAllocationTick", StringComparison.Ordinal) == true)
            {
                Interlocked.Increment(ref (uint)told.Payload![1]! == 1 ? ref Large : ref Small);
            }
        }
    }
}
