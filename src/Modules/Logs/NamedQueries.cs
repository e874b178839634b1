using Domicile.Modules.Logs.Query;

namespace Domicile.Modules.Logs;

/// <summary>The queries that are part of the program: the files of <c>docs/queries</c>.</summary>
public static class NamedQueries
{
    /// <summary>Their names, in order.</summary>
    public static IEnumerable<string> Names => NamedQuery.All.Keys;
}
