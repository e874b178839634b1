namespace Domicile.Modules.Logs.Query;

/// <summary>
/// A cell of a protected column as it is read: not opened yet. It travels through a query as it is and is opened by <see cref="ILogTables.Open"/> when an operator needs its
/// text, or at the end, for the rows that are shown. Who stores the tables derives from it what is needed to open it.
/// </summary>
/// <param name="token">The identifier's token; <c>default</c> in columns of <see cref="LogProtection.Sealed"/>.</param>
internal class LogSealed(LogToken token)
{
    /// <summary>Stands for the text in equality, <c>in</c>, <c>distinct</c>, <c>join</c>, <c>dcount</c> and group-by.</summary>
    public LogToken Token { get; } = token;

    /// <summary>The text, once it was opened; null before, and afterwards when it cannot be opened any more because its key is gone.</summary>
    public string? Text { get; set; }
}
