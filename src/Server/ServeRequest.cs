namespace Domicile.Server;

/// <summary>What was asked for when a server was started.</summary>
/// <param name="DataDirectory">Where the data is; with a configuration it may be named there instead.</param>
/// <param name="BasePort">Development mode: the first port; 0 takes free ones, null the ones that are remembered.</param>
/// <param name="ConfigurationFile">The configuration of a production server; null for development mode.</param>
public sealed record ServeRequest(string? DataDirectory, int? BasePort, string? ConfigurationFile)
{
    /// <summary>Development mode: a file with the connection string of a PostgreSQL to keep everything in; null for SQLite in the data directory.</summary>
    public string? PostgresFile { get; init; }

    /// <summary>Development mode: the geographies to serve; null for all that development mode has.</summary>
    public IReadOnlyList<string>? Geographies { get; init; }

    /// <summary>Whether the data directory is thrown away when the server ends, and the server says in a line of JSON where it is instead of in a banner.</summary>
    public bool IsEphemeral { get; init; }

    /// <summary>Where that line is written as well, once the server is ready; null for nowhere.</summary>
    public string? ReadyFile { get; init; }
}
