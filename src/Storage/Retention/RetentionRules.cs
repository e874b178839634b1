using System.Globalization;
using Domicile.Residency;

namespace Domicile.Storage;

/// <summary>What became of setting a rule.</summary>
/// <param name="Rule">The rule as it stands; null when it was refused.</param>
/// <param name="Refused">Why it was refused.</param>
public readonly record struct RuleSet(IRetentionRule? Rule, Problem? Refused);

/// <summary>The rules of retention that a resource sets itself: for a kind, and for a kind in one root.</summary>
public sealed class RetentionRules
{
    /// <summary>How long a rule that became shorter deletes nothing yet, when nothing else is said.</summary>
    public static readonly TimeSpan GraceDefault = TimeSpan.FromDays(7);

    private const int Attempts = 5;
    private readonly Home _home;
    private readonly ScaleUnit _unit;

    internal RetentionRules(Home home, ScaleUnit unit)
    {
        _home = home;
        _unit = unit;
    }

    /// <summary>The rule that a resource, or one root of it, set for a kind; null when it set none.</summary>
    public async ValueTask<IRetentionRule?> Find(string kind, long? root, CancellationToken cancel) =>
        root is { } key ? await _home.Store.Get<RootRetentionRule>([kind, key], cancel) : await _home.Store.Get<RetentionRule>([kind], cancel);

    /// <summary>Sets a rule. One that is shorter than before deletes nothing until its grace is over; a longer one holds at once.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="root">The root that it is for, or null for the whole resource.</param>
    /// <param name="days">Days within what the kind allows; 0 for no limit where it allows none.</param>
    /// <param name="grace">How long a shorter rule deletes nothing yet.</param>
    /// <param name="note">What the audit log says of it.</param>
    /// <param name="cancel">Gives up.</param>
    public async ValueTask<RuleSet> Set(string kind, long? root, int days, TimeSpan grace, AuditNote note, CancellationToken cancel)
    {
        if (_unit.Catalogue.Find(kind) is not { Choice: { } choice } known || !choice.Allows(days) || (root is not null && !choice.PerRoot))
        {
            return new(null, StorageProblems.NoSuchRule);
        }

        Problem? refused = null;
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var now = _unit.Clock.GetUtcNow();
            var before = await Find(kind, root, cancel);
            var held = before?.DaysAt(now) ?? (root is null ? choice.DefaultDays : 0);
            var isShorter = Length(days) < Length(held);
            IRetentionRule rule = root is { } key
                ? new RootRetentionRule { Kind = kind, Root = key, Days = days, PreviousDays = held, EffectiveOn = isShorter ? now + grace : null, Version = (before as RootRetentionRule)?.Version ?? 0 }
                : new RetentionRule { Kind = kind, Days = days, PreviousDays = held, EffectiveOn = isShorter ? now + grace : null, Version = (before as RetentionRule)?.Version ?? 0 };
            var told = note with { Detail = string.Create(CultureInfo.InvariantCulture, $"{kind}{(root is { } at ? $" in {at:x16}" : "")}: {held} to {days} days, effective {rule.EffectiveOn ?? now:o}") };
            var outcome = await _home.Store.Commit(
                b =>
                {
                    b.Audit(told);
                    if (root is { } at)
                    {
                        b.LockRoot(known.Idle is null ? known.Parent! : known, at, StorageProblems.Missing);
                    }

                    _ = rule switch
                    {
                        RootRetentionRule own => before is null ? b.Insert(own) : b.Put(own),
                        RetentionRule own => before is null ? b.Insert(own) : b.Put(own),
                        _ => b,
                    };
                },
                cancel);
            refused = outcome.Refused;
            if (refused is null)
            {
                return new(rule, null);
            }

            if (refused != StorageProblems.Changed && refused != StorageProblems.Exists)
            {
                break;
            }
        }

        return new(null, refused);
    }

    /// <summary>What a rule would delete were it in force now: how many records of each kind, those left out that are held.</summary>
    public async ValueTask<IReadOnlyDictionary<string, long>> Try(string kind, long? root, int days, CancellationToken cancel)
    {
        if (_unit.Catalogue.Find(kind) is not { Choice: { } choice } known || !choice.Allows(days) || (root is not null && !choice.PerRoot))
        {
            throw new ArgumentException("The kind has no such rule.", nameof(kind));
        }

        var counts = new SortedDictionary<string, long>(StringComparer.Ordinal);
        foreach (var (counted, sql) in _unit.Retention.WouldDelete(known, root is not null))
        {
            counts[counted.Name] = days == 0 ? 0 : await _home.Store.Query(
                async (connection, cancel) =>
                {
                    using var command = connection.CreateCommand();
#pragma warning disable CA2100 // Names of the catalogue, nothing that anybody sent.
                    command.CommandText = sql;
#pragma warning restore CA2100
                    var values = new List<(string Name, long Value)> { ("@resource", _home.Resource.Number), ("@before", _unit.Clock.GetUtcNow().AddDays(-days).ToUnixTimeMilliseconds()) };
                    if (root is { } key)
                    {
                        values.Add(("@root", key));
                    }

                    foreach (var (name, value) in values)
                    {
                        command.Add(name, value);
                    }

                    return Convert.ToInt64(await command.ExecuteScalarAsync(cancel), CultureInfo.InvariantCulture);
                },
                cancel);
        }

        return counts;
    }

    private static int Length(int days) => days == 0 ? int.MaxValue : days;
}
