namespace Domicile.Storage;

/// <summary>Nodes are connected to a database with which something is to be done that they would not notice.</summary>
public sealed class DatabaseInUseException(string database, long sessions)
    : Exception($"Nodes are connected to {database} ({sessions} sessions). Stop every node first, and do this again.");
