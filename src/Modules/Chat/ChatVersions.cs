using System.Collections.Frozen;

namespace Domicile.Modules.Chat;

/// <summary>The API versions of chat, and what came with which.</summary>
internal static class ChatVersions
{
    /// <summary>All that are accepted.</summary>
    public static readonly FrozenSet<string> All =
        FrozenSet.Create("2021-03-07", "2021-09-07", "2023-11-07", "2024-03-07", "2024-06-05-preview", "2025-03-15");

    private static readonly FrozenSet<string> Kinds = FrozenSet.Create("2024-03-07", "2024-06-05-preview", "2025-03-15");

    /// <summary>Whether identifiers say their kind (common models 2023-11-15).</summary>
    public static bool HasKinds(string version) => Kinds.Contains(version);

    /// <summary>Whether messages have metadata (since 2021-09-07).</summary>
    public static bool HasMessageMetadata(string version) => version != "2021-03-07";

    /// <summary>Whether threads and participants have metadata, and threads a retention policy (since 2025-03-15; a preview is as the stable version after it).</summary>
    public static bool HasThreadMetadata(string version) => version is "2025-03-15" or "2024-06-05-preview";
}
