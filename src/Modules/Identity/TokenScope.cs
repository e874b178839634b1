namespace Domicile.Modules.Identity;

/// <summary>What a user access token is good for.</summary>
public static class TokenScope
{
    /// <summary>Everything in chat.</summary>
    public const string Chat = "chat";

    /// <summary>Chat in threads that one is in, adding and removing people included; no creating, changing or deleting of threads.</summary>
    public const string ChatJoin = "chat.join";

    /// <summary>As <see cref="ChatJoin"/>, without adding and removing people.</summary>
    public const string ChatJoinLimited = "chat.join.limited";

    /// <summary>Everything in calling.</summary>
    public const string Voip = "voip";

    /// <summary>Joining calls.</summary>
    public const string VoipJoin = "voip.join";

    /// <summary>Every scope.</summary>
    public static IReadOnlyList<string> All { get; } = [Chat, ChatJoin, ChatJoinLimited, Voip, VoipJoin];
}
