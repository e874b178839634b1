namespace Domicile.Modules.Http;

/// <summary>What a user's token said of its own life. Whoever serves a user for longer than a request keeps this, and not the token.</summary>
/// <param name="Expires">When it ends.</param>
/// <param name="Revocations">How often the user's tokens had been revoked when it was issued.</param>
/// <param name="KeyFingerprint">The access key with which it was issued.</param>
public sealed record TokenPass(DateTimeOffset Expires, long Revocations, string KeyFingerprint)
{
    /// <summary>One that is good for nothing.</summary>
    public static TokenPass None { get; } = new(DateTimeOffset.MinValue, -1, "");
}
