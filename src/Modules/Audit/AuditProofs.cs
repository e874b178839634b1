using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Audit;

/// <summary>Proofs for whoever hands out something that rests on an entry of the audit log.</summary>
public sealed class AuditProofs
{
    private readonly AuditLogs _logs;

    internal AuditProofs(AuditLogs logs) => _logs = logs;

    /// <summary>The entry with the proof that it is in the log, under its newest checkpoint.</summary>
    /// <param name="geography">The geography.</param>
    /// <param name="scaleUnit">The scale unit whose log it is in.</param>
    /// <param name="day">The day on which it was written.</param>
    /// <param name="entry">Its id.</param>
    /// <param name="cancel">Gives up.</param>
    /// <returns>Null while no checkpoint covers it, which takes a minute at most, and when its content has expired.</returns>
    public async ValueTask<AuditProof?> Of(Geography geography, string scaleUnit, DateTimeOffset day, long entry, CancellationToken cancel)
    {
        if (_logs.Of(geography, scaleUnit) is not { } audit
            || await audit.Home.Store.Get<AuditEntry>([AuditDay.Of(day), new Ref<AuditEntry>(entry)], cancel) is not { Content: { } content, Salt: { } salt } written
            || await AuditTree.Find(audit.Home, entry, -1, new Dictionary<TileKey, AuditTile>(), cancel) is not var (number, index)
            || await audit.Find(number, cancel) is not { } log
            || await audit.Newest(number, cancel) is not { } newest
            || newest.Size <= index)
        {
            return null;
        }

        var proof = await new AuditTree(audit.Home, number).Inclusion(index, newest.Size, cancel);
        return new AuditProof(written.At, written.Act, Convert.ToBase64String(salt), content, index, newest.Size, [.. proof.Select(Convert.ToBase64String)], newest.Note, audit.KeyOf(log).ToString());
    }
}
