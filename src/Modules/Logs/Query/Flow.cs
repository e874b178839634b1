namespace Domicile.Modules.Logs.Query;

/// <summary>What flows from one step of a query to the next.</summary>
/// <param name="Relation">The rows.</param>
/// <param name="Columns">What the next step sees of them.</param>
internal sealed record Flow(Relation Relation, IReadOnlyList<Column> Columns);
