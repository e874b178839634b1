namespace Domicile.Modules.Logs.Query;

/// <summary>The scalar types of the query language, by the names that results use (<see cref="LogTypes.NameOf"/>).</summary>
internal enum LogType
{
    /// <summary>A truth value; may be null.</summary>
    Bool,

    /// <summary>32 bits, signed; may be null.</summary>
    Int,

    /// <summary>64 bits, signed; may be null.</summary>
    Long,

    /// <summary>IEEE 754 binary64; may be null.</summary>
    Real,

    /// <summary>An instant in UTC, to 100 ns; may be null.</summary>
    DateTime,

    /// <summary>A duration, to 100 ns; may be null.</summary>
    TimeSpan,

    /// <summary>Text; is never null, only empty.</summary>
    String,

    /// <summary>A GUID; may be null.</summary>
    Guid,

    /// <summary>JSON: any of the others, an array or a property bag; may be null.</summary>
    Dynamic,
}

/// <summary>What is said of types.</summary>
internal static class LogTypes
{
    /// <summary>The name in queries and results: <c>long</c>, <c>datetime</c> …</summary>
    public static string NameOf(LogType type) => type switch
    {
        LogType.Bool => "bool",
        LogType.Int => "int",
        LogType.Long => "long",
        LogType.Real => "real",
        LogType.DateTime => "datetime",
        LogType.TimeSpan => "timespan",
        LogType.String => "string",
        LogType.Guid => "guid",
        _ => "dynamic",
    };

    /// <summary>The type of that name, synonyms included (<c>double</c>, <c>date</c>, <c>time</c>, <c>boolean</c>, <c>uuid</c>).</summary>
    public static LogType? Of(string name) => name switch
    {
        "bool" or "boolean" => LogType.Bool,
        "int" => LogType.Int,
        "long" => LogType.Long,
        "real" or "double" => LogType.Real,
        "datetime" or "date" => LogType.DateTime,
        "timespan" or "time" => LogType.TimeSpan,
        "string" => LogType.String,
        "guid" or "uuid" => LogType.Guid,
        "dynamic" => LogType.Dynamic,
        _ => null,
    };

    /// <summary>int, long or real.</summary>
    public static bool IsNumber(this LogType type) => type is LogType.Int or LogType.Long or LogType.Real;
}
