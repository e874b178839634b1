using System.Text.Json.Nodes;
using Domicile.Residency;

namespace Domicile.Cli;

/// <summary>POST /privacy/subjectRequests of a resource.</summary>
internal sealed record SubjectBody(Guid RequestId, string Kind, IReadOnlyList<SubjectIdentifierBody> Identifiers, string Reason, IReadOnlyList<SubjectChangeBody>? Changes);

/// <summary>An identifier.</summary>
internal sealed record SubjectIdentifierBody(string Type, string Value);

/// <summary>A correction.</summary>
internal sealed record SubjectChangeBody(string Kind, string Member, JsonNode? Value);

/// <summary>A request and where it stands.</summary>
internal sealed record SubjectReply(
    Guid RequestId, string Kind, string State, DateTimeOffset CreatedOn, string Reason, SubjectProgressReply Progress, IReadOnlyList<CommittedReply> Identifiers,
    DateTimeOffset? CompletedOn = null, string? Obstacle = null);

/// <summary>How far it is.</summary>
internal sealed record SubjectProgressReply(int People, int PeopleDone, long Records);

/// <summary>An identifier as the request keeps it.</summary>
internal sealed record CommittedReply(string Type, string Commitment, bool Found, string? Salt = null);

/// <summary>A receipt as the requester keeps it: with the identifiers and salts that open its commitments.</summary>
/// <param name="Receipt">What the server gave.</param>
/// <param name="Openings">Whose erasure it was.</param>
internal sealed record KeptReceipt(SubjectReceipt Receipt, IReadOnlyList<ReceiptOpening> Openings);

/// <summary>What opens a commitment.</summary>
/// <param name="Type">The type of identifier.</param>
/// <param name="Value">The identifier.</param>
/// <param name="Salt">The salt, in base 64.</param>
internal sealed record ReceiptOpening(string Type, string Value, string Salt);
