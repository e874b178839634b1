using Domicile.Modules.Transfer;

namespace Domicile.Cli.Transfer;

/// <summary>Where users, threads and messages are moved from.</summary>
internal interface ITransferSource : IDisposable
{
    /// <summary>What kind of source it is, in a word.</summary>
    string Kind { get; }

    /// <summary>The resource whose users they are.</summary>
    Guid Resource { get; }

    /// <summary>What could not be listed, and why; complete once the threads were listed.</summary>
    IReadOnlyList<string> Notes { get; }

    /// <summary>How many threads there are; null until they were listed.</summary>
    int? ThreadCount { get; }

    /// <summary>The telephone numbers of the resource, in E.164. Only a carrier can move them, so they are told of and not moved.</summary>
    Task<IReadOnlyList<string>> PhoneNumbers(CancellationToken cancel);

    /// <summary>The users that the source names.</summary>
    IAsyncEnumerable<TransferUser> Users(CancellationToken cancel);

    /// <summary>The threads. Each can be read once, in their order or several at a time.</summary>
    IAsyncEnumerable<SourceThread> Threads(CancellationToken cancel);
}

/// <summary>A thread at the source.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Read">Reads it whole.</param>
internal sealed record SourceThread(string Id, Func<CancellationToken, Task<ReadThread>> Read);

/// <summary>A thread as it was read.</summary>
/// <param name="Thread">The thread, with its participants and receipts.</param>
/// <param name="Messages">Its messages, from the oldest.</param>
internal sealed record ReadThread(TransferThread Thread, IReadOnlyList<TransferMessage> Messages)
{
    /// <summary>What could not be read, and why.</summary>
    public IReadOnlyList<string> Unreadable { get; init; } = [];

    /// <summary>Authors and participants that are no communication users of the resource, with how often each is named.</summary>
    public IReadOnlyDictionary<string, int> Unmapped { get; init; } = new Dictionary<string, int>();

    /// <summary>Where attachments lie at the source; they are not moved.</summary>
    public IReadOnlyList<string> Attachments { get; init; } = [];

    /// <summary>Every user of the resource that it names.</summary>
    public IEnumerable<string> Users =>
        (Thread.Participants ?? []).Select(participant => participant.User)
            .Concat((Thread.Receipts ?? []).Select(receipt => receipt.User))
            .Concat(Messages.SelectMany(message => (message.Participants ?? []).Append(message.Sender).Append(message.Initiator).OfType<string>()))
            .Concat(Thread.CreatedBy is { } creator ? [creator] : [])
            .Distinct(StringComparer.Ordinal);
}
