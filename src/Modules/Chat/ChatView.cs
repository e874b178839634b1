using System.Globalization;
using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Chat;

/// <summary>Turns records into what a caller of one API version is told, resolving handles to ids; whoever was erased is nobody.</summary>
internal sealed class ChatView(Home home, string version)
{
    private readonly bool _withKind = ChatVersions.HasKinds(version);
    private IReadOnlyDictionary<SubjectRef, string> _ids = new Dictionary<SubjectRef, string>();
    private Dictionary<SubjectRef, ChatParticipant> _participants = [];

    /// <summary>A thread's properties.</summary>
    public async ValueTask<ThreadModel> Thread(ChatThread thread, CancellationToken cancel)
    {
        await Resolve([thread.CreatedBy], cancel);
        return new ThreadModel
        {
            Id = thread.PublicId,
            Topic = thread.Topic,
            CreatedOn = thread.CreatedOn,
            CreatedByCommunicationIdentifier = Identifier(thread.CreatedBy),
            Metadata = ChatVersions.HasThreadMetadata(version) ? thread.Metadata : null,
            RetentionPolicy = ChatVersions.HasThreadMetadata(version) && thread.DeleteAfterDays is { } days ? new RetentionPolicyModel("threadCreationDate", days) : null,
        };
    }

    /// <summary>Participants, leaving out who was erased.</summary>
    public async ValueTask<IReadOnlyList<ParticipantModel>> Participants(IReadOnlyList<ChatParticipant> participants, CancellationToken cancel)
    {
        await Resolve(participants.Select(participant => participant.Person), cancel);
        return [.. participants.Where(participant => _ids.ContainsKey(participant.Person)).Select(Participant)];
    }

    /// <summary>Read receipts, leaving out those of who was erased.</summary>
    public async ValueTask<IReadOnlyList<ReceiptModel>> Receipts(IReadOnlyList<ChatReceipt> receipts, CancellationToken cancel)
    {
        await Resolve(receipts.Select(receipt => receipt.Person), cancel);
        return
        [
            .. receipts.Where(receipt => _ids.ContainsKey(receipt.Person)).Select(receipt => new ReceiptModel(
                Identifier(receipt.Person), receipt.MessageId.ToString(CultureInfo.InvariantCulture), receipt.ReadOn)),
        ];
    }

    /// <summary>Messages of one thread.</summary>
    public async ValueTask<IReadOnlyList<MessageModel>> Messages(Ref<ChatThread> thread, IReadOnlyList<ChatMessage> messages, CancellationToken cancel)
    {
        await Resolve(messages.SelectMany(message => message.Participants ?? []).Concat(messages.SelectMany(message => (SubjectRef[])[message.Sender, message.Initiator])), cancel);
        if (messages.Any(message => message.Participants is not null))
        {
            var all = await home.Store.Range<ChatParticipant>(thread).Open(cancel);
            _participants = all.ToDictionary(participant => participant.Person);
        }

        return [.. messages.Select(Message)];
    }

    private MessageModel Message(ChatMessage message)
    {
        var isGone = message.DeletedOn is not null || message.ErasedOn is not null;
        return new MessageModel
        {
            Id = message.Id.ToString(CultureInfo.InvariantCulture),
            Type = NameOf(message.Type),
            SequenceId = message.SequenceId.ToString(CultureInfo.InvariantCulture),
            Version = message.ShownVersion.ToString(CultureInfo.InvariantCulture),
            Content = isGone ? null : Content(message),
            SenderDisplayName = isGone ? null : message.SenderDisplayName,
            CreatedOn = message.CreatedOn,
            SenderCommunicationIdentifier = message.Sender.IsNone || message.ErasedOn is not null ? null : Identifier(message.Sender),
            DeletedOn = message.GoneOn,
            EditedOn = message.EditedOn,
            Metadata = isGone || !ChatVersions.HasMessageMetadata(version) ? null : message.Metadata,
        };
    }

    private MessageContentModel Content(ChatMessage message) => message.Type switch
    {
        ChatMessageType.Text or ChatMessageType.Html => new MessageContentModel { Message = message.Content },
        ChatMessageType.TopicUpdated => new MessageContentModel { Topic = message.Topic, InitiatorCommunicationIdentifier = Identifier(message.Initiator) },
        _ => new MessageContentModel
        {
            Participants = [.. (message.Participants ?? []).Select(Mentioned)],
            InitiatorCommunicationIdentifier = Identifier(message.Initiator),
        },
    };

    private ParticipantModel Mentioned(SubjectRef person) =>
        _participants.TryGetValue(person, out var participant) && _ids.ContainsKey(person)
            ? Participant(participant)
            : new ParticipantModel { CommunicationIdentifier = Identifier(person) };

    private ParticipantModel Participant(ChatParticipant participant) => new()
    {
        CommunicationIdentifier = Identifier(participant.Person),
        DisplayName = participant.DisplayName,
        ShareHistoryTime = participant.ShareHistoryTime,
        Metadata = ChatVersions.HasThreadMetadata(version) ? participant.Metadata?.ToDictionary(pair => pair.Key, pair => (string?)pair.Value) : null,
    };

    private CommunicationIdentifier Identifier(SubjectRef person) =>
        CommunicationIdentifier.OfUser(_ids.GetValueOrDefault(person) ?? CommunicationIdentifier.ErasedIdOf(home.ResourceId), _withKind);

    private async ValueTask Resolve(IEnumerable<SubjectRef> people, CancellationToken cancel) =>
        _ids = await home.Resolve(Residency.Identifier.CommunicationUser, people, cancel);

    private static string NameOf(ChatMessageType type) => type switch
    {
        ChatMessageType.Html => "html",
        ChatMessageType.TopicUpdated => "topicUpdated",
        ChatMessageType.ParticipantAdded => "participantAdded",
        ChatMessageType.ParticipantRemoved => "participantRemoved",
        _ => "text",
    };
}
