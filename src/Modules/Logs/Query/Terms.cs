namespace Domicile.Modules.Logs.Query;

/// <summary>What the operators on texts ask: equality, terms, parts, beginnings and ends.</summary>
internal static class Terms
{
    /// <summary>
    /// Whether the term stands in the text as a whole: what is beside it is no letter and no digit. With <paramref name="start"/> only its beginning has to, with
    /// <paramref name="end"/> only its end.
    /// </summary>
    public static bool Has(string text, string term, StringComparison comparison, bool start = true, bool end = true)
    {
        if (term.Length == 0)
        {
            return true;
        }

        for (var from = 0; from <= text.Length - term.Length;)
        {
            var at = text.IndexOf(term, from, comparison);
            if (at < 0)
            {
                return false;
            }

            var after = at + term.Length;
            if ((!start || at == 0 || !char.IsLetterOrDigit(text[at - 1]) || !char.IsLetterOrDigit(term[0])) &&
                (!end || after >= text.Length || !char.IsLetterOrDigit(text[after]) || !char.IsLetterOrDigit(term[^1])))
            {
                return true;
            }

            from = at + 1;
        }

        return false;
    }

    /// <summary>The question that an operator asks of a text and another; null for a word that is no such operator.</summary>
    public static Func<string, string, bool>? Of(string name) => name switch
    {
        "=~" => (text, other) => text.Equals(other, StringComparison.OrdinalIgnoreCase),
        "has" => (text, other) => Has(text, other, StringComparison.OrdinalIgnoreCase),
        "has_cs" => (text, other) => Has(text, other, StringComparison.Ordinal),
        "hasprefix" => (text, other) => Has(text, other, StringComparison.OrdinalIgnoreCase, end: false),
        "hasprefix_cs" => (text, other) => Has(text, other, StringComparison.Ordinal, end: false),
        "hassuffix" => (text, other) => Has(text, other, StringComparison.OrdinalIgnoreCase, start: false),
        "hassuffix_cs" => (text, other) => Has(text, other, StringComparison.Ordinal, start: false),
        "contains" => (text, other) => text.Contains(other, StringComparison.OrdinalIgnoreCase),
        "contains_cs" => (text, other) => text.Contains(other, StringComparison.Ordinal),
        "startswith" => (text, other) => text.StartsWith(other, StringComparison.OrdinalIgnoreCase),
        "startswith_cs" => (text, other) => text.StartsWith(other, StringComparison.Ordinal),
        "endswith" => (text, other) => text.EndsWith(other, StringComparison.OrdinalIgnoreCase),
        "endswith_cs" => (text, other) => text.EndsWith(other, StringComparison.Ordinal),
        _ => null,
    };
}
