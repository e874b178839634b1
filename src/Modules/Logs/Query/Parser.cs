namespace Domicile.Modules.Logs.Query;

/// <summary>Makes a syntax tree of a query's text, or says where it is none.</summary>
internal sealed class Parser
{
    private readonly List<Token> _tokens;
    private readonly LogQueryLimits _limits;
    private int _next;
    private int _depth;

    private Parser(string text, LogQueryLimits limits)
    {
        _limits = limits;
        _tokens = new Lexer(text).All();
    }

    /// <summary>Parses.</summary>
    /// <exception cref="QueryFault">The text is no query, or too long.</exception>
    public static QuerySyntax Parse(string text, LogQueryLimits limits)
    {
        if (text.Length > limits.TextCharacters)
        {
            throw QueryFault.Limit("LIM0001", $"The query has {text.Length} characters, and may have {limits.TextCharacters}.", limits.TextCharacters);
        }

        return new Parser(text, limits).Query();
    }

    private Token Here => _tokens[_next];

    private Token After(int tokens) => _tokens[Math.Min(_next + tokens, _tokens.Count - 1)];

    private Token Take()
    {
        var token = Here;
        if (token.Kind != TokenKind.End)
        {
            _next++;
        }

        return token;
    }

    private bool TakeIf(string sign)
    {
        if (!Here.Is(sign))
        {
            return false;
        }

        _next++;
        return true;
    }

    private bool TakeWord(string word)
    {
        if (!Here.IsWord(word))
        {
            return false;
        }

        _next++;
        return true;
    }

    private Token Expect(string sign) => Here.Is(sign) ? Take() : throw QueryFault.Unexpected(Here, $"'{sign}'");

    private void ExpectWord(string word)
    {
        if (!TakeWord(word))
        {
            throw QueryFault.Unexpected(Here, $"'{word}'");
        }
    }

    private Token Name(string what) => Here.Kind is TokenKind.Name or TokenKind.QuotedName && !Here.Text.StartsWith('$') ? Take() : throw QueryFault.Unexpected(Here, what);

    private void Deeper()
    {
        if (++_depth > _limits.Nesting)
        {
            throw QueryFault.Limit("LIM0002", $"The query nests more than {_limits.Nesting} deep.", Here.At);
        }
    }

    private T Deep<T>(T syntax, params ReadOnlySpan<ScalarSyntax> below)
        where T : ScalarSyntax
    {
        var depth = 0;
        foreach (var each in below)
        {
            depth = Math.Max(depth, each.Depth);
        }

        return depth < _limits.Nesting
            ? syntax with { Depth = depth + 1 }
            : throw QueryFault.Limit("LIM0002", $"The query nests more than {_limits.Nesting} deep.", syntax.At);
    }

    private QuerySyntax Query()
    {
        var lets = new List<LetSyntax>();
        while (true)
        {
            while (TakeIf(";"))
            {
            }

            if (!(Here.IsWord("let") && After(1).Kind is TokenKind.Name or TokenKind.QuotedName && After(2).Is("=")))
            {
                break;
            }

            var at = Take().At;
            var name = Name("a name").Value;
            Expect("=");
            lets.Add(new LetSyntax(at, name, LetValue()));
            if (Here.Kind != TokenKind.End)
            {
                Expect(";");
            }
        }

        var pipeline = Pipeline();
        while (TakeIf(";"))
        {
        }

        return Here.Kind == TokenKind.End ? new QuerySyntax(0, lets, pipeline) : throw QueryFault.Unexpected(Here, "the end, or an operator after '|',");
    }

    private Syntax LetValue()
    {
        var start = _next;
        if (IsPipelineHead())
        {
            return Pipeline();
        }

        if (Here.Is("(") && IsFunctionHead())
        {
            throw QueryFault.Unsupported("A function in 'let'", Here.At, 1);
        }

        // A name may be either, and so may what stands in parentheses: what follows decides.
        try
        {
            var value = Expression();
            if (Here.Is(";") || Here.Kind == TokenKind.End)
            {
                return value;
            }
        }
        catch (QueryFault) when (_tokens[start].Is("("))
        {
            // The pipeline below says what is wrong, if it is wrong as well.
        }

        _next = start;
        _depth = 0;
        return Pipeline();
    }

    private bool IsPipelineHead() => Here.Kind == TokenKind.Name && (Here.Text, After(1)) switch
    {
        ("union" or "print", { Kind: TokenKind.Sign, Text: not "(" and not "-" and not "+" }) => false,
        ("union" or "print", _) => true,
        ("datatable", { Text: "(" }) => true,
        ("range", { Kind: TokenKind.Name }) => true,
        _ => false,
    };

    private bool IsFunctionHead()
    {
        var at = _next;
        while (at < _tokens.Count && !_tokens[at].Is(")"))
        {
            at++;
        }

        return at + 1 < _tokens.Count && _tokens[at + 1].Is("{");
    }

    private PipelineSyntax Pipeline()
    {
        Deeper();
        var at = Here.At;
        var source = Source();
        var operators = new List<Syntax>();
        while (TakeIf("|"))
        {
            operators.Add(Operator());
        }

        _depth--;
        return new PipelineSyntax(at, source, operators);
    }

    private Syntax Source()
    {
        if (Here.Is("("))
        {
            Take();
            var inner = Pipeline();
            Expect(")");
            return inner;
        }

        if (IsPipelineHead())
        {
            var word = Take();
            return word.Text switch
            {
                "union" => Union(word.At),
                "print" => new PrintSyntax(word.At, Items()),
                "datatable" => DataTable(word.At),
                _ => Range(word.At),
            };
        }

        var name = Here;
        if (name.Kind is TokenKind.Name or TokenKind.QuotedName && !name.Text.StartsWith('$'))
        {
            Take();
            return Here.Is("(") ? throw QueryFault.Unsupported($"A table from '{name.Short}(…)'", name.At, name.Text.Length) : new TableSyntax(name.At, name.Value);
        }

        throw QueryFault.Unexpected(name, "a table");
    }

    private Syntax Operator()
    {
        var word = Here;
        if (word.Kind != TokenKind.Name)
        {
            throw QueryFault.Unexpected(word, "an operator such as where or summarize");
        }

        Take();
        var name = word.Text;
        if (name is "project" or "mv" or "make" or "graph" or "partition" or "sample" or "top" && Here.Is("-") && !Here.Spaced && After(1).Kind == TokenKind.Name)
        {
            Take();
            name = $"{name}-{Take().Text}";
        }

        switch (name)
        {
            case "where" or "filter":
                return new WhereSyntax(word.At, Expression());
            case "project":
                return new ProjectSyntax(word.At, false, Items());
            case "extend":
                return new ProjectSyntax(word.At, true, Items());
            case "project-away" or "project-keep" or "project-reorder":
                return Pick(word.At, name);
            case "project-rename":
                return Rename(word.At);
            case "summarize":
                return Summarize(word.At);
            case "count":
                return new CountSyntax(word.At);
            case "order" or "sort":
                ExpectWord("by");
                return new SortSyntax(word.At, Keys());
            case "take" or "limit":
                return new TakeSyntax(word.At, Expression());
            case "top":
                var rows = Expression();
                ExpectWord("by");
                return new TopSyntax(word.At, rows, Keys());
            case "distinct":
                return TakeIf("*") ? new DistinctSyntax(word.At, []) : new DistinctSyntax(word.At, Items());
            case "union":
                return Union(word.At);
            case "join":
                return Join(word.At);
            case "render":
                return Render(word.At);
            case "as":
                Name("a name");
                return new PickSyntax(word.At, "as", []);
            case "serialize":
                return new PickSyntax(word.At, "as", []);
            case "mv-expand" or "mv-apply" or "make-series" or "parse" or "parse_where" or "evaluate" or "lookup" or "search" or "find" or "fork" or "facet" or "sample" or "sample-distinct"
                or "top-nested" or "top-hitters" or "partition" or "invoke" or "reduce" or "scan" or "getschema" or "consume" or "externaldata":
                throw QueryFault.Unsupported($"The operator '{name}'", word.At, name.Length);
            default:
                throw QueryFault.Unexpected(word, "an operator such as where or summarize");
        }
    }

    private List<NamedSyntax> Items()
    {
        var items = new List<NamedSyntax>();
        do
        {
            items.Add(Item());
        }
        while (TakeIf(","));
        return items;
    }

    private NamedSyntax Item()
    {
        var at = Here.At;
        if (Here.Kind is TokenKind.Name or TokenKind.QuotedName && After(1).Is("="))
        {
            var name = Take().Value;
            Take();
            return new NamedSyntax(at, [name], Expression());
        }

        // (a, b) = … names what a function of several results gives.
        if (Here.Is("(") && After(1).Kind is TokenKind.Name or TokenKind.QuotedName && After(2).Is(","))
        {
            var from = _next;
            Take();
            var names = new List<string> { Take().Value };
            while (TakeIf(",") && Here.Kind is TokenKind.Name or TokenKind.QuotedName)
            {
                names.Add(Take().Value);
            }

            if (Here.Is(")") && After(1).Is("="))
            {
                Take();
                Take();
                return new NamedSyntax(at, names, Expression());
            }

            _next = from;
        }

        return new NamedSyntax(at, [], Expression());
    }

    private PickSyntax Pick(int at, string name)
    {
        var names = new List<NameSyntax>();
        do
        {
            var from = Here;
            if (TakeIf("*"))
            {
                names.Add(new NameSyntax(from.At, "*"));
                continue;
            }

            Name("a column");
            var star = Here.Is("*") && !Here.Spaced;
            if (star)
            {
                Take();
            }

            names.Add(new NameSyntax(from.At, star ? $"{from.Value}*" : from.Value));
        }
        while (TakeIf(","));
        return new PickSyntax(at, name, names);
    }

    private RenameSyntax Rename(int at)
    {
        var names = new List<(NameSyntax, NameSyntax)>();
        do
        {
            var renamed = Name("a new name");
            Expect("=");
            var old = Name("a column");
            names.Add((new NameSyntax(renamed.At, renamed.Value), new NameSyntax(old.At, old.Value)));
        }
        while (TakeIf(","));
        return new RenameSyntax(at, names);
    }

    private SummarizeSyntax Summarize(int at)
    {
        while (Here.Kind == TokenKind.Name && Here.Text.StartsWith("hint", StringComparison.Ordinal) && After(1).Text is "." or "=")
        {
            Hint();
        }

        var aggregates = Here.IsWord("by") ? [] : Items();
        var keys = TakeWord("by") ? Items() : [];
        return new SummarizeSyntax(at, aggregates, keys);
    }

    // hint.strategy=shuffle and its like say how the service is to do what it does; the result is the same.
    private void Hint()
    {
        Take();
        while (TakeIf("."))
        {
            Name("a hint");
        }

        Expect("=");
        Take();
    }

    private List<OrderSyntax> Keys()
    {
        var keys = new List<OrderSyntax>();
        do
        {
            var at = Here.At;
            var value = Expression();
            var descending = true;
            if (TakeWord("asc"))
            {
                descending = false;
            }
            else
            {
                TakeWord("desc");
            }

            var nullsFirst = !descending;
            if (TakeWord("nulls"))
            {
                nullsFirst = TakeWord("first");
                if (!nullsFirst)
                {
                    ExpectWord("last");
                }
            }

            keys.Add(new OrderSyntax(at, value, descending, nullsFirst));
        }
        while (TakeIf(","));
        return keys;
    }

    private UnionSyntax Union(int at)
    {
        string? sourceColumn = null;
        var (inner, fuzzy) = (false, false);
        while (Here.Kind == TokenKind.Name && After(1).Is("=") && Here.Text is "kind" or "withsource" or "isfuzzy")
        {
            var option = Take();
            Take();
            var value = Take();
            switch (option.Text)
            {
                case "kind" when value.Text is "inner" or "outer":
                    inner = value.Text == "inner";
                    break;
                case "withsource" when value.Kind is TokenKind.Name or TokenKind.QuotedName:
                    sourceColumn = value.Value;
                    break;
                case "isfuzzy" when value.Text is "true" or "false":
                    fuzzy = value.Text == "true";
                    break;
                default:
                    throw QueryFault.Unexpected(value, "an option's value");
            }
        }

        var others = new List<PipelineSyntax>();
        do
        {
            var from = Here;
            Deeper();
            if (TakeIf("("))
            {
                others.Add(Pipeline());
                Expect(")");
            }
            else
            {
                var name = Name("a table");
                others.Add(Here.Is("*") && !Here.Spaced
                    ? throw QueryFault.Unsupported("A union of tables by the beginning of their names", from.At, name.Text.Length + 1)
                    : new PipelineSyntax(from.At, new TableSyntax(from.At, name.Value), []));
            }

            _depth--;
        }
        while (TakeIf(","));
        return new UnionSyntax(at, sourceColumn, inner, fuzzy, others);
    }

    private JoinSyntax Join(int at)
    {
        var kind = "innerunique";
        while (Here.Kind == TokenKind.Name && (After(1).Is("=") || After(1).Is(".")))
        {
            if (Here.Text == "kind")
            {
                Take();
                Take();
                var value = Name("a kind of join");
                kind = value.Value is "inner" or "innerunique" or "leftouter" or "rightouter" or "fullouter" or "leftsemi" or "rightsemi" or "leftanti" or "rightanti" or "anti" or "leftantisemi"
                    or "rightantisemi"
                    ? value.Value
                    : throw QueryFault.Unexpected(value, "a kind of join");
            }
            else
            {
                Hint();
            }
        }

        PipelineSyntax right;
        if (TakeIf("("))
        {
            right = Pipeline();
            Expect(")");
        }
        else
        {
            var name = Name("a table");
            right = new PipelineSyntax(name.At, new TableSyntax(name.At, name.Value), []);
        }

        ExpectWord("on");
        var on = new List<(NameSyntax, NameSyntax)>();
        do
        {
            on.Add(JoinPair());
        }
        while (TakeIf(",") || TakeWord("and"));
        return new JoinSyntax(at, kind, right, on);
    }

    private (NameSyntax Left, NameSyntax Right) JoinPair()
    {
        if (Here.Text is not ("$left" or "$right"))
        {
            var both = Name("a column");
            return (new NameSyntax(both.At, both.Value), new NameSyntax(both.At, both.Value));
        }

        var (side, name) = JoinSide();
        Expect("==");
        var (otherSide, other) = JoinSide();
        return (side, otherSide) switch
        {
            ("$left", "$right") => (name, other),
            ("$right", "$left") => (other, name),
            _ => throw QueryFault.Semantic("A join compares a column of $left with one of $right.", name.At),
        };
    }

    private (string Side, NameSyntax Name) JoinSide()
    {
        var side = Take();
        if (side.Text is not ("$left" or "$right"))
        {
            throw QueryFault.Unexpected(side, "$left or $right");
        }

        Expect(".");
        var name = Name("a column");
        return (side.Text, new NameSyntax(name.At, name.Value));
    }

    private RenderSyntax Render(int at)
    {
        var kind = Name("a kind of chart").Value;
        var properties = new Dictionary<string, string>();
        if (TakeWord("with"))
        {
            Expect("(");
            while (!TakeIf(")"))
            {
                var name = Name("a property").Value;
                Expect("=");
                var value = new List<string>();
                do
                {
                    value.Add(Property());
                }
                while (Here.Is(",") && !(After(1).Kind == TokenKind.Name && After(2).Is("=")) && TakeIf(","));
                properties[name] = string.Join(',', value);
                if (!Here.Is(")"))
                {
                    Expect(",");
                }
            }
        }

        return new RenderSyntax(at, new LogRender(kind, properties));
    }

    private string Property()
    {
        var minus = TakeIf("-") ? "-" : "";
        var token = Here;
        return token.Kind is TokenKind.Name or TokenKind.QuotedName or TokenKind.String or TokenKind.Long or TokenKind.Real or TokenKind.Typed
            ? minus + (Take() is { Kind: TokenKind.Long or TokenKind.Real or TokenKind.Typed } number ? number.Text : token.Value)
            : throw QueryFault.Unexpected(token, "a property's value");
    }

    private DataTableSyntax DataTable(int at)
    {
        Expect("(");
        var columns = new List<LogResultColumn>();
        do
        {
            var name = Name("a column");
            Expect(":");
            var type = Name("a type");
            columns.Add(new LogResultColumn(name.Value, LogTypes.Of(type.Text) ?? throw QueryFault.Unexpected(type, "a type")));
        }
        while (TakeIf(","));
        Expect(")");
        Expect("[");
        var cells = new List<ScalarSyntax>();
        while (!TakeIf("]"))
        {
            cells.Add(Expression());
            if (!Here.Is("]"))
            {
                Expect(",");
            }
        }

        return cells.Count % columns.Count == 0
            ? new DataTableSyntax(at, columns, cells)
            : throw QueryFault.Semantic($"The table has {columns.Count} columns, and {cells.Count} cells are no whole rows.", at);
    }

    private RangeSyntax Range(int at)
    {
        var name = Name("a column").Value;
        ExpectWord("from");
        var from = Expression();
        ExpectWord("to");
        var to = Expression();
        ExpectWord("step");
        return new RangeSyntax(at, name, from, to, Expression());
    }

    private ScalarSyntax Expression()
    {
        Deeper();
        var value = Logic(isAnd: false);
        _depth--;
        return value;
    }

    private ScalarSyntax Logic(bool isAnd)
    {
        var first = isAnd ? Comparison() : Logic(isAnd: true);
        var word = isAnd ? "and" : "or";
        if (!Here.IsWord(word))
        {
            return first;
        }

        var at = Here.At;
        var terms = new List<ScalarSyntax> { first };
        while (TakeWord(word))
        {
            terms.Add(isAnd ? Comparison() : Logic(isAnd: true));
        }

        return Deep(new LogicSyntax(at, isAnd, terms), [.. terms]);
    }

    private ScalarSyntax Comparison()
    {
        var left = Additive();
        while (ComparisonOperator() is { } name)
        {
            var at = _tokens[_next - 1].At;
            if (name is "between" or "!between")
            {
                Expect("(");
                var low = Additive();
                Expect("..");
                var high = Additive();
                Expect(")");
                left = Deep(new BetweenSyntax(at, name[0] == '!', left, low, high), left, low, high);
            }
            else if (name is "in" or "!in" or "in~" or "!in~" or "has_any" or "has_all")
            {
                var list = List();
                left = Deep(new ListSyntax(at, name, left, list), [left, .. list]);
            }
            else
            {
                var right = Additive();
                left = Deep(new BinarySyntax(at, name, left, right), left, right);
            }
        }

        return left;
    }

    private List<ScalarSyntax> List()
    {
        Expect("(");
        var list = new List<ScalarSyntax>();
        while (!TakeIf(")"))
        {
            list.Add(Expression());
            if (Here.Is("|"))
            {
                throw QueryFault.Unsupported("A query as a list", Here.At, 1);
            }

            if (!Here.Is(")"))
            {
                Expect(",");
            }
        }

        return list;
    }

    private string? ComparisonOperator()
    {
        var token = Here;
        if (token.Kind == TokenKind.Sign)
        {
            if (token.Text is "==" or "!=" or "<>" or "<" or "<=" or ">" or ">=" or "=~" or "!~")
            {
                Take();
                return token.Text == "<>" ? "!=" : token.Text;
            }

            if (token.Text == "!" && After(1) is { Kind: TokenKind.Name, Spaced: false } negated && IsTextOperator(negated.Text) && negated.Text is not ("matches" or "has_any" or "has_all"))
            {
                Take();
                Take();
                return negated.Text == "in" && Here.Is("~") && !Here.Spaced && TakeIf("~") ? "!in~" : $"!{negated.Text}";
            }

            return token.Text == "=" ? throw QueryFault.Syntax("Query could not be parsed at '=': == compares.", token.At, 1) : null;
        }

        if (token.Kind != TokenKind.Name || !IsTextOperator(token.Text))
        {
            return null;
        }

        Take();
        switch (token.Text)
        {
            case "matches":
                ExpectWord("regex");
                return "matches regex";
            case "in" when Here.Is("~") && !Here.Spaced:
                Take();
                return "in~";
            default:
                return token.Text;
        }
    }

    private static bool IsTextOperator(string word) => word is "in" or "between" or "has" or "has_cs" or "hasprefix" or "hasprefix_cs" or "hassuffix" or "hassuffix_cs" or "contains" or "contains_cs"
        or "startswith" or "startswith_cs" or "endswith" or "endswith_cs" or "has_any" or "has_all" or "matches";

    private ScalarSyntax Additive()
    {
        var left = Multiplicative();
        while (Here.Is("+") || Here.Is("-"))
        {
            var sign = Take();
            var right = Multiplicative();
            left = Deep(new BinarySyntax(sign.At, sign.Text, left, right), left, right);
        }

        return left;
    }

    private ScalarSyntax Multiplicative()
    {
        var left = Unary();
        while (Here.Is("*") || Here.Is("/") || Here.Is("%"))
        {
            var sign = Take();
            var right = Unary();
            left = Deep(new BinarySyntax(sign.At, sign.Text, left, right), left, right);
        }

        return left;
    }

    private ScalarSyntax Unary()
    {
        if (!Here.Is("-") && !Here.Is("+"))
        {
            return Postfix();
        }

        var sign = Take();
        Deeper();
        var of = Unary();
        _depth--;
        return sign.Text == "+" ? of : Deep(new UnarySyntax(sign.At, of), of);
    }

    private ScalarSyntax Postfix()
    {
        var of = Primary();
        while (true)
        {
            if (Here.Is(".") && After(1).Kind is TokenKind.Name or TokenKind.QuotedName)
            {
                Take();
                var name = Take();
                of = Deep(new MemberSyntax(name.At, of, name.Value), of);
            }
            else if (Here.Kind == TokenKind.QuotedName)
            {
                var name = Take();
                of = Deep(new MemberSyntax(name.At, of, name.Value), of);
            }
            else if (Here.Is("["))
            {
                var at = Take().At;
                var index = Expression();
                Expect("]");
                of = Deep(new IndexSyntax(at, of, index), of, index);
            }
            else
            {
                return of;
            }
        }
    }

    private ScalarSyntax Primary()
    {
        var token = Here;
        switch (token.Kind)
        {
            case TokenKind.Long:
                Take();
                return new LiteralSyntax(token.At, LogType.Long, token.Number);
            case TokenKind.Real:
                Take();
                return new LiteralSyntax(token.At, LogType.Real, token.Number);
            case TokenKind.TimeSpan:
                Take();
                return new LiteralSyntax(token.At, LogType.TimeSpan, token.Number);
            case TokenKind.String:
                Take();
                var text = token.Value;
                while (Here.Kind == TokenKind.String)
                {
                    text += Take().Value;
                }

                return new LiteralSyntax(token.At, LogType.String, LogValue.Of(text));
            case TokenKind.Typed:
                Take();
                return Literals.Read(token);
            case TokenKind.QuotedName:
                Take();
                return new NameSyntax(token.At, token.Value);
            case TokenKind.Name when token.Text is "true" or "false" && !After(1).Is("("):
                Take();
                return new LiteralSyntax(token.At, LogType.Bool, LogValue.Of(token.Text == "true"));
            case TokenKind.Name when token.Text == "typeof" && After(1).Is("("):
                Take();
                Take();
                var type = Name("a type");
                Expect(")");
                return new TypeSyntax(token.At, LogTypes.Of(type.Text) ?? throw QueryFault.Unexpected(type, "a type"));
            case TokenKind.Name when !token.Text.StartsWith('$'):
                Take();
                return Here.Is("(") ? Call(token) : new NameSyntax(token.At, token.Value);
            case TokenKind.Sign when token.Text == "(":
                Take();
                var inner = Expression();
                Expect(")");
                return inner;
            default:
                throw QueryFault.Unexpected(token, "an expression");
        }
    }

    private CallSyntax Call(Token name)
    {
        Expect("(");
        var arguments = new List<ScalarSyntax>();
        while (!TakeIf(")"))
        {
            arguments.Add(Here.Is("*") ? new StarSyntax(Take().At) : Expression());
            if (!Here.Is(")"))
            {
                Expect(",");
            }
        }

        return Deep(new CallSyntax(name.At, name.Value, arguments), [.. arguments]);
    }
}
