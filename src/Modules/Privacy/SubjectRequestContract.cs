using System.Text.Json;
using System.Text.Json.Serialization;
using Domicile.Modules.Http;
using Domicile.Residency;

namespace Domicile.Modules.Privacy;

/// <summary>POST /privacy/subjectRequests.</summary>
/// <param name="RequestId">The request's id, chosen by the caller: sent again, it is the same request.</param>
/// <param name="Kind">What is asked: access, export, rectify, erase.</param>
/// <param name="Identifiers">About whom: one person under their identifiers, 1 to 20.</param>
/// <param name="Reason">Why, 1 to 1,024 characters.</param>
/// <param name="Changes">What is to be corrected, for rectify.</param>
internal sealed record MakeSubjectRequest(Guid? RequestId, string? Kind, IReadOnlyList<SubjectIdentifier>? Identifiers, string? Reason, IReadOnlyList<SubjectChange>? Changes);

/// <summary>An identifier of a person.</summary>
/// <param name="Type">communicationUser, customId, phoneNumber, email, teamsUser.</param>
/// <param name="Value">The identifier.</param>
internal sealed record SubjectIdentifier(string? Type, string? Value);

/// <summary>A correction in the records that are the person's.</summary>
/// <param name="Kind">The kind of record, such as chat.participant.</param>
/// <param name="Member">The member, such as displayName.</param>
/// <param name="Value">A text, an object of texts, or null.</param>
internal sealed record SubjectChange(string? Kind, string? Member, JsonElement Value);

/// <summary>A request and where it stands.</summary>
/// <param name="RequestId">Its id.</param>
/// <param name="Kind">What is asked.</param>
/// <param name="State">Where it stands.</param>
/// <param name="CreatedOn">When it was made.</param>
/// <param name="StartedOn">When the work began.</param>
/// <param name="CompletedOn">When it was over.</param>
/// <param name="Reason">Why.</param>
/// <param name="Role">The role of who asked.</param>
/// <param name="Progress">How far it is.</param>
/// <param name="Identifiers">About whom, by commitments.</param>
/// <param name="Obstacle">Why it is restricted or failed.</param>
internal sealed record SubjectRequestReply(
    Guid RequestId, string Kind, string State, DateTimeOffset CreatedOn, DateTimeOffset? StartedOn, DateTimeOffset? CompletedOn, string Reason, string Role, SubjectProgress Progress,
    IReadOnlyList<CommittedIdentifier> Identifiers, string? Obstacle);

/// <summary>How far a request is.</summary>
/// <param name="People">Identifiers of the request.</param>
/// <param name="PeopleDone">How many of them are done.</param>
/// <param name="Records">Records that were dealt with.</param>
internal sealed record SubjectProgress(int People, int PeopleDone, long Records);

/// <summary>An identifier as a request keeps it.</summary>
/// <param name="Type">Its type.</param>
/// <param name="Commitment">SHA-256 over salt and identifier, in base 64.</param>
/// <param name="Found">Whether somebody here has it, when the request was made.</param>
/// <param name="Salt">The salt, told only to who sent the identifier: with it, and the identifier, the commitment can be checked.</param>
/// <param name="ErasedOn">When what is filed under it was erased, for erase.</param>
/// <param name="Obstacle">Why its erasure, or the end of it, waits, such as a hold, while others of the request are erased.</param>
/// <param name="Held">What holds keep of them beyond the erasure, out of everybody's sight, by kind; none when nothing is left.</param>
internal sealed record CommittedIdentifier(
    string Type, string Commitment, bool Found, string? Salt, DateTimeOffset? ErasedOn, string? Obstacle, IReadOnlyList<HeldKindReply>? Held);

/// <summary>Records of a kind that holds keep.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Records">How many.</param>
internal sealed record HeldKindReply(string Kind, long Records);

/// <summary>GET /privacy/subjectRequests.</summary>
/// <param name="Value">Requests, the newest first.</param>
/// <param name="NextLink">Where more are.</param>
internal sealed record SubjectRequestList(IReadOnlyList<SubjectRequestReply> Value, string? NextLink);

/// <summary>GET /privacy/subjectRequests/{id}/result.</summary>
/// <param name="Kinds">What there is, or what was changed, by kind.</param>
/// <param name="Files">Archives, one for each identifier that somebody has.</param>
/// <param name="Limits">What is not in it.</param>
internal sealed record SubjectResult(IReadOnlyList<SubjectKindReply> Kinds, IReadOnlyList<SubjectFileReply> Files, IReadOnlyList<string> Limits);

/// <summary>What is kept about a person of one kind.</summary>
/// <param name="Kind">The kind of record.</param>
/// <param name="Filing">own, or mentioned.</param>
/// <param name="Records">How many.</param>
/// <param name="Category">What it is.</param>
/// <param name="Kept">Until when.</param>
/// <param name="WhenErased">What the person's erasure does to it.</param>
internal sealed record SubjectKindReply(string Kind, string Filing, long Records, string Category, string Kept, string WhenErased);

/// <summary>An archive.</summary>
/// <param name="Number">Its number, for GET …/files/{number}.</param>
/// <param name="Type">The type of identifier that it is for.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="ExpiresOn">When it goes.</param>
internal sealed record SubjectFileReply(int Number, string Type, long Bytes, DateTimeOffset ExpiresOn);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    MaxDepth = 8,
    Converters = [typeof(WireTime)])]
[JsonSerializable(typeof(MakeSubjectRequest))]
[JsonSerializable(typeof(SubjectRequestReply))]
[JsonSerializable(typeof(SubjectRequestList))]
[JsonSerializable(typeof(SubjectResult))]
[JsonSerializable(typeof(SubjectReceipt))]
[JsonSerializable(typeof(ErasureStatement))]
internal sealed partial class SubjectJson : JsonSerializerContext;
