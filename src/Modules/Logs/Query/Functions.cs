using System.Text.RegularExpressions;

namespace Domicile.Modules.Logs.Query;

/// <summary>The functions of one row's values. Unless one says otherwise, a null among its arguments makes its result null.</summary>
internal static partial class Functions
{
    private static readonly Dictionary<string, Function> All = [];

    static Functions()
    {
        Texts();
        Numbers();
        Times();
        Conversions();
        Json();
        Choices();
    }

    /// <summary>Whether there is one of that name.</summary>
    public static bool IsFunction(string name) => All.ContainsKey(name);

    /// <summary>All names, sorted.</summary>
    public static IEnumerable<string> Names => All.Keys.Order(StringComparer.Ordinal);

    /// <summary>Binds a call.</summary>
    public static Scalar Bind(ScalarBinder binder, CallSyntax call)
    {
        if (!All.TryGetValue(call.Name, out var function))
        {
            throw call.Name is "toscalar" or "materialize" or "prev" or "next" or "row_number" or "row_cumsum" or "geo_info_from_ip_address" or "ipv4_is_private" or "parse_ipv4" or "hash" or "rand" or "new_guid"
                ? QueryFault.Unsupported($"The function '{call.Name}'", call.At, call.Name.Length)
                : new QueryFault(LogQueryFault.Semantic, "SEM0260", $"Unknown function: '{Token.Shorten(call.Name)}'.", call.At, call.Name.Length);
        }

        return call.Arguments.Count >= function.Least && call.Arguments.Count <= function.Most
            ? function.Bind(new FunctionCall(binder, call))
            : throw WrongCount(call, function.Least, function.Most);
    }

    /// <summary>The fault of a call with too few or too many arguments.</summary>
    public static QueryFault WrongCount(CallSyntax call, int least, int most) => QueryFault.Semantic(
        $"{call.Name}() takes {(least == most ? $"{least}" : most == int.MaxValue ? $"{least} or more" : $"{least} to {most}")} arguments, and has {call.Arguments.Count} here.", call.At, call.Name.Length);

    private static void Add(string name, int least, int most, Func<FunctionCall, Scalar> bind) => All.Add(name, new Function(least, most, bind));

    private static void Add(string name, LogType argument, LogType result, Func<LogValue, LogValue> function) => Add(name, 1, 1, call => Of(result, function, call.Value(0, argument)));

    private static void Alias(string alias, string name) => All.Add(alias, All[name]);

    private static Scalar Of(LogType result, Func<LogValue, LogValue> function, Scalar one) =>
        ScalarBinder.Fold(new UnaryScalar(result, one, value => value.IsNull ? Nothing(result) : function(value)), one);

    private static Scalar Of(LogType result, Func<LogValue, LogValue, LogValue> function, Scalar one, Scalar two) =>
        ScalarBinder.Fold(new BinaryScalar(result, one, two, (first, second) => first.IsNull || second.IsNull ? Nothing(result) : function(first, second)), one, two);

    private static Scalar Of(LogType result, Func<LogValue[], LogValue> function, params Scalar[] of) => ScalarBinder.Fold(
        new ManyScalar(result, of, values =>
        {
            foreach (var value in values)
            {
                if (value.IsNull)
                {
                    return Nothing(result);
                }
            }

            return function(values);
        }),
        of);

    private static Scalar OfNulls(LogType result, Func<LogValue[], LogValue> function, params Scalar[] of) => ScalarBinder.Fold(new ManyScalar(result, of, function), of);

    private static LogValue Nothing(LogType type) => type == LogType.String ? LogValue.Empty : LogValue.Null;

    private sealed record Function(int Least, int Most, Func<FunctionCall, Scalar> Bind);

    /// <summary>A call that is being bound.</summary>
    private sealed class FunctionCall(ScalarBinder binder, CallSyntax call)
    {
        public ScalarBinder Binder => binder;

        public int At => call.At;

        public int Count => call.Arguments.Count;

        public Meter Meter => binder.Query.Meter;

        public ScalarSyntax Syntax(int argument) => call.Arguments[argument];

        public Scalar Value(int argument) => binder.Value(call.Arguments[argument]);

        public Scalar Value(int argument, LogType type) => binder.Value(call.Arguments[argument], type, $"Argument {argument + 1} of {call.Name}()");

        public IEnumerable<Scalar> Values(int from = 0) => Enumerable.Range(from, Count - from).Select(Value);

        /// <summary>A number as it is, a dynamic as a real.</summary>
        public Scalar Number(int argument)
        {
            var value = Value(argument);
            return value.Type.IsNumber() ? value : value.Type == LogType.Dynamic ? ScalarBinder.Convert(value, LogType.Real) : throw Wrong(argument, value.Type, "a number");
        }

        public QueryFault Wrong(int argument, LogType type, string wanted) =>
            QueryFault.Semantic($"Argument {argument + 1} of {call.Name}() has to be {wanted}; this is of the type {LogTypes.NameOf(type)}.", call.Arguments[argument].At);

        public LogValue Constant(int argument, LogType type) => binder.Constant(call.Arguments[argument], type, $"Argument {argument + 1} of {call.Name}()");

        public Regex Regex(int argument) => Patterns.Make(Constant(argument, LogType.String).Text, binder.Query.Limits, call.Arguments[argument].At);

        /// <summary>Runs what uses a regular expression.</summary>
        public T Within<T>(Func<T> match)
        {
            try
            {
                return match();
            }
            catch (RegexMatchTimeoutException)
            {
                throw Patterns.OutOfTime(binder.Query.Limits, call.At);
            }
        }

        /// <summary>A text that was put together.</summary>
        public LogValue Built(string text)
        {
            Meter.Build(text.Length, call.At);
            return LogValue.Of(text);
        }

        /// <summary>JSON that was put together.</summary>
        public LogValue Built(LogDynamic? json)
        {
            Meter.Build(Math.Min((json?.Footprint ?? 0) / 2, Meter.Limits.ValueCharacters), call.At);
            return LogValue.Of(json);
        }
    }
}
