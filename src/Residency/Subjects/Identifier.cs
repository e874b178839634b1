namespace Domicile.Residency;

/// <summary>What a person is known by.</summary>
/// <param name="Purpose">The kind of identifier, such as <see cref="CommunicationUser"/>; blind indexes are per purpose.</param>
/// <param name="Value">The identifier itself. Personal data.</param>
public readonly record struct Identifier(string Purpose, string Value)
{
    /// <summary>A communication user id, <c>8:acs:{resource}_{guid}</c>.</summary>
    public const string CommunicationUser = "communicationUser";

    /// <summary>An id of the customer's own, which they gave to an identity.</summary>
    public const string Custom = "customId";

    /// <summary>A phone number, E.164.</summary>
    public const string PhoneNumber = "phoneNumber";

    /// <summary>An e-mail address.</summary>
    public const string Email = "email";

    /// <summary>The id of a user of Microsoft Teams.</summary>
    public const string TeamsUser = "teamsUser";

    /// <summary>What people whom applications talk to can be known by.</summary>
    public static IReadOnlyList<string> OfPeople { get; } = [CommunicationUser, Custom, PhoneNumber, Email, TeamsUser];

    /// <summary>The name of an administrator's credential.</summary>
    public const string Administrator = "administrator";

    /// <summary>Only the purpose: an identifier does not belong in a log or an error.</summary>
    public override string ToString() => Purpose;
}
