using System.Diagnostics.Metrics;
using Domicile.Modules.Chat;
using Domicile.Modules.Realtime;
using Domicile.Residency;
using Domicile.Server;
using Domicile.Storage;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Domicile.Tests.Modules.Realtime;

public sealed class TellingTests
{
    private static readonly FeedEntry Entry = new(
        41, new DateTimeOffset(2026, 3, 1, 8, 0, 0, TimeSpan.Zero), 7, ProductModules.Catalogue().Kinds.Single(kind => kind.ClrType == typeof(ChatMessage)), Change.Inserted, [], 1);

    private static readonly ChatHappening Happening = new ChatHappening.Typing
    {
        ThreadId = "19:thread@thread.v2",
        Version = 1,
        By = new ChatPerson("8:acs:someone", "Someone"),
        Audience = [new SubjectRef(2)],
    };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_entry_that_can_never_be_told_is_tried_a_few_times_counted_and_left_out_without_saying_whose_it_is()
    {
        var log = new Lines();
        var tries = 0;
        var skipped = 0L;
        using var listener = new MeterListener { InstrumentPublished = (instrument, listener) => Heed(instrument, listener) };
        listener.SetMeasurementEventCallback<long>((_, measured, _, _) => Interlocked.Add(ref skipped, measured));
        listener.Start();

        var told = await new Telling("Europe", TimeProvider.System, log).Of(Entry, _ => ++tries > 0 ? throw new FormatException("Ada wrote: hello") : default, Cancel);

        Assert.Empty(told);
        Assert.Equal(Telling.Attempts, tries);
        Assert.Equal(1, skipped);
        var line = Assert.Single(log.Said);
        Assert.Contains("41", line, StringComparison.Ordinal);
        Assert.Contains(nameof(FormatException), line, StringComparison.Ordinal);
        Assert.DoesNotContain("Ada", line, StringComparison.Ordinal);
        Assert.DoesNotContain("hello", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_entry_that_can_be_told_at_last_is_told_once()
    {
        var log = new Lines();
        var tries = 0;

        var told = await new Telling("Europe", TimeProvider.System, log).Of(
            Entry, _ => ++tries < Telling.Attempts ? throw new FormatException() : ValueTask.FromResult<IReadOnlyList<ChatHappening>>([Happening]), Cancel);

        var (audience, outgoing) = Assert.Single(told);
        Assert.Equal([new SubjectRef(2)], audience);
        Assert.Equal(Entry.Position, outgoing.Position);
        Assert.Empty(log.Said);
    }

    [Fact]
    public async Task A_store_that_does_not_answer_is_no_fault_of_the_entrys()
    {
        var tries = 0;
        await Assert.ThrowsAsync<StoreUnavailableException>(async () =>
            await new Telling("Europe", TimeProvider.System, NullLogger.Instance).Of(Entry, _ => ++tries > 0 ? throw new StoreUnavailableException("away") : default, Cancel));
        Assert.Equal(1, tries);
    }

    [Fact]
    public async Task Who_stops_is_not_taken_for_a_fault()
    {
        using var stopping = new CancellationTokenSource();
        await stopping.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            await new Telling("Europe", TimeProvider.System, NullLogger.Instance).Of(Entry, cancel => throw new OperationCanceledException(cancel), stopping.Token));
    }

    private static void Heed(Instrument instrument, MeterListener listener)
    {
        if (instrument.Name == "domicile.realtime.skipped")
        {
            listener.EnableMeasurementEvents(instrument);
        }
    }

    private sealed class Lines : ILogger
    {
        public List<string> Said { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Said.Add(formatter(state, exception) + exception);
    }
}
