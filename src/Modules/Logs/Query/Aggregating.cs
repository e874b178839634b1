using System.Globalization;

namespace Domicile.Modules.Logs.Query;

/// <summary>The aggregates of <c>summarize</c>: their arguments, their types, what their columns are called.</summary>
internal static class Aggregating
{
    private const long ItemsMax = 1_048_576;

    private static readonly HashSet<string> Names =
    [
        "count", "countif", "sum", "sumif", "avg", "avgif", "min", "minif", "max", "maxif", "dcount", "dcountif", "count_distinct", "count_distinctif", "stdev", "stdevif", "variance", "varianceif",
        "percentile", "percentiles", "make_list", "make_list_if", "make_set", "make_set_if", "arg_max", "arg_min", "take_any", "take_anyif", "any", "anyif",
    ];

    /// <summary>Whether that is one.</summary>
    public static bool IsAggregate(string name) => Names.Contains(name);

    /// <summary>Binds a call.</summary>
    public static Aggregate Bind(ScalarBinder binder, CallSyntax call)
    {
        var (name, arguments) = (call.Name, call.Arguments);
        var (least, most) = name switch
        {
            "count" => (0, 0),
            "countif" => (1, 1),
            "sum" or "avg" or "min" or "max" or "stdev" or "variance" or "count_distinct" => (1, 1),
            "dcount" => (1, 2),
            "sumif" or "avgif" or "minif" or "maxif" or "stdevif" or "varianceif" or "count_distinctif" or "percentile" or "take_anyif" or "anyif" => (2, 2),
            "dcountif" => (2, 3),
            "make_list" or "make_set" => (1, 2),
            "make_list_if" or "make_set_if" => (2, 3),
            "percentiles" => (2, 64),
            _ => (1, int.MaxValue),
        };
        if (arguments.Count < least || arguments.Count > most)
        {
            throw Functions.WrongCount(call, least, most);
        }

        // The condition of dcountif and its like is the second argument; what is left is what the name without it takes.
        if (name.EndsWith("if", StringComparison.Ordinal) && name != "countif")
        {
            var condition = binder.Condition(arguments[1], $"The condition of {name}()");
            var plain = call with { Name = name.EndsWith("_if", StringComparison.Ordinal) ? name[..^3] : name[..^2], Arguments = [arguments[0], .. arguments.Skip(2)] };
            var inner = Bind(binder, plain);
            return inner with
            {
                Names = [name switch { "take_anyif" => Naming.Of(arguments[0]) ?? "", "make_list_if" => Prefixed("list", call), "make_set_if" => Prefixed("set", call), _ => Prefixed(name, call) }],
                New = meter => new IfAccumulator(condition, inner.New(meter)),
            };
        }

        switch (name)
        {
            case "count":
                return One("count_", LogType.Long, _ => new CountAccumulator());
            case "countif":
                var counted = binder.Condition(arguments[0], "The condition of countif()");
                return One("countif_", LogType.Long, _ => new IfAccumulator(counted, new CountAccumulator()));
            case "dcount" or "count_distinct":
                var counts = binder.KeyOf(binder.Raw(arguments[0]), arguments[0].At);
                return One(Prefixed(name, call), LogType.Long, meter => new DistinctAccumulator(counts, meter, call.At));
            case "sum":
                var summed = Number(binder, call, spans: true);
                return summed.Type == LogType.Real
                    ? One(Prefixed(name, call), LogType.Real, _ => new RealSumAccumulator(summed))
                    : One(Prefixed(name, call), summed.Type == LogType.TimeSpan ? LogType.TimeSpan : LogType.Long, _ => new SumAccumulator(summed));
            case "avg" or "stdev" or "variance":
                var measured = Number(binder, call, spans: name == "avg");
                var kind = name switch { "avg" => MomentKind.Average, "stdev" => MomentKind.Deviation, _ => MomentKind.Variance };
                return One(Prefixed(name, call), measured.Type == LogType.TimeSpan ? LogType.TimeSpan : LogType.Real, _ => new MomentAccumulator(measured, kind));
            case "min" or "max":
                var compared = Ordered(binder, arguments[0], name);
                return One(Prefixed(name, call), compared.Type, _ => new ExtremeAccumulator(compared, name == "max", []));
            case "arg_min" or "arg_max":
                return Extreme(binder, call);
            case "take_any" or "any":
                return Any(binder, call);
            case "make_list" or "make_set":
                var listed = binder.Value(arguments[0]);
                var limit = arguments.Count > 1 ? Math.Min(ItemsMax, binder.Constant(arguments[1], LogType.Long, "The size of a list").Long) : ItemsMax;
                return One(Prefixed(name == "make_set" ? "set" : "list", call), LogType.Dynamic, meter => new ListAccumulator(listed, name == "make_set", limit, meter, call.At));
            default:
                return Percentiles(binder, call);
        }
    }

    private static Aggregate One(string name, LogType type, Func<Meter, Accumulator> make) => new([name], [new Slot(type)], make);

    private static string Prefixed(string prefix, CallSyntax call) => $"{prefix}_{Naming.Of(call.Arguments[0])}";

    private static Scalar Number(ScalarBinder binder, CallSyntax call, bool spans)
    {
        var value = binder.Value(call.Arguments[0]);
        value = value.Type == LogType.Dynamic ? ScalarBinder.Convert(value, LogType.Real) : value;
        return value.Type.IsNumber() || (spans && value.Type == LogType.TimeSpan)
            ? value
            : throw QueryFault.Semantic($"{call.Name}() takes numbers; this is of the type {LogTypes.NameOf(value.Type)}.", call.Arguments[0].At);
    }

    private static Scalar Ordered(ScalarBinder binder, ScalarSyntax argument, string name)
    {
        var value = binder.Value(argument);
        return value.Type is LogType.Bool ? throw QueryFault.Semantic($"{name}() takes what has an order; this is a bool.", argument.At) : value;
    }

    private static Aggregate Extreme(ScalarBinder binder, CallSyntax call)
    {
        var of = Ordered(binder, call.Arguments[0], call.Name);
        var names = new List<string> { Naming.Of(call.Arguments[0]) ?? $"{(call.Name == "arg_max" ? "max" : "min")}_" };
        var others = new List<Scalar>();
        foreach (var argument in call.Arguments.Skip(1))
        {
            Add(binder, argument, names, others);
        }

        return new Aggregate(names, [new Slot(of.Type), .. others.Select(Result)], _ => new ExtremeAccumulator(of, call.Name == "arg_max", others));
    }

    private static Aggregate Any(ScalarBinder binder, CallSyntax call)
    {
        var names = new List<string>();
        var of = new List<Scalar>();
        foreach (var argument in call.Arguments)
        {
            Add(binder, argument, names, of);
        }

        if (of.Count == 0)
        {
            throw QueryFault.Semantic($"There is no column that {call.Name}() could take.", call.At, call.Name.Length);
        }

        return new Aggregate(call.Name == "any" ? [.. names.Select(name => $"any_{name}")] : names, [.. of.Select(Result)], _ => new AnyAccumulator(of));
    }

    // A cell that is passed on stays as it is: a protected one is opened when it is shown.
    private static Slot Result(Scalar scalar) => new(scalar.Type) { Origins = scalar is SlotScalar { Slot: var slot } ? slot.Origins : [] };

    private static void Add(ScalarBinder binder, ScalarSyntax argument, List<string> names, List<Scalar> others)
    {
        if (argument is not StarSyntax)
        {
            names.Add(Naming.Of(argument) ?? "");
            others.Add(binder.Shown(argument));
            return;
        }

        foreach (var column in binder.Columns.Where(column => !binder.Keys.Contains(column.Name) && !names.Contains(column.Name)))
        {
            column.Slot.IsUsed = true;
            names.Add(column.Name);
            others.Add(new SlotScalar(column.Slot));
        }
    }

    private static Aggregate Percentiles(ScalarBinder binder, CallSyntax call)
    {
        var of = Ordered(binder, call.Arguments[0], call.Name);
        if (of.Type is LogType.String or LogType.Guid or LogType.Dynamic)
        {
            of = of.Type == LogType.Dynamic ? ScalarBinder.Convert(of, LogType.Real) : throw QueryFault.Semantic($"{call.Name}() takes numbers, instants or durations.", call.Arguments[0].At);
        }

        var ranks = new List<double>();
        var names = new List<string>();
        foreach (var argument in call.Arguments.Skip(1))
        {
            var rank = binder.Constant(argument, LogType.Real, "A percentile").Real;
            if (!(rank is >= 0 and <= 100))
            {
                throw QueryFault.Semantic("A percentile is a number from 0 to 100.", argument.At);
            }

            ranks.Add(rank);
            names.Add($"percentile_{Naming.Of(call.Arguments[0])}_{rank.ToString(CultureInfo.InvariantCulture).Replace('.', '_')}");
        }

        return new Aggregate(names, [.. ranks.Select(_ => new Slot(of.Type))], meter => new PercentileAccumulator(of, ranks, meter, call.At));
    }
}
