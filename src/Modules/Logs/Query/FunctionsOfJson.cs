namespace Domicile.Modules.Logs.Query;

/// <content>Functions of dynamics, conversions, and choices.</content>
internal static partial class Functions
{
    private static void Conversions()
    {
        foreach (var (name, type) in (ReadOnlySpan<(string, LogType)>)
            [
                ("tostring", LogType.String), ("toint", LogType.Int), ("tolong", LogType.Long), ("todouble", LogType.Real), ("toreal", LogType.Real), ("tobool", LogType.Bool), ("toboolean", LogType.Bool),
                ("todatetime", LogType.DateTime), ("totimespan", LogType.TimeSpan), ("toguid", LogType.Guid),
            ])
        {
            Add(name, 1, 1, call => ScalarBinder.Convert(call.Value(0), type));
        }

        Add("gettype", 1, 1, call =>
        {
            var of = call.Value(0);
            return OfNulls(LogType.String, values => LogValue.Of(TypeOf(of.Type, values[0])), of);
        });
    }

    private static void Json()
    {
        Add("parse_json", 1, 1, call =>
        {
            var of = call.Value(0);
            return of.Type == LogType.Dynamic ? of : Of(LogType.Dynamic, value => call.Built(LogDynamic.Parse(value.Text)), ScalarBinder.Convert(of, LogType.String));
        });
        Alias("todynamic", "parse_json");
        Alias("parsejson", "parse_json");
        Add("array_length", LogType.Dynamic, LogType.Long, value => value.Dynamic?.Items is { } items ? LogValue.Of((long)items.Count) : LogValue.Null);
        Add("array_index_of", 2, 2, call =>
        {
            var sought = call.Value(1);
            return Of(
                LogType.Long,
                (array, value) => array.Dynamic?.Items is { } items ? LogValue.Of((long)Place(items, LogDynamic.Of(sought.Type, value))) : LogValue.Null,
                call.Value(0, LogType.Dynamic), sought);
        });
        Add("set_has_element", 2, 2, call =>
        {
            var sought = call.Value(1);
            return Of(
                LogType.Bool,
                (array, value) => array.Dynamic?.Items is { } items ? LogValue.Of(Place(items, LogDynamic.Of(sought.Type, value)) >= 0) : LogValue.Null,
                call.Value(0, LogType.Dynamic), sought);
        });
        Add("strcat_array", 2, 2, call => Of(
            LogType.String,
            (array, delimiter) =>
            {
                var items = array.Dynamic?.Items ?? [];
                call.Meter.Build(items.Sum(item => (item?.Footprint ?? 0) + delimiter.Text.Length), call.At);
                return LogValue.Of(string.Join(delimiter.Text, items.Select(item => item?.ToString() ?? "")));
            },
            call.Value(0, LogType.Dynamic), call.Value(1, LogType.String)));
        Add("bag_keys", LogType.Dynamic, LogType.Dynamic, value => value.Dynamic?.Members is { } members
            ? LogValue.Of(LogDynamic.Array([.. members.Select(member => LogDynamic.Of(LogType.String, LogValue.Of(member.Key)))]))
            : LogValue.Null);
        Add("bag_has_key", 2, 2, call => Of(
            LogType.Bool,
            (bag, key) => bag.Dynamic?.Members is { } members ? LogValue.Of(members.Any(member => member.Key == key.Text)) : LogValue.Null,
            call.Value(0, LogType.Dynamic), call.Value(1, LogType.String)));
        Add("pack_array", 1, 64, call =>
        {
            Scalar[] of = [.. call.Values()];
            return OfNulls(LogType.Dynamic, values => call.Built(LogDynamic.Array([.. values.Select((value, at) => LogDynamic.Of(of[at].Type, value))])), of);
        });
        Add("bag_pack", 2, 64, Bag);
        Alias("pack", "bag_pack");
    }

    private static void Choices()
    {
        Add("iff", 3, 3, call => Choice(call, 1));
        Alias("iif", "iff");
        Add("case", 3, 129, call => Choice(call, call.Count / 2));
        Add("coalesce", 1, 64, Coalesce);
        Add("isnull", 1, 1, call => Nullness(call, whenNull: true));
        Add("isnotnull", 1, 1, call => Nullness(call, whenNull: false));
        Alias("notnull", "isnotnull");
        Add("not", 1, 1, call => Of(LogType.Bool, value => LogValue.Of(!value.Bool), call.Value(0, LogType.Bool)));
        Add("column_ifexists", 2, 2, call => call.Constant(0, LogType.String).Text is var name && call.Binder.Columns.Any(column => column.Name == name)
            ? call.Binder.Value(new NameSyntax(call.Syntax(0).At, name))
            : call.Value(1));
    }

    private static string TypeOf(LogType type, LogValue value) => type != LogType.Dynamic
        ? LogTypes.NameOf(type)
        : value.Dynamic switch
        {
            null => "null",
            { Items: not null } => "array",
            { Members: not null } => "dictionary",
            var scalar => LogTypes.NameOf(scalar.Type),
        };

    private static int Place(IReadOnlyList<LogDynamic?> items, LogDynamic? sought)
    {
        for (var at = 0; at < items.Count; at++)
        {
            if (Equals(items[at], sought))
            {
                return at;
            }
        }

        return -1;
    }

    private static Scalar Bag(FunctionCall call)
    {
        if (call.Count % 2 != 0)
        {
            throw QueryFault.Semantic("bag_pack() takes a name and a value in turn.", call.At);
        }

        Scalar[] of = [.. Enumerable.Range(0, call.Count).Select(at => at % 2 == 0 ? call.Value(at, LogType.String) : call.Value(at))];
        return OfNulls(
            LogType.Dynamic,
            values => call.Built(LogDynamic.Bag([.. Enumerable.Range(0, values.Length / 2).Select(at => KeyValuePair.Create(values[2 * at].Text, LogDynamic.Of(of[(2 * at) + 1].Type, values[(2 * at) + 1])))])),
            of);
    }

    private static Scalar Choice(FunctionCall call, int choices)
    {
        if (call.Count % 2 == 0)
        {
            throw QueryFault.Semantic("case() takes conditions, each with its value, and a value for the rest.", call.At, 4);
        }

        Scalar[] conditions = [.. Enumerable.Range(0, choices).Select(at => call.Value(2 * at, LogType.Bool))];
        var values = Alike(call, [.. Enumerable.Range(0, choices).Select(at => (2 * at) + 1), call.Count - 1]);
        return ScalarBinder.Fold(new ChoiceScalar(values[0].Type, [.. conditions.Zip(values)], values[^1]), [.. conditions, .. values]);
    }

    private static Scalar Coalesce(FunctionCall call)
    {
        Scalar[] of = Alike(call, [.. Enumerable.Range(0, call.Count)]);
        var type = of[0].Type;
        return OfNulls(
            type,
            values =>
            {
                foreach (var value in values)
                {
                    if (!value.IsNull && (type != LogType.String || value.Text.Length > 0))
                    {
                        return value;
                    }
                }

                return type == LogType.String ? LogValue.Empty : LogValue.Null;
            },
            of);
    }

    /// <summary>Arguments of one type: the widest of numbers, a dynamic where one is.</summary>
    private static Scalar[] Alike(FunctionCall call, int[] arguments)
    {
        Scalar[] values = [.. arguments.Select(call.Value)];
        var type = values[0].Type;
        foreach (var value in values)
        {
            type = value.Type == LogType.Dynamic || (value.Type.IsNumber() && type.IsNumber() && value.Type > type) ? value.Type : type;
        }

        return [.. values.Select((value, at) => ScalarBinder.As(value, type, "What there is to choose from", call.Syntax(arguments[at]).At))];
    }

    private static Scalar Nullness(FunctionCall call, bool whenNull)
    {
        var of = call.Binder.Raw(call.Syntax(0));
        return of.Type == LogType.String
            ? ScalarBinder.Fold(new UnaryScalar(LogType.Bool, of, _ => LogValue.Of(!whenNull)), of)
            : ScalarBinder.Fold(new UnaryScalar(LogType.Bool, of, value => LogValue.Of(value.IsNull == whenNull)), of);
    }
}
