namespace Domicile.Modules.Logs.Query;

/// <summary>What a piece of a query's text is.</summary>
internal enum TokenKind
{
    /// <summary>The end of the text.</summary>
    End,

    /// <summary>A name or a word of the language; which of the two, its place says.</summary>
    Name,

    /// <summary>A name in brackets, which is never a word of the language.</summary>
    QuotedName,

    /// <summary>A text.</summary>
    String,

    /// <summary>A whole number.</summary>
    Long,

    /// <summary>A number with a point or an exponent.</summary>
    Real,

    /// <summary>A duration, such as 5m.</summary>
    TimeSpan,

    /// <summary>A literal such as datetime(…), with what stands in the parentheses.</summary>
    Typed,

    /// <summary>A sign, such as |, (, == or ...</summary>
    Sign,
}

/// <summary>A piece of a query's text.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="At">Where it begins.</param>
/// <param name="Text">As it is written, without the parentheses of a typed literal.</param>
/// <param name="Value">A string's or name's content, or a typed literal's inside.</param>
/// <param name="Number">A number's or duration's value.</param>
/// <param name="Spaced">Whether white space stands before it.</param>
internal readonly record struct Token(TokenKind Kind, int At, string Text, string Value, LogValue Number, bool Spaced)
{
    /// <summary>The text, shortened for a message.</summary>
    public string Short => Shorten(Text);

    /// <summary>Where what comes after it begins.</summary>
    public int End => At + Text.Length;

    /// <summary>Whether it is that sign.</summary>
    public bool Is(string sign) => Kind == TokenKind.Sign && Text == sign;

    /// <summary>Whether it is that word.</summary>
    public bool IsWord(string word) => Kind == TokenKind.Name && Text == word;

    /// <summary>At most 40 characters.</summary>
    public static string Shorten(string text) => text.Length <= 40 ? text : $"{text.AsSpan(0, 40)}…";
}
