namespace Domicile.Modules.Http;

/// <summary>
/// The clock of a development server: the machine's, and as much ahead of it as it was turned. It only goes forward, so that nothing that happened lies in the
/// future. Only what the server says the time is, is turned; waits last as long as they last.
/// </summary>
/// <param name="machine">The clock of the machine.</param>
public sealed class TurnableClock(TimeProvider machine) : TimeProvider
{
    /// <summary>How far ahead of the machine's clock it can be at most.</summary>
    public static readonly TimeSpan AheadMax = TimeSpan.FromDays(3_650);

    private long _aheadTicks;

    /// <summary>How far it is ahead of the machine's clock.</summary>
    public TimeSpan Ahead => TimeSpan.FromTicks(Interlocked.Read(ref _aheadTicks));

    /// <inheritdoc/>
    public override TimeZoneInfo LocalTimeZone => machine.LocalTimeZone;

    /// <inheritdoc/>
    public override long TimestampFrequency => machine.TimestampFrequency;

    /// <summary>The clock of the machine: what a caller dates or counts by a clock of their own is compared with it, because theirs is not turned.</summary>
    public static TimeProvider MachineOf(TimeProvider clock) => clock is TurnableClock turnable ? turnable.Machine : clock;

    private TimeProvider Machine => machine;

    /// <summary>Turns it forward.</summary>
    /// <returns>False when it would be further ahead than <see cref="AheadMax"/>, or go back; it is then where it was.</returns>
    public bool Turn(TimeSpan forward)
    {
        while (true)
        {
            var ahead = Interlocked.Read(ref _aheadTicks);
            if (forward < TimeSpan.Zero || forward.Ticks > AheadMax.Ticks - ahead)
            {
                return false;
            }

            if (Interlocked.CompareExchange(ref _aheadTicks, ahead + forward.Ticks, ahead) == ahead)
            {
                return true;
            }
        }
    }

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => machine.GetUtcNow() + Ahead;

    /// <inheritdoc/>
    public override long GetTimestamp() => machine.GetTimestamp();

    /// <inheritdoc/>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        machine.CreateTimer(callback, state, dueTime, period);
}
