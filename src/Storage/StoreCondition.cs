namespace Domicile.Storage;

/// <summary>How a database of a scale unit is, compared with what a start expects.</summary>
/// <param name="Store">The scale unit's name.</param>
/// <param name="Geography">Its geography.</param>
/// <param name="Database">Which of its databases: <c>data</c> or <c>keys</c>.</param>
/// <param name="Place">Where it is: a file, or a database and its hosts.</param>
/// <param name="Fault">Why a start would be refused, or null.</param>
/// <param name="Pending">What a start would do, one line each.</param>
public sealed record StoreCondition(string Store, string Geography, string Database, string Place, string? Fault, IReadOnlyList<string> Pending);
