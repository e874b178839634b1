using System.Text.RegularExpressions;

namespace Domicile.Modules.Logs.Query;

/// <summary>Binds expressions to the columns of one step: finds what names mean, gives types, and says which protected columns have to be opened before.</summary>
internal sealed class ScalarBinder(Binder query, IReadOnlyList<Column> columns)
{
    private readonly Dictionary<string, Slot> _columns = columns.ToDictionary(column => column.Name, column => column.Slot);
    private bool _isInAggregate;

    /// <summary>The whole query's binder.</summary>
    public Binder Query { get; } = query;

    /// <summary>The columns.</summary>
    public IReadOnlyList<Column> Columns { get; } = columns;

    /// <summary>The protected slots whose text is needed.</summary>
    public List<Slot> Opened { get; } = [];

    /// <summary>The aggregates that were met; null where there can be none.</summary>
    public List<Aggregate>? Aggregates { get; init; }

    /// <summary>The names of the keys that an aggregate's <c>*</c> leaves out.</summary>
    public IReadOnlyCollection<string> Keys { get; init; } = [];

    /// <summary>A value. Of a protected column, its text.</summary>
    public Scalar Value(ScalarSyntax syntax) => Open(Raw(syntax), syntax.At);

    /// <summary>A value of that type, converted when nothing is lost.</summary>
    public Scalar Value(ScalarSyntax syntax, LogType type, string what) => As(Value(syntax), type, what, syntax.At);

    /// <summary>A condition.</summary>
    public Scalar Condition(ScalarSyntax syntax, string what) => Value(syntax, LogType.Bool, what);

    /// <summary>What a constant expression gives.</summary>
    public LogValue Constant(ScalarSyntax syntax, LogType type, string what) =>
        Value(syntax, type, what) is ConstantScalar constant ? constant.Value : throw QueryFault.Semantic($"{what} has to be the same for every row.", syntax.At);

    /// <summary>The text of a protected cell; anything else as it is.</summary>
    public Scalar Open(Scalar scalar, int at)
    {
        if (scalar is not SlotScalar { Slot: var slot } || slot.Origins.Count == 0)
        {
            return scalar;
        }

        foreach (var origin in slot.Origins)
        {
            if (!Query.Tables.MayOpen(origin.Table, origin.Column))
            {
                throw QueryFault.Forbidden(origin.Column.Name, at);
            }
        }

        if (!Opened.Contains(slot))
        {
            Opened.Add(slot);
        }

        return new OpenedScalar(slot);
    }

    /// <summary>What a group is made by: the cell itself where that has a token, else the value.</summary>
    public Scalar KeyOf(Scalar scalar, int at) => scalar is SlotScalar { Slot.Protection: LogProtection.Sealed } ? Open(scalar, at) : scalar;

    /// <summary>A value that the query asks to be shown. A protected cell is passed on unopened.</summary>
    public Scalar Shown(ScalarSyntax syntax)
    {
        var scalar = Raw(syntax);
        if (scalar is SlotScalar { Slot: var slot })
        {
            foreach (var origin in slot.Origins)
            {
                origin.ShownAt = syntax.At;
            }
        }

        return scalar;
    }

    /// <summary>A value of that type, converted when nothing is lost: int to long to real, dynamic to what is asked for.</summary>
    public static Scalar As(Scalar scalar, LogType type, string what, int at)
    {
        if (scalar.Type == type)
        {
            return scalar;
        }

        var fits = scalar.Type == LogType.Dynamic || (scalar.Type.IsNumber() && type.IsNumber() && scalar.Type < type) || type == LogType.Dynamic;
        return fits
            ? Convert(scalar, type)
            : throw QueryFault.Semantic($"{what} has to be of the type {LogTypes.NameOf(type)}; this is of the type {LogTypes.NameOf(scalar.Type)}.", at);
    }

    /// <summary>A value of another type.</summary>
    public static Scalar Convert(Scalar scalar, LogType type)
    {
        var from = scalar.Type;
        return from == type ? scalar : Fold(new UnaryScalar(type, scalar, value => Conversion.Convert(from, type, value)), scalar);
    }

    /// <summary>The value itself when it is the same for every row.</summary>
    public static Scalar Fold(Scalar scalar, params ReadOnlySpan<Scalar> of)
    {
        foreach (var each in of)
        {
            if (each is not ConstantScalar)
            {
                return scalar;
            }
        }

        return new ConstantScalar(scalar.Type, scalar.Eval([]));
    }

    /// <summary>A value. Of a protected column, the cell itself, unopened: only for what runs on tokens or passes it on.</summary>
    public Scalar Raw(ScalarSyntax syntax)
    {
        Query.CountNode(syntax.At);
        return syntax switch
        {
            LiteralSyntax literal => new ConstantScalar(literal.Type, literal.Value),
            NameSyntax name => Name(name),
            UnarySyntax unary => Negate(unary),
            BinarySyntax binary => Binary(binary),
            LogicSyntax logic => Logic(logic),
            ListSyntax list => List(list),
            BetweenSyntax between => Between(between),
            MemberSyntax member => Member(member),
            IndexSyntax index => Index(index),
            CallSyntax call => Call(call),
            _ => throw QueryFault.Semantic("This stands where a value was expected.", syntax.At),
        };
    }

    /// <summary>A column's slot; null when there is no column of that name.</summary>
    public Slot? Find(string name)
    {
        if (!_columns.TryGetValue(name, out var slot))
        {
            return null;
        }

        slot.IsUsed = true;
        foreach (var origin in slot.Origins)
        {
            origin.IsNamed = true;
        }

        return slot;
    }

    private Scalar Name(NameSyntax name)
    {
        if (Aggregates is not null && !_isInAggregate && _columns.ContainsKey(name.Name))
        {
            throw QueryFault.Semantic($"The column '{Token.Shorten(name.Name)}' has to stand in an aggregate such as sum or take_any, or behind 'by'.", name.At, name.Name.Length);
        }

        return Find(name.Name) is { } slot ? new SlotScalar(slot) : Query.Let(name.Name) ?? throw QueryFault.Unknown("column or scalar expression", name.Name, name.At);
    }

    private Scalar Negate(UnarySyntax unary)
    {
        var of = Value(unary.Of);
        if (of.Type == LogType.Dynamic)
        {
            of = Convert(of, LogType.Real);
        }

        return of.Type switch
        {
            LogType.Real => Fold(new UnaryScalar(LogType.Real, of, value => value.IsNull ? value : LogValue.Of(-value.Real)), of),
            LogType.Int or LogType.Long or LogType.TimeSpan => Fold(new UnaryScalar(of.Type, of, value => value.IsNull ? value : LogValue.Of(unchecked(-value.Long))), of),
            _ => throw QueryFault.Semantic($"A {LogTypes.NameOf(of.Type)} has no negative.", unary.At),
        };
    }

    private Scalar Binary(BinarySyntax binary)
    {
        switch (binary.Operator)
        {
            case "==" or "!=":
                return Equality(binary);
            case "<" or "<=" or ">" or ">=":
                return Comparison(binary.Operator, Value(binary.Left), Value(binary.Right), binary.At);
            case "+" or "-" or "*" or "/" or "%":
                return Arithmetic.Bind(binary.Operator, Value(binary.Left), Value(binary.Right), binary.At);
            case "matches regex":
                return Matches(binary);
            default:
                return Text(binary);
        }
    }

    private Scalar Equality(BinarySyntax binary)
    {
        var (left, right) = (Raw(binary.Left), Raw(binary.Right));
        var negated = binary.Operator == "!=";
        if (left is ConstantScalar && right is SlotScalar)
        {
            (left, right) = (right, left);
        }

        if (left is SlotScalar { Slot: { Protection: LogProtection.Person } slot })
        {
            if (right is ConstantScalar { Type: LogType.String } constant)
            {
                return TokenIn(slot, [constant.Value.Text], negated);
            }

            if (right is SlotScalar { Slot.Protection: LogProtection.Person })
            {
                return new BinaryScalar(LogType.Bool, left, right, (one, two) => LogValue.Of(one.Equals(two) != negated));
            }
        }

        return Equal(Open(left, binary.Left.At), Open(right, binary.Right.At), negated, binary.At);
    }

    private static Scalar Equal(Scalar left, Scalar right, bool negated, int at)
    {
        var type = Unify(ref left, ref right, at);
        var pushable = !negated && left is SlotScalar { Slot: var slot } && right is ConstantScalar { Value: { IsNull: false } only } && type is not (LogType.Dynamic or LogType.Real) && (slot.Type == type || slot.Type == LogType.Int)
            ? new Pushable(slot, type == LogType.DateTime ? RangeOf("==", only.Ticks) : null, [only], [])
            : null;
        if (type == LogType.String && right is ConstantScalar { Value.Text: var text })
        {
            return Fold(new UnaryScalar(LogType.Bool, left, value => LogValue.Of(string.Equals(value.Text, text, StringComparison.Ordinal) != negated)) { Pushable = pushable }, left);
        }

        Func<LogValue, LogValue, LogValue> compare = type == LogType.Real
            ? (one, two) => one.IsNull || two.IsNull ? Nullness(one, two, negated) : LogValue.Of((one.Real == two.Real) != negated)
            : (one, two) => one.IsNull || two.IsNull ? Nullness(one, two, negated) : LogValue.Of(one.Equals(two) != negated);
        return Fold(new BinaryScalar(LogType.Bool, left, right, compare) { Pushable = pushable }, left, right);
    }

    // Null and a value differ; whether two nulls do, nobody knows.
    private static LogValue Nullness(LogValue one, LogValue two, bool negated) => one.IsNull && two.IsNull ? LogValue.Null : LogValue.Of(negated);

    private UnaryScalar TokenIn(Slot slot, IReadOnlyList<string> texts, bool negated)
    {
        var tokens = texts.Where(text => text.Length > 0).Select(Query.Tables.TokenOf).ToHashSet();
        var empty = texts.Any(text => text.Length == 0);
        return new UnaryScalar(LogType.Bool, new SlotScalar(slot), value => LogValue.Of((value.Sealed is { } cell ? tokens.Contains(cell.Token) : empty) != negated))
        {
            Pushable = negated ? null : new Pushable(slot, null, empty ? [LogValue.Empty] : [], [.. tokens]),
        };
    }

    /// <summary>Less, at most, greater, at least.</summary>
    public static Scalar Comparison(string name, Scalar left, Scalar right, int at)
    {
        if (left is ConstantScalar && right is not ConstantScalar)
        {
            (left, right) = (right, left);
            name = name[0] == '<' ? $">{name[1..]}" : $"<{name[1..]}";
        }

        var type = Unify(ref left, ref right, at);
        if (type is LogType.Bool)
        {
            throw QueryFault.Semantic("Truth values have no order.", at, name.Length);
        }

        var pushable = type == LogType.DateTime && left is SlotScalar { Slot: var slot } && right is ConstantScalar { Value: { IsNull: false } only } ? new Pushable(slot, RangeOf(name, only.Ticks), [], []) : null;
        Func<int, bool> holds = name switch
        {
            "<" => order => order < 0,
            "<=" => order => order <= 0,
            ">" => order => order > 0,
            _ => order => order >= 0,
        };
        Func<LogValue, LogValue, LogValue> compare = type == LogType.Real
            ? name switch
            {
                // What is no number is neither less nor greater.
                "<" => (one, two) => one.IsNull || two.IsNull ? LogValue.Null : LogValue.Of(one.Real < two.Real),
                "<=" => (one, two) => one.IsNull || two.IsNull ? LogValue.Null : LogValue.Of(one.Real <= two.Real),
                ">" => (one, two) => one.IsNull || two.IsNull ? LogValue.Null : LogValue.Of(one.Real > two.Real),
                _ => (one, two) => one.IsNull || two.IsNull ? LogValue.Null : LogValue.Of(one.Real >= two.Real),
            }
            : (one, two) => one.IsNull || two.IsNull ? LogValue.Null : LogValue.Of(holds(Comparing.Order(type, one, two)));
        return Fold(new BinaryScalar(LogType.Bool, left, right, compare) { Pushable = pushable }, left, right);
    }

    private static LogTimeRange RangeOf(string name, long ticks)
    {
        var after = ticks < DateTime.MaxValue.Ticks ? ticks + 1 : ticks;
        var all = LogTimeRange.All;
        return name switch
        {
            "<" => new LogTimeRange(all.From, new DateTime(ticks, DateTimeKind.Utc)),
            "<=" => new LogTimeRange(all.From, new DateTime(after, DateTimeKind.Utc)),
            ">" => new LogTimeRange(new DateTime(after, DateTimeKind.Utc), all.Before),
            ">=" => new LogTimeRange(new DateTime(ticks, DateTimeKind.Utc), all.Before),
            _ => new LogTimeRange(new DateTime(ticks, DateTimeKind.Utc), new DateTime(after, DateTimeKind.Utc)),
        };
    }

    /// <summary>Makes both of one type, so that they can be compared.</summary>
    private static LogType Unify(ref Scalar left, ref Scalar right, int at)
    {
        if (left.Type == right.Type)
        {
            return left.Type;
        }

        if (left.Type.IsNumber() && right.Type.IsNumber())
        {
            // An int lies in its cell as a long does.
            var wider = left.Type > right.Type ? left.Type : right.Type;
            (left, right) = wider == LogType.Real ? (Convert(left, wider), Convert(right, wider)) : (left, right);
            return wider;
        }

        if (left.Type == LogType.Dynamic)
        {
            left = Convert(left, right.Type == LogType.Int ? LogType.Long : right.Type);
            return Unify(ref left, ref right, at);
        }

        if (right.Type == LogType.Dynamic)
        {
            right = Convert(right, left.Type == LogType.Int ? LogType.Long : left.Type);
            return Unify(ref left, ref right, at);
        }

        throw QueryFault.Semantic($"A {LogTypes.NameOf(left.Type)} and a {LogTypes.NameOf(right.Type)} cannot be compared; convert one of them, as with todatetime() or tolong().", at);
    }

    private Scalar Logic(LogicSyntax logic)
    {
        var terms = logic.Terms.Select(term => Condition(term, $"What '{(logic.IsAnd ? "and" : "or")}' connects")).ToList();
        return Fold(new LogicScalar(logic.IsAnd, terms), [.. terms]);
    }

    private Scalar Text(BinarySyntax binary)
    {
        var (left, right) = (Value(binary.Left), Value(binary.Right));
        var negated = binary.Operator[0] == '!';
        var name = binary.Operator == "!~" ? "=~" : negated ? binary.Operator[1..] : binary.Operator;
        var ask = Terms.Of(name)!;
        left = As(left, LogType.String, $"What stands before '{binary.Operator}'", binary.Left.At);
        right = As(right, LogType.String, $"What stands behind '{binary.Operator}'", binary.Right.At);
        if (right is ConstantScalar { Value.Text: var other })
        {
            return Fold(new UnaryScalar(LogType.Bool, left, value => LogValue.Of(ask(value.Text, other) != negated)), left);
        }

        return new BinaryScalar(LogType.Bool, left, right, (one, two) => LogValue.Of(ask(one.Text, two.Text) != negated));
    }

    private Scalar Matches(BinarySyntax binary)
    {
        var text = Value(binary.Left, LogType.String, "What stands before 'matches regex'");
        var regex = Patterns.Make(Constant(binary.Right, LogType.String, "A regular expression").Text, Query.Limits, binary.Right.At);
        return Fold(new UnaryScalar(LogType.Bool, text, value => LogValue.Of(IsMatch(regex, value.Text, binary.At))), text);
    }

    private bool IsMatch(Regex regex, string text, int at)
    {
        try
        {
            return regex.IsMatch(text);
        }
        catch (RegexMatchTimeoutException)
        {
            throw Patterns.OutOfTime(Query.Limits, at);
        }
    }

    private Scalar List(ListSyntax list)
    {
        var subject = Raw(list.Subject);
        var items = new List<(Scalar Item, int At)>();
        foreach (var syntax in list.List)
        {
            var item = Value(syntax);
            if (item is ConstantScalar { Type: LogType.Dynamic, Value.Dynamic.Items: { } inner })
            {
                items.AddRange(inner.Select(each => ((Scalar)new ConstantScalar(each?.Type ?? LogType.Dynamic, each is null ? default : each.Type == LogType.Dynamic ? LogValue.Of(each) : each.Scalar), syntax.At)));
            }
            else
            {
                items.Add((item, syntax.At));
            }
        }

        var negated = list.Operator[0] == '!';
        if (list.Operator is "in" or "!in" && subject is SlotScalar { Slot: { Protection: LogProtection.Person } slot } && items.All(item => item.Item is ConstantScalar { Type: LogType.String }))
        {
            return TokenIn(slot, [.. items.Select(item => ((ConstantScalar)item.Item).Value.Text)], negated);
        }

        subject = Open(subject, list.Subject.At);
        if (list.Operator is "has_any" or "has_all" or "in~" or "!in~")
        {
            subject = As(subject, LogType.String, $"What stands before '{list.Operator}'", list.Subject.At);
            items = [.. items.Select(item => (As(item.Item, LogType.String, $"What '{list.Operator}' lists", item.At), item.At))];
        }

        return list.Operator is "has_any" or "has_all" ? Has(subject, [.. items.Select(item => item.Item)], list.Operator == "has_all") : In(list, subject, items, negated);
    }

    private static Scalar Has(Scalar subject, Scalar[] terms, bool all)
    {
        Scalar[] of = [subject, .. terms];
        return Fold(
            new ManyScalar(LogType.Bool, of, values =>
            {
                for (var at = 1; at < values.Length; at++)
                {
                    if (Terms.Has(values[0].Text, values[at].Text, StringComparison.OrdinalIgnoreCase) != all)
                    {
                        return LogValue.Of(!all);
                    }
                }

                return LogValue.Of(all);
            }),
            of);
    }

    private static Scalar In(ListSyntax list, Scalar subject, List<(Scalar Item, int At)> items, bool negated)
    {
        var type = subject.Type == LogType.Dynamic ? items.Count > 0 && items.TrueForAll(item => item.Item.Type == items[0].Item.Type) ? items[0].Item.Type : LogType.String : subject.Type;
        if (type is LogType.Int or LogType.Long && items.Exists(item => item.Item.Type == LogType.Real))
        {
            type = LogType.Real;
        }
        else if (type == LogType.Int)
        {
            type = LogType.Long;
        }

        var pushableSlot = !negated && list.Operator == "in" && subject is SlotScalar { Slot: var slot } && (slot.Type == type || (slot.Type, type) is (LogType.Int, LogType.Long)) && type is not (LogType.Dynamic or LogType.Real or LogType.DateTime)
            ? slot
            : null;
        subject = type == LogType.Long && subject.Type == LogType.Int ? subject : Convert(subject, type);
        items = [.. items.Select(item => (As(item.Item, type, $"What '{list.Operator}' lists", item.At), item.At))];
        var ignoreCase = list.Operator is "in~" or "!in~";
        if (items.TrueForAll(item => item.Item is ConstantScalar))
        {
            var values = items.Select(item => ((ConstantScalar)item.Item).Value).Where(value => !value.IsNull).ToList();
            if (type == LogType.String)
            {
                var texts = values.Select(value => value.Text).ToHashSet(ignoreCase ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal);
                return Fold(
                    new UnaryScalar(LogType.Bool, subject, value => LogValue.Of(texts.Contains(value.Text) != negated)) { Pushable = pushableSlot is null ? null : new Pushable(pushableSlot, null, values, []) },
                    subject);
            }

            var set = values.ToHashSet();
            return Fold(
                new UnaryScalar(LogType.Bool, subject, value => LogValue.Of((!value.IsNull && set.Contains(value)) != negated)) { Pushable = pushableSlot is null ? null : new Pushable(pushableSlot, null, values, []) },
                subject);
        }

        Scalar[] of = [subject, .. items.Select(item => item.Item)];
        var comparison = ignoreCase ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;
        return new ManyScalar(LogType.Bool, of, values =>
        {
            for (var at = 1; at < values.Length; at++)
            {
                if (type == LogType.String ? string.Equals(values[0].Text, values[at].Text, comparison) : !values[0].IsNull && values[0].Equals(values[at]))
                {
                    return LogValue.Of(!negated);
                }
            }

            return LogValue.Of(negated);
        });
    }

    private Scalar Between(BetweenSyntax between)
    {
        var (subject, low, high) = (Value(between.Subject), Value(between.Low), Value(between.High));

        // datetime between (start .. 1h): the end is so long after the start.
        if (low.Type == LogType.DateTime && high.Type == LogType.TimeSpan)
        {
            high = Arithmetic.Bind("+", low, high, between.High.At);
        }

        var (above, below) = (Comparison(">=", subject, low, between.At), Comparison("<=", subject, high, between.At));
        var pushable = !between.IsNegated && above.Pushable is { Range: { } from } && below.Pushable is { Range: { } to } && above.Pushable.Slot == below.Pushable.Slot
            ? new Pushable(above.Pushable.Slot, from.And(to), [], [])
            : null;
        var negated = between.IsNegated;
        return Fold(
            new BinaryScalar(LogType.Bool, above, below, (one, two) => one.IsNull || two.IsNull ? LogValue.Null : LogValue.Of((one.Bool && two.Bool) != negated)) { Pushable = pushable },
            subject, low, high);
    }

    private Scalar Member(MemberSyntax member)
    {
        var of = Value(member.Of);
        var name = member.Name;
        return of.Type == LogType.Dynamic
            ? Fold(new UnaryScalar(LogType.Dynamic, of, value => LogValue.Of(value.Dynamic?.Member(name))), of)
            : throw QueryFault.Semantic($"Only a dynamic has members; this is of the type {LogTypes.NameOf(of.Type)}. Use parse_json().", member.At, name.Length);
    }

    private Scalar Index(IndexSyntax index)
    {
        var (of, at) = (Value(index.Of), Value(index.Index));
        if (of.Type != LogType.Dynamic)
        {
            throw QueryFault.Semantic($"Only a dynamic has items; this is of the type {LogTypes.NameOf(of.Type)}. Use parse_json().", index.At, 1);
        }

        at = at.Type == LogType.Dynamic ? Convert(at, LogType.String) : at;
        return at.Type switch
        {
            LogType.String => Fold(new BinaryScalar(LogType.Dynamic, of, at, (value, name) => LogValue.Of(value.Dynamic?.Member(name.Text))), of, at),
            LogType.Int or LogType.Long => Fold(new BinaryScalar(LogType.Dynamic, of, at, (value, item) => LogValue.Of(item.IsNull ? null : value.Dynamic?.Item(item.Long))), of, at),
            _ => throw QueryFault.Semantic("An index is a number or a text.", index.Index.At),
        };
    }

    private Scalar Call(CallSyntax call)
    {
        if (Aggregating.IsAggregate(call.Name) && (Aggregates is not null || !Functions.IsFunction(call.Name)))
        {
            if (Aggregates is null || _isInAggregate)
            {
                throw QueryFault.Semantic($"The aggregate '{call.Name}' can only stand in 'summarize', and not in another aggregate.", call.At, call.Name.Length);
            }

            var aggregate = Aggregate(call);
            return aggregate.Results.Count == 1
                ? new SlotScalar(aggregate.Results[0])
                : throw QueryFault.Semantic($"'{call.Name}' gives several columns here, and so can stand in no expression.", call.At, call.Name.Length);
        }

        return Functions.Bind(this, call);
    }

    /// <summary>An aggregate, which is added to <see cref="Aggregates"/>.</summary>
    public Aggregate Aggregate(CallSyntax call)
    {
        _isInAggregate = true;
        var aggregate = Aggregating.Bind(this, call);
        _isInAggregate = false;
        Aggregates!.Add(aggregate);
        return aggregate;
    }
}
