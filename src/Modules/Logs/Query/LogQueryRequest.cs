namespace Domicile.Modules.Logs.Query;

/// <summary>What is asked.</summary>
/// <param name="Text">The query.</param>
/// <param name="Range">The request's own time span, which every table is read within; <see cref="LogTimeRange.All"/> without one.</param>
internal sealed record LogQueryRequest(string Text, LogTimeRange Range)
{
    /// <summary>What it may use.</summary>
    public LogQueryLimits Limits { get; init; } = LogQueryLimits.Default;
}
