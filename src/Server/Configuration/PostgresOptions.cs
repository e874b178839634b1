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

    [Setting("Connections to each of the two databases, at most.", Minimum = "8", Maximum = "1000")]
    public int Connections { get; init; } = 40;

    /// <summary>The store, with its passwords.</summary>
    /// <param name="place">Where in the configuration this is, for messages.</param>
    /// <exception cref="StartupException">A password file cannot be read, or others may read it.</exception>
    public PostgresStore Store(string place) =>
        new(WithPassword(Data, DataPasswordFile, $"{place}.dataPasswordFile"), WithPassword(Keys, KeysPasswordFile, $"{place}.keysPasswordFile"), ErasureLedger) { Connections = Connections };

    /// <summary>The connection that a file of the command line holds.</summary>
    /// <exception cref="StartupException">It cannot be read, others may read it, or it holds none.</exception>
    public static PostgresAddress ReadFile(string path)
    {
        var text = ReadSecret(path, "--postgres");
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
        return file is null ? address : address.WithPassword(ReadSecret(file, place));
    }

    private static string ReadSecret(string file, string place)
    {
        try
        {
            if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(file) & (UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite)) != 0)
            {
                throw new StartupException($"{place}: others may read or change {file}. Let only the server's user read it (chmod 600).");
            }

            using var reader = File.OpenText(file);
            return reader.ReadLine() is { Length: > 0 } secret ? secret : throw new StartupException($"{place}: {file} has nothing on its first line.");
        }
        catch (Exception unreachable) when (unreachable is IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"{place}: {unreachable.Message}", unreachable);
        }
    }
}
