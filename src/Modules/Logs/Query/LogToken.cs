namespace Domicile.Modules.Logs.Query;

/// <summary>
/// What a person's identifier rests as beside its seal: a keyed hash, the same for one identifier in every table and column of a resource, and unlike any other
/// resource's. It supports equality and nothing else.
/// </summary>
/// <param name="Value">128 bits of the hash; 0 for a cell that has no token.</param>
internal readonly record struct LogToken(UInt128 Value);
