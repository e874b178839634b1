using System.Text.Json.Serialization;

namespace Domicile.Modules.Http;

/// <summary>
/// Someone or something that takes part in communication, as the contract models it: beside <c>kind</c> and <c>rawId</c> at most one nested object.
/// </summary>
public sealed record CommunicationIdentifier
{
    private const string UserPrefix = "8:acs:";

    /// <summary>Which of the nested objects it is; newer versions send it.</summary>
    public string? Kind { get; init; }

    /// <summary>The full id. Always in answers; in requests one of the nested objects may stand for it.</summary>
    public string? RawId { get; init; }

    /// <summary>A communication user.</summary>
    public CommunicationUser? CommunicationUser { get; init; }

    /// <summary>A telephone number.</summary>
    public PhoneNumberIdentifier? PhoneNumber { get; init; }

    /// <summary>A user of Microsoft Teams.</summary>
    public TeamsUserIdentifier? MicrosoftTeamsUser { get; init; }

    /// <summary>An application of Microsoft Teams.</summary>
    public TeamsAppIdentifier? MicrosoftTeamsApp { get; init; }

    /// <summary>The communication user id that a request names, or null when it names someone else or nobody.</summary>
    [JsonIgnore]
    public string? UserId => CommunicationUser?.Id ?? (PhoneNumber is null && MicrosoftTeamsUser is null && MicrosoftTeamsApp is null && RawId?.StartsWith(UserPrefix, StringComparison.Ordinal) == true ? RawId : null);

    /// <summary>What a request named, whatever it was.</summary>
    [JsonIgnore]
    public string? Named => UserId ?? RawId ?? PhoneNumber?.Value ?? MicrosoftTeamsUser?.UserId ?? MicrosoftTeamsApp?.AppId;

    /// <summary>A communication user, for an answer.</summary>
    public static CommunicationIdentifier OfUser(string rawId, bool withKind) =>
        new() { Kind = withKind ? "communicationUser" : null, RawId = rawId, CommunicationUser = new CommunicationUser(rawId) };

    /// <summary>The id of a user of a resource.</summary>
    public static string UserIdOf(Guid resource, Guid user) => $"{UserPrefix}{resource:D}_{user:D}";

    /// <summary>Stands for whoever was erased: a user id of the resource that nobody has.</summary>
    public static string ErasedIdOf(Guid resource) => UserIdOf(resource, Guid.Empty);

    /// <summary>Whether a text is a user id of a resource; ids keep the case in which they were issued, so imported ones may have upper case.</summary>
    public static bool IsUserOf(Guid resource, string? rawId) =>
        rawId is { Length: > 43 and <= 200 }
        && rawId.StartsWith(UserPrefix, StringComparison.Ordinal)
        && rawId[42] == '_'
        && Guid.TryParseExact(rawId.AsSpan(6, 36), "D", out var named) && named == resource
        && !rawId.AsSpan(43).ContainsAnyExcept(UserPartCharacters);

    private static readonly System.Buffers.SearchValues<char> UserPartCharacters =
        System.Buffers.SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");
}

/// <summary>A communication user.</summary>
public sealed record CommunicationUser(string? Id);

/// <summary>A telephone number.</summary>
public sealed record PhoneNumberIdentifier(string? Value);

/// <summary>A user of Microsoft Teams.</summary>
public sealed record TeamsUserIdentifier(string? UserId);

/// <summary>An application of Microsoft Teams.</summary>
public sealed record TeamsAppIdentifier(string? AppId);
