using System.Globalization;
using Domicile.Modules.Chat;
using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Transfer;

/// <summary>Reads threads and messages so that they can be written elsewhere. Whoever was erased is nobody.</summary>
internal static class ThreadExport
{
    /// <summary>A page of threads, with who is or was in them and how far each has read.</summary>
    public static async ValueTask<ExportThreadsReply> Threads(Home home, long? after, CancellationToken cancel)
    {
        var page = await home.Store.Range<ChatThread>().After(after is { } key ? ColumnValue.Of(key) : (ColumnValue?)null).Take(TransferLimits.Threads).Open(cancel);
        var threads = new List<TransferThread>(page.Count);
        foreach (var thread in page)
        {
            var participants = await home.Store.Range<ChatParticipant>(thread.Key).Open(cancel);
            var receipts = await home.Store.Range<ChatReceipt>(thread.Key).Open(cancel);
            var ids = await home.Resolve(Identifier.CommunicationUser, participants.Select(each => each.Person).Concat(receipts.Select(each => each.Person)).Append(thread.CreatedBy), cancel);
            threads.Add(new TransferThread
            {
                Id = thread.PublicId,
                Topic = thread.Topic,
                CreatedOn = thread.CreatedOn,
                CreatedBy = ids.GetValueOrDefault(thread.CreatedBy),
                Metadata = thread.Metadata,
                DeleteAfterDays = thread.DeleteAfterDays,
                Participants =
                [
                    .. participants.Where(each => ids.ContainsKey(each.Person)).Select(each => new TransferParticipant
                    {
                        User = ids[each.Person],
                        AddedOn = each.AddedOn,
                        RemovedOn = each.RemovedOn,
                        DisplayName = each.DisplayName,
                        ShareHistoryTime = each.ShareHistoryTime,
                        AddedBy = each.AddedBy,
                        RemovedBy = each.RemovedBy,
                        Metadata = each.Metadata,
                    }).OrderBy(each => each.User, StringComparer.Ordinal),
                ],
                Receipts =
                [
                    .. receipts.Where(each => ids.ContainsKey(each.Person)).Select(each => new TransferReceipt(ids[each.Person], each.MessageId.ToString(CultureInfo.InvariantCulture), each.ReadOn))
                        .OrderBy(each => each.User, StringComparer.Ordinal),
                ],
            });
        }

        return new ExportThreadsReply(threads, page.Count == 0 ? null : page[^1].Key.Value.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>A page of a thread's messages.</summary>
    public static async ValueTask<ExportMessagesReply> Messages(Home home, ChatThread thread, long after, CancellationToken cancel)
    {
        var page = await home.Store.Range<ChatMessage>(thread.Key).After(after).Take(TransferLimits.Messages).Open(cancel);
        var ids = await home.Resolve(
            Identifier.CommunicationUser,
            page.SelectMany(message => message.Participants ?? []).Concat(page.SelectMany(message => (SubjectRef[])[message.Sender, message.Initiator])),
            cancel);
        return new ExportMessagesReply([.. page.Select(message => ModelOf(message, ids, home.ResourceId))], page.Count == 0 ? null : page[^1].Id.ToString(CultureInfo.InvariantCulture));
    }

    private static TransferMessage ModelOf(ChatMessage message, IReadOnlyDictionary<SubjectRef, string> ids, Guid resource)
    {
        var isGone = message.DeletedOn is not null || message.ErasedOn is not null;
        return new TransferMessage
        {
            Id = message.Id.ToString(CultureInfo.InvariantCulture),
            Identity = message.SealId,
            Type = TransferLimits.Types[(int)message.Type],
            Version = message.ShownVersion.ToString(CultureInfo.InvariantCulture),
            CreatedOn = message.CreatedOn,
            Sender = message.ErasedOn is not null ? null : ids.GetValueOrDefault(message.Sender),
            SenderDisplayName = isGone ? null : message.SenderDisplayName,
            Content = isGone ? null : message.Content,
            Topic = message.Topic,
            Participants = message.Participants?.Select(person => ids.GetValueOrDefault(person) ?? CommunicationIdentifier.ErasedIdOf(resource)).ToList(),
            Initiator = ids.GetValueOrDefault(message.Initiator),
            EditedOn = message.EditedOn,
            DeletedOn = message.GoneOn,
            Metadata = isGone ? null : message.Metadata,
        };
    }
}
