using System.Globalization;
using System.Text;

namespace Domicile.Modules.Logs.Query;

/// <summary>Cuts a query's text into tokens, in one pass.</summary>
internal sealed class Lexer(string text)
{
    // What stands in the parentheses of these is no expression.
    private static readonly HashSet<string> TypedLiterals =
        ["datetime", "date", "timespan", "time", "guid", "uuid", "dynamic", "long", "int", "real", "double", "bool", "boolean"];

    private static readonly string[] Signs = ["==", "=~", "=>", "!=", "!~", "<=", ">=", "<>", ".."];

    private int _at;

    /// <summary>All tokens; the last is <see cref="TokenKind.End"/>.</summary>
    public List<Token> All()
    {
        var tokens = new List<Token>();
        while (true)
        {
            var before = _at;
            SkipSpace();
            var spaced = _at > before || before == 0;
            if (_at >= text.Length)
            {
                tokens.Add(new Token(TokenKind.End, text.Length, "", "", default, spaced));
                return tokens;
            }

            tokens.Add(Next() with { Spaced = spaced });
        }
    }

    private char Here => Peek(0);

    private char Peek(int ahead) => _at + ahead < text.Length ? text[_at + ahead] : '\0';

    private static bool IsNameStart(char c) => char.IsAsciiLetter(c) || c is '_' or '$';

    private static bool IsNamePart(char c) => char.IsAsciiLetterOrDigit(c) || c == '_';

    private void SkipSpace()
    {
        while (_at < text.Length)
        {
            if (char.IsWhiteSpace(Here) || Here == '\uFEFF')
            {
                _at++;
            }
            else if (Here == '/' && Peek(1) == '/')
            {
                while (_at < text.Length && Here is not ('\n' or '\r'))
                {
                    _at++;
                }
            }
            else
            {
                return;
            }
        }
    }

    private Token Next()
    {
        var start = _at;
        var c = Here;
        if (c is '"' or '\'' || (c == '@' && Peek(1) is '"' or '\'') || (c is 'h' or 'H' && (Peek(1) is '"' or '\'' || (Peek(1) == '@' && Peek(2) is '"' or '\''))))
        {
            var value = String();
            return Make(TokenKind.String, start, value);
        }

        if (c == '`' && Peek(1) == '`' && Peek(2) == '`')
        {
            var end = text.IndexOf("```", _at + 3, StringComparison.Ordinal);
            if (end < 0)
            {
                throw QueryFault.Syntax("A text has no end.", start, 3);
            }

            var value = text[(_at + 3)..end];
            _at = end + 3;
            return Make(TokenKind.String, start, value);
        }

        if (char.IsAsciiDigit(c))
        {
            return Number();
        }

        if (IsNameStart(c))
        {
            do
            {
                _at++;
            }
            while (IsNamePart(Here));
            return Word(start);
        }

        if (c == '[' && Peek(1) is '\'' or '"' && BracketedName() is { } name)
        {
            return name;
        }

        foreach (var sign in Signs)
        {
            if (string.CompareOrdinal(text, _at, sign, 0, sign.Length) == 0)
            {
                _at += sign.Length;
                return Make(TokenKind.Sign, start, "");
            }
        }

        if (!"|()[]{},;:.+-*/%=<>!?~".Contains(c, StringComparison.Ordinal))
        {
            throw QueryFault.Syntax("Query could not be parsed: this character has no meaning here.", start, char.IsHighSurrogate(c) && char.IsLowSurrogate(Peek(1)) ? 2 : 1);
        }

        _at++;
        return Make(TokenKind.Sign, start, "");
    }

    private Token Make(TokenKind kind, int start, string value, LogValue number = default) => new(kind, start, text[start.._at], value, number, false);

    private Token Word(int start)
    {
        var word = text[start.._at];
        if (!TypedLiterals.Contains(word))
        {
            return Make(TokenKind.Name, start, word);
        }

        var open = _at;
        while (open < text.Length && char.IsWhiteSpace(text[open]))
        {
            open++;
        }

        if (open >= text.Length || text[open] != '(')
        {
            return Make(TokenKind.Name, start, word);
        }

        _at = open + 1;
        var depth = 1;
        while (_at < text.Length)
        {
            switch (Here)
            {
                case '"' or '\'':
                    String();
                    continue;
                case '(':
                    depth++;
                    break;
                case ')' when --depth == 0:
                    var inside = text[(open + 1).._at];
                    _at++;
                    return new Token(TokenKind.Typed, start, word, inside, default, false);
                default:
                    break;
            }

            _at++;
        }

        throw QueryFault.Syntax($"Query could not be parsed at '{word}': its parenthesis is not closed.", start, word.Length);
    }

    // ['a name'] is a name; where something else comes first, as in bag['member'], the parser takes it as an index again.
    private Token? BracketedName()
    {
        var start = _at;
        _at++;
        var value = String();
        SkipSpace();
        if (Here == ']')
        {
            _at++;
            return Make(TokenKind.QuotedName, start, value);
        }

        _at = start;
        return null;
    }

    private string String()
    {
        var start = _at;
        if (Here is 'h' or 'H')
        {
            _at++;
        }

        var verbatim = Here == '@';
        if (verbatim)
        {
            _at++;
        }

        var quote = Here;
        _at++;
        StringBuilder? built = null;
        var from = _at;
        while (_at < text.Length)
        {
            var c = Here;
            if (c == quote)
            {
                if (verbatim && Peek(1) == quote)
                {
                    built = (built ?? new StringBuilder()).Append(text, from, _at - from).Append(quote);
                    _at += 2;
                    from = _at;
                    continue;
                }

                var rest = text.AsSpan(from, _at - from);
                _at++;
                return built is null ? rest.ToString() : built.Append(rest).ToString();
            }

            if (c is '\n' or '\r')
            {
                break;
            }

            if (c == '\\' && !verbatim)
            {
                built = (built ?? new StringBuilder()).Append(text, from, _at - from);
                Escape(built);
                from = _at;
                continue;
            }

            _at++;
        }

        throw QueryFault.Syntax("A text has no end.", start, 1);
    }

    private void Escape(StringBuilder built)
    {
        var start = _at;
        _at++;
        var c = Here;
        _at++;
        switch (c)
        {
            case 'n':
                built.Append('\n');
                break;
            case 'r':
                built.Append('\r');
                break;
            case 't':
                built.Append('\t');
                break;
            case '0':
                built.Append('\0');
                break;
            case '\\' or '"' or '\'':
                built.Append(c);
                break;
            case 'u' when _at + 4 <= text.Length && ushort.TryParse(text.AsSpan(_at, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var unit):
                built.Append((char)unit);
                _at += 4;
                break;
            case 'x' when _at + 2 <= text.Length && byte.TryParse(text.AsSpan(_at, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var unit):
                built.Append((char)unit);
                _at += 2;
                break;
            default:
                throw QueryFault.Syntax(@"A backslash in a text begins none of \\ \"" \' \n \r \t \0 \xHH \uHHHH; write @'…' for a text without them.", start, 1);
        }
    }

    private Token Number()
    {
        var start = _at;
        if (Here == '0' && Peek(1) is 'x' or 'X')
        {
            _at += 2;
            while (char.IsAsciiHexDigit(Here))
            {
                _at++;
            }

            return long.TryParse(text.AsSpan(start + 2, _at - start - 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var hex) && !IsNamePart(Here)
                ? Make(TokenKind.Long, start, "", LogValue.Of(hex))
                : throw QueryFault.Syntax("This is no number of 64 bits.", start, _at - start);
        }

        Digits();
        var real = false;
        if (Here == '.' && char.IsAsciiDigit(Peek(1)))
        {
            real = true;
            _at++;
            Digits();
        }

        if (Here is 'e' or 'E' && (char.IsAsciiDigit(Peek(1)) || (Peek(1) is '+' or '-' && char.IsAsciiDigit(Peek(2)))))
        {
            real = true;
            _at += 2;
            Digits();
        }

        var digits = text.AsSpan(start, _at - start);
        var unitStart = _at;
        while (IsNamePart(Here))
        {
            _at++;
        }

        if (_at > unitStart)
        {
            var ticks = TicksOf(text.AsSpan(unitStart, _at - unitStart));
            if (ticks == 0)
            {
                throw QueryFault.Syntax($"Query could not be parsed at '{Token.Shorten(text[start.._at])}': this is no number and no duration.", start, _at - start);
            }

            var amount = double.Parse(digits, CultureInfo.InvariantCulture) * ticks;
            return Math.Abs(amount) < TimeSpan.MaxValue.Ticks
                ? Make(TokenKind.TimeSpan, start, "", LogValue.Of(new TimeSpan((long)Math.Round(amount))))
                : throw QueryFault.Syntax("This duration is too long.", start, _at - start);
        }

        if (real)
        {
            return Make(TokenKind.Real, start, "", LogValue.Of(double.Parse(digits, CultureInfo.InvariantCulture)));
        }

        return long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var whole)
            ? Make(TokenKind.Long, start, "", LogValue.Of(whole))
            : throw QueryFault.Syntax("This is no number of 64 bits.", start, _at - start);
    }

    private void Digits()
    {
        while (char.IsAsciiDigit(Here))
        {
            _at++;
        }
    }

    /// <summary>How long the unit is that stands behind a number; 0 when it is none.</summary>
    private static long TicksOf(ReadOnlySpan<char> unit) => unit switch
    {
        "d" or "day" or "days" => TimeSpan.TicksPerDay,
        "h" or "hr" or "hrs" or "hour" or "hours" => TimeSpan.TicksPerHour,
        "m" or "min" or "minute" or "minutes" => TimeSpan.TicksPerMinute,
        "s" or "sec" or "second" or "seconds" => TimeSpan.TicksPerSecond,
        "ms" or "milli" or "millis" or "millisecond" or "milliseconds" => TimeSpan.TicksPerMillisecond,
        "micro" or "micros" or "microsecond" or "microseconds" => TimeSpan.TicksPerMicrosecond,
        "tick" or "ticks" => 1,
        _ => 0,
    };
}
