namespace Domicile.Modules.Logs;

/// <summary>The names that operators give to settings and rules.</summary>
internal static class LogNames
{
    private const int Most = 64;

    /// <summary>Whether a text is one: 1 to 64 ASCII letters, digits, hyphens, underscores and dots.</summary>
    public static bool IsName(string name) => name.Length is >= 1 and <= Most && name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_' or '.');
}
