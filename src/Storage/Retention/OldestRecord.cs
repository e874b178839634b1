namespace Domicile.Storage;

/// <summary>The record of a kind whose rule ended it first, among those that are not held.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Instant">The instant from which its rule counts: its age, its date, the event.</param>
/// <param name="Due">When its rule ends it.</param>
/// <param name="Overdue">How long ago that was; zero when it lies ahead.</param>
public sealed record OldestRecord(string Kind, DateTimeOffset Instant, DateTimeOffset Due, TimeSpan Overdue);
