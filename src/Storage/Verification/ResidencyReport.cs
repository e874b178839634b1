namespace Domicile.Storage.Verification;

/// <summary>What a check of everything that a scale unit keeps has found so far, or in the end.</summary>
/// <param name="Geography">The geography.</param>
/// <param name="Phase">What it looks at now: the name of a kind, <c>keys</c>, <c>identifiers</c>, <c>files</c>; <c>done</c> at the end.</param>
/// <param name="StartedOn">When it began.</param>
/// <param name="EndedOn">When it ended; null while it runs.</param>
/// <param name="Failure">Why it could not be finished; null when it was, or still runs.</param>
/// <param name="Kinds">Each kind that was looked at, with its counts.</param>
/// <param name="Keys">Wrapped keys that were opened.</param>
/// <param name="Identifiers">Sealed identifiers of people that were opened.</param>
/// <param name="Files">Sealed files that were opened, every chunk of them.</param>
/// <param name="UnclaimedFiles">Files that no record names yet or any more; the housekeeping collects them.</param>
/// <param name="ViolationCount">How many violations there are.</param>
/// <param name="Violations">The first thousand of them.</param>
/// <param name="NotShown">What a check of this sort cannot show.</param>
public sealed record ResidencyReport(
    string Geography,
    string Phase,
    DateTimeOffset StartedOn,
    DateTimeOffset? EndedOn,
    string? Failure,
    IReadOnlyList<CheckedKind> Kinds,
    long Keys,
    long Identifiers,
    long Files,
    long UnclaimedFiles,
    long ViolationCount,
    IReadOnlyList<Violation> Violations,
    IReadOnlyList<string> NotShown);

/// <summary>The records of one kind.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Records">Rows that were read.</param>
/// <param name="Opened">Rows that opened under the geography's keys, in the place that their seal names.</param>
/// <param name="Tombstones">Rows whose person was erased: they hold no content, and nothing seals that they are empty.</param>
/// <param name="Shredded">Rows whose key was destroyed: unreadable, and about to be removed.</param>
/// <param name="Violations">Rows with which something is wrong.</param>
public sealed record CheckedKind(string Kind, long Records, long Opened, long Tombstones, long Shredded, long Violations);

/// <summary>Something that is not as it must be. It names what and where, never content.</summary>
/// <param name="Kind">The kind of record, or <c>key</c>, <c>bucket</c>, <c>identifier</c>, <c>file</c>.</param>
/// <param name="Key">Its key, as the database has it.</param>
/// <param name="Resource">The id of its resource, or its number when there is no such resource; null for what belongs to none.</param>
/// <param name="Fault">What is wrong.</param>
public sealed record Violation(string Kind, string Key, string? Resource, string Fault);
