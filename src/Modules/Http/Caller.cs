using Domicile.Residency;

namespace Domicile.Modules.Http;

/// <summary>Who is calling, once it has been proved.</summary>
public abstract record Caller
{
    private Caller()
    {
    }

    /// <summary>Nobody in particular.</summary>
    public sealed record Anonymous : Caller;

    /// <summary>The customer's application, which holds one of the resource's access keys.</summary>
    /// <param name="KeyFingerprint">Which key; what is issued with it ends when it is regenerated.</param>
    public sealed record Application(string KeyFingerprint) : Caller;

    /// <summary>A user with a token of this resource.</summary>
    /// <param name="Subject">The person's handle.</param>
    /// <param name="RawId">The communication user id, <c>8:acs:{resource}_{guid}</c>. Personal data: never log it.</param>
    /// <param name="Scopes">What the token is good for.</param>
    public sealed record User(SubjectRef Subject, string RawId, IReadOnlyList<string> Scopes) : Caller
    {
        /// <summary>What remains of the token when the token itself is put away: enough to check it again.</summary>
        public TokenPass Pass { get; init; } = TokenPass.None;
    }

    /// <summary>An administrator with a short-lived token.</summary>
    /// <param name="Role">One of <c>owner</c>, <c>operator</c>, <c>privacy</c>, <c>reader</c>.</param>
    public sealed record Administrator(string Role) : Caller
    {
        /// <summary>The person, as the geography's audit log knows them.</summary>
        public SubjectRef Subject { get; init; }

        /// <summary>The id of the token.</summary>
        public string? TokenId { get; init; }
    }
}
