using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Server;

/// <summary>The databases of a scale unit on PostgreSQL.</summary>
internal sealed record PostgresOptions
{
    [Setting("Connection to the database of the records, without its password. Several hosts are one cluster, whose primary is used. Hosts other than this machine need SSL Mode=VerifyFull.", IsConnection = true, Example = "\"Host=db-1.europe.example.org,db-2.europe.example.org;Database=domicile;Username=domicile;Target Session Attributes=primary;SSL Mode=VerifyFull;Root Certificate=/etc/domicile/postgres-ca.pem\"")]
    public required string Data { get; init; }

    [Setting("Connection to the database of the keys: one of its own, best with a user of its own, and with a shorter life in backups.", IsConnection = true, Example = "\"Host=db-1.europe.example.org,db-2.europe.example.org;Database=domicile_keys;Username=domicile_keys;Target Session Attributes=primary;SSL Mode=VerifyFull;Root Certificate=/etc/domicile/postgres-ca.pem\"")]
    public required string Keys { get; init; }

    [Setting("File with the password of the records' database on its first line, readable by the server's user only. Or the variable of \"data\" brings a connection with its password.", IsPath = true, Example = "\"/etc/domicile/europe.data.password\"")]
    public string? DataPasswordFile { get; init; }

    [Setting("The same for the database of the keys.", IsPath = true, Example = "\"/etc/domicile/europe.keys.password\"")]
    public string? KeysPasswordFile { get; init; }

    [Setting("Directory in which every node writes which keys were destroyed, and reads what the others wrote before it serves a database that was restored. On storage that all nodes of the geography share, outside the databases and their backups.", IsPath = true, Example = "\"/srv/domicile/europe/erasures\"")]
    public required string ErasureLedger { get; init; }

    [Setting("Directory of the sealed files that belong to records, on storage that all nodes of the geography share. Without it: below the data directory, which is right for one node only.", IsPath = true, Example = "\"/srv/domicile/europe/blobs\"")]
    public string? Blobs { get; init; }

    [Setting("Connections to each of the two databases, at most.", Minimum = "8", Maximum = "1000")]
    public int Connections { get; init; } = 40;

    /// <summary>The store, with its passwords.</summary>
    /// <param name="place">Where in the configuration this is, for messages.</param>
    /// <exception cref="StartupException">A password file cannot be read, or others may read it.</exception>
    public PostgresStore Store(string place) =>
        new(WithPassword(Data, DataPasswordFile, $"{place}.dataPasswordFile"), WithPassword(Keys, KeysPasswordFile, $"{place}.keysPasswordFile"), ErasureLedger) { Connections = Connections, Blobs = Blobs };

    /// <summary>The connection that a file of the command line holds.</summary>
    /// <exception cref="StartupException">It cannot be read, others may read it, or it holds none.</exception>
    public static PostgresAddress ReadFile(string path)
    {
        var text = SecretLine.Read(path, "--postgres");
        return PostgresAddress.TryParse(text, out var address, out var fault) ? address : throw new StartupException($"--postgres: the first line of {path} {fault}.");
    }

    /// <summary>The databases of one geography in development: named after the one that was given.</summary>
    public static PostgresStore ForDevelopment(PostgresAddress address, Geography geography, string directory)
    {
        var name = $"{address.Database}_{geography.Slug}";
        return new PostgresStore(address.WithDatabase(name), address.WithDatabase($"{name}_keys"), Path.Combine(directory, "ledgers"));
    }

    /// <summary>What is wrong between these settings.</summary>
    public IEnumerable<string> Faults(string place)
    {
        if (Read(Data) is { } data && Read(Keys) is { } keys && data.IsSameAs(keys))
        {
            yield return $"{place}.data and {place}.keys are one database. The keys need a database of their own.";
        }
    }

    /// <summary>Null when the text is no connection, which was said already.</summary>
    public static PostgresAddress? Read(string? text) => text is not null && PostgresAddress.TryParse(text, out var address, out _) ? address : null;

    private static PostgresAddress WithPassword(string connection, string? file, string place)
    {
        var address = Read(connection)!;
        return file is null ? address : address.WithPassword(SecretLine.Read(file, place));
    }
}
