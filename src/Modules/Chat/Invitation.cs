using Domicile.Modules.Http;
using Domicile.Residency;

namespace Domicile.Modules.Chat;

/// <summary>Someone whom a request brings into a thread.</summary>
/// <param name="Subject">The person.</param>
/// <param name="Model">What the request says of them.</param>
/// <param name="WithMetadata">Whether the request's version has metadata of participants.</param>
internal sealed record Invitation(SubjectRef Subject, ParticipantModel Model, bool WithMetadata)
{
    /// <summary>Tells apart whom a request can add from whom it cannot: only existing users of the resource. Who is named twice counts once.</summary>
    public static async ValueTask<(List<Invitation> People, List<ChatErrorModel> Invalid)> Read(
        Call call, IReadOnlyList<ParticipantModel> participants, CancellationToken cancel)
    {
        var people = new List<Invitation>();
        var invalid = new List<ChatErrorModel>();
        foreach (var participant in participants)
        {
            var id = participant?.CommunicationIdentifier?.UserId;
            if (!CommunicationIdentifier.IsUserOf(call.Home.ResourceId, id)
                || await call.Home.FindSubject(new Identifier(Identifier.CommunicationUser, id!), cancel) is not { } subject)
            {
                invalid.Add(new ChatErrorModel("404", "Only existing communication users of this resource can be added.", participant?.CommunicationIdentifier?.Named));
            }
            else if (people.TrueForAll(person => person.Subject != subject))
            {
                people.Add(new Invitation(subject, participant!, ChatVersions.HasThreadMetadata(call.ApiVersion)));
            }
        }

        return (people, invalid);
    }

    /// <summary>Their membership, when they are new to the thread or come back.</summary>
    /// <param name="thread">The thread.</param>
    /// <param name="now">When they are added.</param>
    /// <param name="addedBy">The message that tells of it; null at the thread's beginning.</param>
    public ChatParticipant In(Ref<ChatThread> thread, DateTimeOffset now, Guid? addedBy) => new()
    {
        Thread = thread,
        Person = Subject,
        AddedOn = now,
        DisplayName = Model.DisplayName,
        ShareHistoryTime = Model.ShareHistoryTime,
        AddedBy = addedBy,
        Metadata = WithMetadata ? ThreadPatch.Merge(null, Model.Metadata) : null,
    };
}
