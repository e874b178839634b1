using System.Collections.Immutable;

namespace Domicile.Modules.Logs.Query;

/// <summary>Makes steps that can run of a query that was parsed: finds its tables and columns, gives types, and hands down what whoever reads can use.</summary>
internal sealed class Binder(ILogTables tables, LogQueryRequest request, DateTimeOffset now, Meter meter)
{
    private ImmutableDictionary<string, Known> _lets = ImmutableDictionary<string, Known>.Empty;
    private int _nodes;
    private int _operators;
    private int _depth;

    /// <summary>The tables.</summary>
    public ILogTables Tables { get; } = tables;

    /// <summary>What the query may use.</summary>
    public LogQueryLimits Limits => request.Limits;

    /// <summary>What the query has used.</summary>
    public Meter Meter { get; } = meter;

    /// <summary>The instant that the query takes as now, in ticks.</summary>
    public long Now { get; } = now.UtcTicks;

    /// <summary>The chart that the query asks for.</summary>
    public LogRender? Render { get; private set; }

    /// <summary>Binds a query.</summary>
    public Flow Bind(QuerySyntax query)
    {
        foreach (var let in query.Lets)
        {
            var known = let.Value switch
            {
                ScalarSyntax scalar when !IsTable(scalar) => new Known(Constant(scalar), null, _lets),
                NameSyntax name => new Known(null, new PipelineSyntax(name.At, new TableSyntax(name.At, name.Name), []), _lets),
                _ => new Known(null, (PipelineSyntax)let.Value, _lets),
            };
            _lets = _lets.SetItem(let.Name, known);
        }

        return Pipeline(query.Pipeline, null);
    }

    /// <summary>What a <c>let</c> name stands for; null when it is none, or one of a table.</summary>
    public ConstantScalar? Let(string name) => _lets.TryGetValue(name, out var known) ? known.Scalar : null;

    /// <summary>Counts a name, literal or call.</summary>
    public void CountNode(int at)
    {
        if (++_nodes > Limits.Nodes)
        {
            throw QueryFault.Limit("LIM0002", $"The query has more than {Limits.Nodes} names, literals and calls.", at);
        }
    }

    private bool IsTable(ScalarSyntax syntax) =>
        syntax is NameSyntax name && (_lets.TryGetValue(name.Name, out var known) ? known.Pipeline is not null : Tables.Find(name.Name) is not null);

    private ConstantScalar Constant(ScalarSyntax syntax) =>
        new ScalarBinder(this, []).Value(syntax) as ConstantScalar ?? throw QueryFault.Semantic("What 'let' names has to be one value, or a table.", syntax.At);

    private Flow Pipeline(PipelineSyntax pipeline, Flow? input)
    {
        if (++_depth > Limits.Nesting)
        {
            throw QueryFault.Limit("LIM0002", $"The query nests more than {Limits.Nesting} deep.", pipeline.At);
        }

        var flow = Source(pipeline.Source, input);
        foreach (var step in pipeline.Operators)
        {
            CountOperator(step.At);
            flow = Operator(step, flow);
        }

        _depth--;
        return flow;
    }

    private void CountOperator(int at)
    {
        if (++_operators > Limits.Operators)
        {
            throw QueryFault.Limit("LIM0002", $"The query has more than {Limits.Operators} steps.", at);
        }
    }

    private Flow Source(Syntax source, Flow? input)
    {
        CountOperator(source.At);
        switch (source)
        {
            case PipelineSyntax inner:
                return Pipeline(inner, input);
            case TableSyntax name:
                return Table(name);
            case UnionSyntax union:
                return Union(union, null);
            case PrintSyntax print:
                return Print(print);
            case DataTableSyntax table:
                return DataTable(table);
            default:
                return Range((RangeSyntax)source);
        }
    }

    private Flow Table(TableSyntax name)
    {
        if (_lets.TryGetValue(name.Name, out var known))
        {
            if (known.Pipeline is null)
            {
                throw QueryFault.Semantic($"'{Token.Shorten(name.Name)}' is one value, not a table.", name.At, name.Name.Length);
            }

            // What a name stands for sees the names before it, not those after.
            var lets = _lets;
            _lets = known.Before;
            var flow = Pipeline(known.Pipeline, null);
            _lets = lets;
            return flow;
        }

        var scan = new ScanRelation(name.At, Tables.Find(name.Name) ?? throw QueryFault.Unknown("table", name.Name, name.At), request.Range);
        return new Flow(scan, [.. scan.Columns]);
    }

    private Flow Print(PrintSyntax print)
    {
        var binder = new ScalarBinder(this, []);
        var columns = new Columns();
        var cells = new List<LogValue>();
        foreach (var item in print.Items)
        {
            var value = binder.Value(item.Value) as ConstantScalar ?? throw QueryFault.Semantic("'print' has no rows: its values name no columns.", item.At);
            columns.Add(item.Names is [var name, ..] ? name : $"print_{cells.Count}", new Slot(value.Type), item.At);
            cells.Add(value.Value);
        }

        return new Flow(new ValuesRelation(print.At, columns.Slots, [[.. cells]]), columns.All);
    }

    private Flow DataTable(DataTableSyntax table)
    {
        var binder = new ScalarBinder(this, []);
        var columns = new Columns();
        foreach (var column in table.Columns)
        {
            columns.Add(column.Name, new Slot(column.Type), table.At);
        }

        var width = table.Columns.Count;
        var cells = table.Cells.Select((cell, at) =>
            ScalarBinder.Convert(binder.Value(cell), table.Columns[at % width].Type) is ConstantScalar constant ? constant.Value : throw QueryFault.Semantic("A cell of a table is one value.", cell.At));
        return new Flow(new ValuesRelation(table.At, columns.Slots, [.. cells.Chunk(width)]), columns.All);
    }

    private Flow Range(RangeSyntax range)
    {
        var binder = new ScalarBinder(this, []);
        var (from, to, step) = (binder.Value(range.From), binder.Value(range.To), binder.Value(range.Step));
        var type = new[] { from.Type, to.Type, step.Type }.Contains(LogType.Real) ? LogType.Real : from.Type == LogType.Int ? LogType.Long : from.Type;
        if (type is not (LogType.Long or LogType.Real or LogType.DateTime or LogType.TimeSpan))
        {
            throw QueryFault.Semantic("A range is of numbers, instants or durations.", range.From.At);
        }

        var (first, last) = (binder.Constant(range.From, type, "The begin of a range"), binder.Constant(range.To, type, "The end of a range"));
        var by = binder.Constant(range.Step, type == LogType.DateTime ? LogType.TimeSpan : type, "The step of a range");
        if (first.IsNull || last.IsNull || by.IsNull || (type == LogType.Real ? by.Real == 0 || !double.IsFinite(by.Real) || !double.IsFinite(first.Real) : by.Long == 0))
        {
            throw QueryFault.Semantic("A range has a begin, an end and a step that is not 0.", range.At);
        }

        var slot = new Slot(type);
        return new Flow(new RangeRelation(range.At, slot, first, last, by), [new Column(range.Name, slot)]);
    }

    private Flow Operator(Syntax step, Flow input)
    {
        switch (step)
        {
            case WhereSyntax where:
                return Where(where, input);
            case ProjectSyntax project:
                return Project(project, input);
            case PickSyntax pick:
                return Pick(pick, input);
            case RenameSyntax rename:
                return Rename(rename, input);
            case SummarizeSyntax summarize:
                return Summarize(summarize, input);
            case CountSyntax:
                var count = new Slot(LogType.Long);
                return new Flow(new CountRelation(step.At, input.Relation, count), [new Column("Count", count)]);
            case SortSyntax sort:
                return Sort(sort.At, sort.Keys, null, input);
            case TopSyntax top:
                return Sort(top.At, top.Keys, Rows(top.Rows), input);
            case TakeSyntax take:
                var rows = Rows(take.Rows);
                input.Relation.OfferLimit(rows);
                return input with { Relation = new TakeRelation(take.At, input.Relation, rows) };
            case DistinctSyntax distinct:
                return Distinct(distinct, input);
            case UnionSyntax union:
                return Union(union, input);
            case JoinSyntax join:
                return Join(join, input);
            default:
                Render = ((RenderSyntax)step).Render;
                return input;
        }
    }

    private long Rows(ScalarSyntax syntax)
    {
        var rows = new ScalarBinder(this, []).Constant(syntax, LogType.Long, "How many rows");
        return rows.IsNull || rows.Long < 0 ? throw QueryFault.Semantic("How many rows is a number from 0.", syntax.At) : rows.Long;
    }

    /// <summary>What a step needs opened is opened right before it.</summary>
    private static Relation Opened(Relation relation, ScalarBinder binder, int at) => binder.Opened.Count == 0 ? relation : new OpenRelation(at, relation, binder.Opened);

    private Flow Where(WhereSyntax where, Flow input)
    {
        // What needs no text comes first, so that fewer rows are opened for what does.
        var plain = new List<Scalar>();
        var opening = new ScalarBinder(this, input.Columns);
        var late = new List<Scalar>();
        foreach (var syntax in Terms(where.Condition))
        {
            var binder = new ScalarBinder(this, input.Columns);
            var condition = binder.Condition(syntax, "A condition");
            if (binder.Opened.Count == 0)
            {
                plain.Add(condition);
                if (condition.Pushable is { } pushable)
                {
                    input.Relation.Offer(pushable);
                }
            }
            else
            {
                opening.Opened.AddRange(binder.Opened.Where(slot => !opening.Opened.Contains(slot)));
                late.Add(condition);
            }
        }

        var relation = plain.Count == 0 ? input.Relation : new WhereRelation(where.At, input.Relation, All(plain));
        return input with { Relation = late.Count == 0 ? relation : new WhereRelation(where.At, Opened(relation, opening, where.At), All(late)) };

        static Scalar All(List<Scalar> conditions) => conditions is [var only] ? only : new LogicScalar(true, conditions);
    }

    private static IEnumerable<ScalarSyntax> Terms(ScalarSyntax condition) => condition is LogicSyntax { IsAnd: true } all ? all.Terms.SelectMany(Terms) : [condition];

    private Flow Project(ProjectSyntax project, Flow input)
    {
        var binder = new ScalarBinder(this, input.Columns);
        var items = new List<(Slot, Scalar)>();
        var columns = new Columns(project.Items);
        var made = new List<(string Name, bool IsGiven, Slot Slot, int At)>();
        var unnamed = 0;
        foreach (var item in project.Items)
        {
            if (item.Names.Count > 1)
            {
                throw QueryFault.Semantic("Only an aggregate gives several columns.", item.At);
            }

            var value = binder.Shown(item.Value);
            var name = item.Names is [var given] ? given : Naming.Of(item.Value) ?? $"Column{++unnamed}";
            if (value is SlotScalar { Slot: var same })
            {
                made.Add((name, item.Names.Count > 0, same, item.At));
                continue;
            }

            var slot = new Slot(value.Type);
            items.Add((slot, value));
            made.Add((name, item.Names.Count > 0, slot, item.At));
        }

        // A column that is made anew stands at the end, and the old one of its name is gone.
        var names = made.Where(column => column.IsGiven).Select(column => column.Name).ToHashSet();
        foreach (var column in project.IsExtend ? input.Columns.Where(column => !names.Contains(column.Name)) : [])
        {
            columns.Add(column.Name, column.Slot, project.At);
        }

        foreach (var (name, isGiven, slot, at) in made)
        {
            columns.Add(isGiven ? name : columns.Free(name), slot, at);
        }

        var relation = Opened(input.Relation, binder, project.At);
        return new Flow(items.Count == 0 ? relation : new ExtendRelation(project.At, relation, items), columns.All);
    }

    private static Flow Pick(PickSyntax pick, Flow input)
    {
        if (pick.Operator == "as")
        {
            return input;
        }

        var picked = new List<Column>();
        foreach (var name in pick.Names)
        {
            var before = picked.Count;
            foreach (var column in input.Columns.Where(column => Matches(name.Name, column.Name) && !picked.Contains(column)))
            {
                picked.Add(column);
                foreach (var origin in name.Name.EndsWith('*') || pick.Operator == "project-away" ? [] : column.Slot.Origins)
                {
                    (origin.IsNamed, origin.ShownAt) = (true, name.At);
                }
            }

            if (picked.Count == before && !name.Name.EndsWith('*') && !picked.Exists(column => column.Name == name.Name))
            {
                throw QueryFault.Unknown("column", name.Name, name.At);
            }
        }

        var rest = input.Columns.Where(column => !picked.Contains(column));
        return input with
        {
            Columns = pick.Operator switch
            {
                "project-away" => [.. rest],
                "project-keep" => [.. input.Columns.Where(picked.Contains)],
                _ => [.. picked, .. rest],
            },
        };
    }

    private static bool Matches(string pattern, string name) => pattern.EndsWith('*') ? name.StartsWith(pattern[..^1], StringComparison.Ordinal) : name == pattern;

    private static Flow Rename(RenameSyntax rename, Flow input)
    {
        var columns = new Columns();
        foreach (var (_, old) in rename.Names)
        {
            if (!input.Columns.Any(column => column.Name == old.Name))
            {
                throw QueryFault.Unknown("column", old.Name, old.At);
            }
        }

        foreach (var column in input.Columns)
        {
            var (renamed, _) = rename.Names.FirstOrDefault(pair => pair.Old.Name == column.Name);
            columns.Add(renamed?.Name ?? column.Name, column.Slot, renamed?.At ?? rename.At);
        }

        return input with { Columns = columns.All };
    }

    private Flow Summarize(SummarizeSyntax summarize, Flow input)
    {
        var keyBinder = new ScalarBinder(this, input.Columns);
        var keys = new List<(Slot Slot, Scalar Value)>();
        var columns = new Columns(summarize.Keys.Concat(summarize.Aggregates));
        var unnamed = 0;
        foreach (var item in summarize.Keys)
        {
            var value = keyBinder.KeyOf(keyBinder.Shown(item.Value), item.Value.At);
            var slot = new Slot(value.Type) { Origins = value is SlotScalar { Slot: var from } ? from.Origins : [] };
            keys.Add((slot, value));
            columns.Add(item.Names is [var given, ..] ? given : columns.Free(Naming.Of(item.Value) ?? $"Column{++unnamed}"), slot, item.At);
        }

        var aggregates = new List<Aggregate>();
        var binder = new ScalarBinder(this, input.Columns) { Aggregates = aggregates, Keys = [.. columns.All.Select(column => column.Name)] };
        var computed = new List<(Slot, Scalar)>();
        foreach (var item in summarize.Aggregates)
        {
            if (item.Value is CallSyntax call && Aggregating.IsAggregate(call.Name))
            {
                CountNode(call.At);
                var aggregate = binder.Aggregate(call);
                for (var output = 0; output < aggregate.Results.Count; output++)
                {
                    var name = output < item.Names.Count ? item.Names[output] : columns.Free(aggregate.Names[output] is { Length: > 0 } usual ? usual : $"Column{++unnamed}");
                    columns.Add(name, aggregate.Results[output], item.At);
                }

                continue;
            }

            var value = binder.Value(item.Value);
            var slot = new Slot(value.Type);
            computed.Add((slot, value));
            columns.Add(item.Names is [var given, ..] ? given : columns.Free(Naming.Of(item.Value) ?? $"Column{++unnamed}"), slot, item.At);
        }

        // Keys may name what an aggregate opens as well: what is open is open for both.
        binder.Opened.AddRange(keyBinder.Opened.Where(slot => !binder.Opened.Contains(slot)));
        var opened = binder.Opened.Where(slot => input.Columns.Any(column => column.Slot == slot)).ToList();
        var relation = opened.Count == 0 ? input.Relation : new OpenRelation(summarize.At, input.Relation, opened);
        relation = new SummarizeRelation(summarize.At, relation, keys, aggregates);

        // An expression over take_any(UserId) needs what the aggregate gives opened, after it.
        var later = binder.Opened.Except(opened).ToList();
        relation = later.Count == 0 ? relation : new OpenRelation(summarize.At, relation, later);
        return new Flow(computed.Count == 0 ? relation : new ExtendRelation(summarize.At, relation, computed), columns.All);
    }

    private Flow Sort(int at, IReadOnlyList<OrderSyntax> order, long? rows, Flow input)
    {
        var binder = new ScalarBinder(this, input.Columns);
        var keys = order.Select(key => new SortKey(binder.Value(key.Value), key.IsDescending, key.NullsFirst)).ToList();
        return input with { Relation = new SortRelation(at, Opened(input.Relation, binder, at), keys, rows) };
    }

    private Flow Distinct(DistinctSyntax distinct, Flow input)
    {
        var flow = distinct.Items.Count == 0 ? input : Project(new ProjectSyntax(distinct.At, false, distinct.Items), input);
        var binder = new ScalarBinder(this, flow.Columns);
        var items = new List<(Slot, Scalar)>();
        var columns = new List<Column>();
        foreach (var column in flow.Columns)
        {
            column.Slot.IsUsed = true;
            if (column.Slot.Protection != LogProtection.Sealed)
            {
                columns.Add(column);
                continue;
            }

            // There is no token to tell such cells apart by. Not named, they are not shown either, and tell nothing apart.
            if (column.Slot.Origins.Any(origin => !origin.IsNamed))
            {
                continue;
            }

            var slot = new Slot(LogType.String);
            items.Add((slot, binder.Open(new SlotScalar(column.Slot), Math.Max(distinct.At, column.Slot.Origins.Max(origin => origin.ShownAt)))));
            columns.Add(new Column(column.Name, slot));
        }

        var relation = Opened(flow.Relation, binder, distinct.At);
        relation = items.Count == 0 ? relation : new ExtendRelation(distinct.At, relation, items);
        return new Flow(new DistinctRelation(distinct.At, relation, [.. columns.Select(column => column.Slot)]), columns);
    }

    private Flow Union(UnionSyntax union, Flow? input)
    {
        var sources = new List<(Flow Flow, string Name)>();
        if (input is not null)
        {
            sources.Add((input, "union_arg0"));
        }

        foreach (var other in union.Others)
        {
            if (union.IsFuzzy && other.Source is TableSyntax missing && !IsKnown(missing.Name))
            {
                continue;
            }

            sources.Add((Pipeline(other, null), other is { Source: TableSyntax { Name: var table }, Operators.Count: 0 } ? table : $"union_arg{sources.Count}"));
        }

        if (sources.Count == 0)
        {
            throw QueryFault.Semantic("None of the tables of this union is there.", union.At, "union".Length);
        }

        var columns = new Columns();
        var fitted = sources.Select(_ => new List<Scalar?>()).ToList();
        if (union.SourceColumn is { } column)
        {
            columns.Add(column, new Slot(LogType.String), union.At);
            for (var at = 0; at < sources.Count; at++)
            {
                fitted[at].Add(new ConstantScalar(LogType.String, LogValue.Of(sources[at].Name)));
            }
        }

        // One column for a name; where types differ, one for each type, with its name behind.
        var binders = sources.Select(source => new ScalarBinder(this, source.Flow.Columns)).ToList();
        foreach (var group in sources.SelectMany(source => source.Flow.Columns).GroupBy(each => (each.Name, each.Slot.Type)).ToList())
        {
            var (name, type) = group.Key;
            var cells = sources.Select(source => source.Flow.Columns.FirstOrDefault(each => each.Name == name && each.Slot.Type == type)).ToList();
            if (union.InnerColumns && cells.Contains(null))
            {
                continue;
            }

            var clash = sources.SelectMany(source => source.Flow.Columns).Any(each => each.Name == name && each.Slot.Type != type);

            // Where one side is protected and another is not, the text is what they have in common.
            var mixed = cells.Exists(cell => cell?.Slot.Protection == LogProtection.None) && cells.Exists(cell => cell is { Slot.Protection: not LogProtection.None });
            if (mixed && cells.SelectMany(cell => cell?.Slot.Origins ?? []).Any(origin => !origin.IsNamed))
            {
                // Not named so far, the protected side would not be shown anyway.
                cells = [.. cells.Select(cell => cell is { Slot.Protection: not LogProtection.None } ? null : cell)];
                mixed = false;
            }

            columns.Add(columns.Free(clash ? $"{name}_{LogTypes.NameOf(type)}" : name), new Slot(type) { Origins = mixed ? [] : [.. cells.SelectMany(cell => cell?.Slot.Origins ?? [])] }, union.At);
            for (var at = 0; at < sources.Count; at++)
            {
                var slot = cells[at]?.Slot;
                if (mixed && slot is not null)
                {
                    slot.IsUsed = true;
                }

                fitted[at].Add(slot is null ? null : mixed ? binders[at].Open(new SlotScalar(slot), union.At) : new SlotScalar(slot));
            }
        }

        return new Flow(
            new UnionRelation(union.At, [.. sources.Select((source, at) => (Opened(source.Flow.Relation, binders[at], union.At), (IReadOnlyList<Scalar?>)fitted[at]))], columns.Slots),
            columns.All);
    }

    private bool IsKnown(string name) => _lets.ContainsKey(name) || Tables.Find(name) is not null;

    private Flow Join(JoinSyntax join, Flow left)
    {
        var right = Pipeline(join.Right, null);
        var (leftBinder, rightBinder) = (new ScalarBinder(this, left.Columns), new ScalarBinder(this, right.Columns));
        var keys = new List<(Scalar, Scalar)>();
        foreach (var (leftName, rightName) in join.On)
        {
            var one = new SlotScalar(leftBinder.Find(leftName.Name) ?? throw QueryFault.Unknown("column of the left side", leftName.Name, leftName.At));
            var two = new SlotScalar(rightBinder.Find(rightName.Name) ?? throw QueryFault.Unknown("column of the right side", rightName.Name, rightName.At));
            if (one.Type != two.Type && !(one.Type is LogType.Int or LogType.Long && two.Type is LogType.Int or LogType.Long))
            {
                throw QueryFault.Semantic($"A {LogTypes.NameOf(one.Type)} and a {LogTypes.NameOf(two.Type)} are never the same.", leftName.At, leftName.Name.Length);
            }

            var tokens = one.Slot.Protection == LogProtection.Person && two.Slot.Protection == LogProtection.Person;
            keys.Add(tokens ? (one, two) : (leftBinder.Open(one, leftName.At), rightBinder.Open(two, rightName.At)));
        }

        var kind = join.Kind switch { "anti" or "leftantisemi" => "leftanti", "rightantisemi" => "rightanti", var other => other };
        var columns = new Columns();
        var cells = new List<(Slot Out, Slot In, bool IsLeft)>();
        foreach (var (flow, isLeft) in ((Flow, bool)[])[(left, true), (right, false)])
        {
            if (kind is "leftsemi" or "leftanti" ? !isLeft : kind is "rightsemi" or "rightanti" && isLeft)
            {
                continue;
            }

            foreach (var column in flow.Columns)
            {
                var slot = new Slot(column.Slot.Type) { Origins = column.Slot.Origins };
                cells.Add((slot, column.Slot, isLeft));
                columns.Add(columns.Free(column.Name), slot, join.At);
            }
        }

        return new Flow(new JoinRelation(join.At, kind, Opened(left.Relation, leftBinder, join.At), Opened(right.Relation, rightBinder, join.At), keys, cells), columns.All);
    }

    /// <summary>What a <c>let</c> name stands for.</summary>
    /// <param name="Scalar">A value.</param>
    /// <param name="Pipeline">Or a table.</param>
    /// <param name="Before">The names that were known before it.</param>
    private sealed record Known(ConstantScalar? Scalar, PipelineSyntax? Pipeline, ImmutableDictionary<string, Known> Before);

    /// <summary>Columns that are put together, each name once.</summary>
    private sealed class Columns(IEnumerable<NamedSyntax>? given = null)
    {
        private readonly List<Column> _all = [];
        private readonly HashSet<string> _names = [];
        private readonly HashSet<string> _given = [.. (given ?? []).SelectMany(item => item.Names)];

        public IReadOnlyList<Column> All => _all;

        public IReadOnlyList<Slot> Slots => [.. _all.Select(column => column.Slot)];

        public void Add(string name, Slot slot, int at)
        {
            if (!_names.Add(name))
            {
                throw QueryFault.Semantic($"There are two columns '{Token.Shorten(name)}'.", at);
            }

            _all.Add(new Column(name, slot));
        }

        /// <summary>The name, or where it is taken or the query gives it to another, the first of name1, name2 … that is free.</summary>
        public string Free(string name)
        {
            var free = name;
            for (var number = 1; _names.Contains(free) || _given.Contains(free); number++)
            {
                free = $"{name}{number}";
            }

            return free;
        }
    }
}
