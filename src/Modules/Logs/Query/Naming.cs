namespace Domicile.Modules.Logs.Query;

/// <summary>What a column is called when the query gives no name.</summary>
internal static class Naming
{
    // What these give is called as what they are given.
    private static readonly HashSet<string> Transparent =
    [
        "bin", "floor", "bin_at", "tostring", "toint", "tolong", "todouble", "toreal", "tobool", "toboolean", "todatetime", "totimespan", "toguid", "todynamic", "parse_json",
    ];

    /// <summary>The name of an expression; null when it has none of its own, and is called Column1 or so.</summary>
    public static string? Of(ScalarSyntax syntax) => syntax switch
    {
        NameSyntax name => name.Name,
        MemberSyntax member => Of(member.Of) is { } of ? $"{of}_{member.Name}" : null,
        IndexSyntax { Index: LiteralSyntax index } indexed => Of(indexed.Of) is { } of ? $"{of}_{LogText.Of(index.Type, index.Value)}" : null,
        CallSyntax { Arguments: [var first, ..] } call when Transparent.Contains(call.Name) => Of(first),
        _ => null,
    };
}
