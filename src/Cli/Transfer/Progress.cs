using System.Globalization;

namespace Domicile.Cli.Transfer;

/// <summary>Says how far a run is: in one line that changes where a person looks on, else in a line from time to time. It goes to standard error.</summary>
internal sealed class Progress : IAsyncDisposable
{
    private static readonly TimeSpan Often = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Rarely = TimeSpan.FromSeconds(30);

    /// <summary>To the line's beginning, and what stands there is taken away: the next may be shorter.</summary>
    private const string Over = "\r\e[K";

    private readonly Terminal terminal;
    private readonly Func<int> throttled;
    private readonly Func<int?> total;
    private readonly CancellationTokenSource stopping = new();
    private readonly Task running;
    private long started;
    private string what = "moving";
    private int threads;
    private int skipped;
    private long messages;

    /// <summary>Begins to speak.</summary>
    /// <param name="terminal">Where to.</param>
    /// <param name="throttled">How often the source asked to wait so far.</param>
    /// <param name="total">How many threads there are; null while that is not known.</param>
    public Progress(Terminal terminal, Func<int> throttled, Func<int?> total)
    {
        (this.terminal, this.throttled, this.total) = (terminal, throttled, total);
        started = terminal.Clock.GetTimestamp();
        running = Speak();
    }

    /// <summary>A thread is done, with messages that were not counted yet.</summary>
    public void Done(int more)
    {
        Interlocked.Increment(ref threads);
        Interlocked.Add(ref messages, more);
    }

    /// <summary>Messages of a thread that is not done yet.</summary>
    public void Messages(int more) => Interlocked.Add(ref messages, more);

    /// <summary>A thread was done by an earlier run: it says nothing of how fast this one is.</summary>
    public void Skipped()
    {
        Interlocked.Increment(ref skipped);
        Interlocked.Increment(ref threads);
    }

    /// <summary>Everything from its beginning once more, for another purpose.</summary>
    public void Next(string purpose)
    {
        Interlocked.Exchange(ref started, terminal.Clock.GetTimestamp());
        Interlocked.Exchange(ref threads, 0);
        Interlocked.Exchange(ref skipped, 0);
        Interlocked.Exchange(ref messages, 0);
        Volatile.Write(ref what, purpose);
    }

    /// <summary>The line as it is now.</summary>
    public string Line()
    {
        var (done, earlier, moved) = (Volatile.Read(ref threads), Volatile.Read(ref skipped), Interlocked.Read(ref messages));
        if (total() is not { } all)
        {
            return "listing threads";
        }

        var elapsed = terminal.Clock.GetElapsedTime(Interlocked.Read(ref started));
        var rate = elapsed.TotalSeconds > 0 ? moved / elapsed.TotalSeconds : 0;
        const int width = 24;
        var bar = new string('#', (int)(width * Math.Min(1, all > 0 ? done / (double)all : 1))).PadRight(width, '.');
        var left = done > earlier ? TimeSpan.FromSeconds(elapsed.TotalSeconds / (done - earlier) * Math.Max(0, all - done)).ToString(@"h\:mm\:ss", CultureInfo.InvariantCulture) + " left" : "just begun";
        var waits = throttled() is > 0 and var count ? $", asked to wait {count} times" : "";
        return string.Create(CultureInfo.InvariantCulture, $"{Volatile.Read(ref what)} [{bar}] {done} of {all} threads, {moved} messages, {rate:0}/s, {left}{waits}");
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        stopping.Dispose();
        if (terminal.Interactive)
        {
            await terminal.Error.WriteAsync(Over + Line() + "\n");
        }
    }

    private async Task Speak()
    {
        while (true)
        {
            await Task.Delay(terminal.Interactive ? Often : Rarely, terminal.Clock, stopping.Token);
            await terminal.Error.WriteAsync(terminal.Interactive ? Over + Line() : Line() + "\n");
        }
    }
}
