using System.Security.Cryptography;

namespace Domicile.Tests.Conversations;

/// <summary>A text that occurs nowhere else, planted to see where it turns up.</summary>
/// <param name="Name">Where it was planted.</param>
/// <param name="Text">The text itself.</param>
internal sealed record Canary(string Name, string Text)
{
    private const string Letters = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

    /// <summary>A new canary of 20 letters and digits, too many to meet by chance.</summary>
    public static Canary Plant(string name) => new(name, RandomNumberGenerator.GetString(Letters, 20));
}
