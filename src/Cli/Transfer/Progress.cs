using System.Globalization;

namespace Domicile.Cli.Transfer;

/// <summary>Says how far a run is: in one line that changes where a person looks on, else in a line from time to time. It goes to standard error.</summary>
internal sealed class Progress : IAsyncDisposable
{
    private static readonly TimeSpan Often = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Rarely = TimeSpan.FromSeconds(30);
    private readonly Terminal terminal;
    private readonly Func<int> throttled;
    private readonly long started;
    private readonly CancellationTokenSource stopping = new();
    private readonly Task running;
    private int threads;
    private int found;
    private int isListed;
    private long messages;

    /// <summary>Begins to speak.</summary>
    /// <param name="terminal">Where to.</param>
    /// <param name="throttled">How often the source asked to wait so far.</param>
    public Progress(Terminal terminal, Func<int> throttled)
    {
        (this.terminal, this.throttled) = (terminal, throttled);
        started = terminal.Clock.GetTimestamp();
        running = Speak();
    }

    /// <summary>Messages that were moved.</summary>
    public long Moved => Interlocked.Read(ref messages);

    /// <summary>A thread is done, with messages that were not counted yet.</summary>
    public void Done(int more)
    {
        Interlocked.Increment(ref threads);
        Interlocked.Add(ref messages, more);
    }

    /// <summary>Messages of a thread that is not done yet.</summary>
    public void Messages(int more) => Interlocked.Add(ref messages, more);

    /// <summary>Counts what is listed.</summary>
    public async IAsyncEnumerable<SourceThread> Counting(IAsyncEnumerable<SourceThread> listed)
    {
        await foreach (var thread in listed)
        {
            Interlocked.Increment(ref found);
            yield return thread;
        }

        Interlocked.Exchange(ref isListed, 1);
    }

    /// <summary>The line as it is now.</summary>
    public string Line()
    {
        var (done, all, moved) = (Volatile.Read(ref threads), Volatile.Read(ref found), Interlocked.Read(ref messages));
        var elapsed = terminal.Clock.GetElapsedTime(started);
        var rate = elapsed.TotalSeconds > 0 ? moved / elapsed.TotalSeconds : 0;
        var share = all > 0 ? done / (double)all : 0;
        const int width = 24;
        var bar = new string('#', (int)(share * width)).PadRight(width, '.');
        var left = Volatile.Read(ref isListed) == 1 && done > 0 ? TimeSpan.FromSeconds(elapsed.TotalSeconds / done * (all - done)).ToString(@"h\:mm\:ss", CultureInfo.InvariantCulture) + " left" : "listing";
        var waits = throttled() is > 0 and var count ? $", asked to wait {count} times" : "";
        return string.Create(CultureInfo.InvariantCulture, $"[{bar}] {done} of {all} threads, {moved} messages, {rate:0}/s, {left}{waits}");
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        stopping.Dispose();
        if (terminal.Interactive)
        {
            await terminal.Error.WriteAsync("\r" + Line() + "\n");
        }
    }

    private async Task Speak()
    {
        while (true)
        {
            await Task.Delay(terminal.Interactive ? Often : Rarely, terminal.Clock, stopping.Token);
            await terminal.Error.WriteAsync(terminal.Interactive ? "\r" + Line() : Line() + "\n");
        }
    }
}
