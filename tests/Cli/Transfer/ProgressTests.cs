using Domicile.Cli;
using Domicile.Cli.Transfer;
using Domicile.Tests.Support;

namespace Domicile.Tests.Cli.Transfer;

/// <summary>What a run says while it goes on.</summary>
public sealed class ProgressTests : IDisposable
{
    private readonly ManualClock _clock = new();
    private readonly StringWriter _error = new();

    public void Dispose() => _error.Dispose();

    [Fact]
    public async Task It_has_a_bar_a_rate_and_the_time_that_remains()
    {
        var (waits, total) = (0, (int?)null);
        await using var progress = new Progress(Terminal(), () => waits, () => total);
        Assert.Equal("listing threads", progress.Line());
        total = 8;
        Assert.Equal("moving [........................] 0 of 8 threads, 0 messages, 0/s, just begun", progress.Line());
        _clock.Turn(TimeSpan.FromSeconds(20));
        progress.Messages(400);
        progress.Done(0);
        progress.Done(100);
        waits = 3;
        Assert.Equal("moving [######..................] 2 of 8 threads, 500 messages, 25/s, 0:01:00 left, asked to wait 3 times", progress.Line());
    }

    [Fact]
    public async Task What_an_earlier_run_did_does_not_make_this_one_look_faster()
    {
        await using var progress = new Progress(Terminal(), () => 0, () => 100);
        for (var i = 0; i < 90; i++)
        {
            progress.Skipped();
        }

        _clock.Turn(TimeSpan.FromSeconds(10));
        progress.Done(50);
        Assert.Equal("moving [#####################...] 91 of 100 threads, 50 messages, 5/s, 0:01:30 left", progress.Line());
    }

    [Fact]
    public async Task The_comparison_begins_anew()
    {
        await using var progress = new Progress(Terminal(), () => 0, () => 2);
        _clock.Turn(TimeSpan.FromSeconds(10));
        progress.Done(50);
        progress.Done(50);
        progress.Next("comparing");
        _clock.Turn(TimeSpan.FromSeconds(1));
        progress.Done(30);
        Assert.Equal("comparing [############............] 1 of 2 threads, 30 messages, 30/s, 0:00:01 left", progress.Line());
    }

    [Fact]
    public async Task It_is_written_from_time_to_time_and_a_line_each_where_nobody_looks_on()
    {
        await using (new Progress(Terminal(), () => 0, () => 1))
        {
            _clock.Turn(TimeSpan.FromSeconds(30));
            _clock.Turn(TimeSpan.FromSeconds(30));
        }

        Assert.Equal(2, _error.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.DoesNotContain('\r', _error.ToString());
    }

    private Terminal Terminal() => new(TextReader.Null, TextWriter.Null, _error, _ => null, _clock, Interactive: false);
}
