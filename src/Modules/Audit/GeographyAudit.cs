using Domicile.Residency;
using Domicile.Storage;
using Microsoft.Extensions.Logging;

namespace Domicile.Modules.Audit;

/// <summary>The audit log of one geography: its sequencer, its key, its checkpoints.</summary>
internal sealed partial class GeographyAudit : IDisposable
{
    /// <summary>How old the newest checkpoint may be while there are newer entries. A receipt waits for it a minute at most.</summary>
    public static readonly TimeSpan CheckpointEvery = TimeSpan.FromSeconds(30);

    private const int SignersMax = 16;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;
    private readonly byte[] _secret;
    private readonly BoundedCache<string, NoteSigner> _signers = new(SignersMax);
    private readonly SemaphoreSlim _one = new(1, 1);

    private GeographyAudit(Home home, byte[] secret, NoteSigner witnessing, TimeProvider clock, ILogger log)
    {
        Home = home;
        _secret = secret;
        _clock = clock;
        _log = log;
        AsWitness = new AuditWitness(home, witnessing);
        Sequencer = new AuditSequencer(home, clock, log);
    }

    /// <summary>The geography's own records.</summary>
    public Home Home { get; }

    /// <summary>Gives entries their places.</summary>
    public AuditSequencer Sequencer { get; }

    /// <summary>This geography as the witness of another.</summary>
    public AuditWitness AsWitness { get; }

    /// <summary>The geography that signs this one's checkpoints too; null when the node serves no other.</summary>
    public AuditWitness? Witness { get; set; }

    /// <summary>Reads the keys.</summary>
    public static async Task<GeographyAudit> Open(Home home, TimeProvider clock, ILogger log, CancellationToken cancel)
    {
        var witnessing = new NoteSigner($"domicile-audit-witness/{home.Geography.Slug}", await home.Secret("audit witness", cancel));
        return new GeographyAudit(home, await home.Secret("audit log", cancel), witnessing, clock, log);
    }

    /// <summary>The key that signs a log's checkpoints.</summary>
    public NoteKey KeyOf(AuditLog log) => SignerOf(log.Origin).Key;

    /// <summary>The newest checkpoint of a log, or null when there is none yet.</summary>
    public async ValueTask<StoredCheckpoint?> Newest(long log, CancellationToken cancel) =>
        await Home.Store.Range<StoredCheckpoint>(log).Descending().Take(1).Open(cancel) is [var newest] ? newest : null;

    /// <summary>A log by its number; without one, the current.</summary>
    public async ValueTask<AuditLog?> Find(long? number, CancellationToken cancel) =>
        number is { } given ? await Home.Store.Get<AuditLog>([given], cancel) : await AuditSequencer.Current(Home, cancel);

    /// <summary>Takes the log as far as the feed is, and signs a checkpoint when it is time, or when there is anything new and it is asked for now.</summary>
    /// <returns>The log, and its newest checkpoint; null for an empty log.</returns>
    public async Task<(AuditLog Log, StoredCheckpoint? Newest)> Advance(bool now, CancellationToken cancel)
    {
        await _one.WaitAsync(cancel);
        try
        {
            var log = await Sequencer.CatchUp(cancel);
            var newest = await Newest(log.Number, cancel);
            if (log.Size == (newest?.Size ?? 0) || (!now && newest is not null && _clock.GetUtcNow() - newest.SignedOn < CheckpointEvery))
            {
                return (log, newest);
            }

            if (Witness is { } witness && await witness.Seen(log.Origin, cancel) is { } seen && !await Continues(log, seen, cancel))
            {
                // The store was put back from a copy without anyone saying so, or somebody changed the tree: either way it is another log from here on.
                log = await Sequencer.Continue(log, seen, cancel);
            }

            return (log, await Sign(log, cancel));
        }
        finally
        {
            _one.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Sequencer.Dispose();
        _one.Dispose();
    }

    private async Task<bool> Continues(AuditLog log, AuditPredecessor seen, CancellationToken cancel)
    {
        if (seen.Size > log.Size)
        {
            return false;
        }

        var tree = new AuditTree(Home, log.Number);
        var (root, proof) = (await tree.Root(log.Size, cancel), await tree.Consistency(seen.Size, log.Size, cancel));
        return MerkleProof.IsContinued(seen.Size, seen.Root, log.Size, root, proof);
    }

    private async Task<StoredCheckpoint> Sign(AuditLog log, CancellationToken cancel)
    {
        var signer = SignerOf(log.Origin);
        var tree = new AuditTree(Home, log.Number);
        var signedOn = DateTimeOffset.FromUnixTimeSeconds(_clock.GetUtcNow().ToUnixTimeSeconds());
        var checkpoint = new AuditCheckpoint(log.Origin, log.Size, await tree.Root(log.Size, cancel), signedOn) { Continues = log.Continues };
        var text = checkpoint.ToText();
        var note = new SignedNote(text, [signer.Sign(text)]);
        if (Witness is { } witness)
        {
            var seen = await witness.Seen(log.Origin, cancel);
            if (await witness.Sign(note, signer.Key, await tree.Consistency(seen?.Size ?? 0, log.Size, cancel), cancel) is { } signature)
            {
                note = note.With(signature);
            }
            else
            {
                LogUnwitnessed(Home.Geography.Name, log.Size);
            }
        }

        var stored = new StoredCheckpoint { Log = log.Number, Size = log.Size, SignedOn = signedOn, Note = note.ToString() };
        var outcome = await Home.Store.Commit(b => b.Insert(stored), cancel);
        return outcome.Refused is null ? stored
            : outcome.Refused == StorageProblems.Exists && await Newest(log.Number, cancel) is { } theirs ? theirs
            : throw new StoreUnavailableException(outcome.Refused.Title);
    }

    private NoteSigner SignerOf(string origin)
    {
        if (!_signers.TryGet(origin, out var signer))
        {
            signer = new NoteSigner(origin, _secret);
            _signers.Add(origin, signer);
        }

        return signer;
    }

    [LoggerMessage(3203, LogLevel.Warning, "{Geography}: the witness did not sign the checkpoint of {Size} entries")]
    private partial void LogUnwitnessed(string geography, long size);
}
