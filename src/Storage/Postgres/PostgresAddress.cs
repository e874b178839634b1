using System.Diagnostics.CodeAnalysis;
using System.Net;
using Domicile.Storage.Postgres;
using Npgsql;

namespace Domicile.Storage;

/// <summary>
/// Which database, on which hosts: what the operator wrote, checked, without its secret in anything that it says. Several hosts are a cluster of which the
/// primary is wanted.
/// </summary>
public sealed class PostgresAddress
{
    private const int DefaultPort = 5432;
    private readonly NpgsqlConnectionStringBuilder _connection;

    private PostgresAddress(NpgsqlConnectionStringBuilder connection)
    {
        _connection = connection;
    }

    /// <summary>The database's name.</summary>
    public string Database => _connection.Database!;

    /// <summary>Whether it carries its password.</summary>
    public bool HasPassword => _connection.Password is { Length: > 0 };

    private IReadOnlyList<(string Host, int Port)> Hosts => [.. _connection.Host!.Split(',', StringSplitOptions.TrimEntries).Select(Split)];

    /// <summary>Reads a connection string as Npgsql has them.</summary>
    /// <param name="text">The connection string.</param>
    /// <param name="address">What it names.</param>
    /// <param name="fault">What is wrong with it, without a word of it.</param>
    public static bool TryParse(string text, [NotNullWhen(true)] out PostgresAddress? address, [NotNullWhen(false)] out string? fault)
    {
        address = null;
        NpgsqlConnectionStringBuilder connection;
        try
        {
            connection = new NpgsqlConnectionStringBuilder(text);
        }
        catch (Exception unreadable) when (unreadable is ArgumentException or FormatException or InvalidOperationException or OverflowException)
        {
            // Its message would quote the text, and with it the password.
            fault = "is no connection string, such as \"Host=db-1.example.org,db-2.example.org;Database=domicile;Username=domicile\"";
            return false;
        }

        fault = connection.Host is not { Length: > 0 } || connection.Host.Split(',').Any(string.IsNullOrWhiteSpace) ? "must name its Host"
            : connection.Database is not { Length: > 0 } ? "must name its Database"
            : connection.Username is not { Length: > 0 } ? "must name its Username"
            : connection.TargetSessionAttributes is { } wanted && !wanted.Equals("primary", StringComparison.OrdinalIgnoreCase) && !wanted.Equals("read-write", StringComparison.OrdinalIgnoreCase)
                ? "must have the Target Session Attributes primary: a standby cannot write"
            : connection.Multiplexing ? "must not have Multiplexing, which transactions cannot be pipelined through"
            : null;
        if (fault is not null)
        {
            return false;
        }

        address = new PostgresAddress(connection);
        if (connection.SslMode is not (SslMode.VerifyFull or SslMode.VerifyCA) && address.Hosts.FirstOrDefault(host => !IsHere(host.Host)) is { Host: not null })
        {
            (address, fault) = (null, "must have SSL Mode=VerifyFull, or anyone between the node and a host that is not this machine can be its database");
            return false;
        }

        return true;
    }

    /// <summary>The same with its password.</summary>
    public PostgresAddress WithPassword(string password) => new(new NpgsqlConnectionStringBuilder(_connection.ConnectionString) { Password = password });

    /// <summary>Another database on the same hosts.</summary>
    public PostgresAddress WithDatabase(string database) => new(new NpgsqlConnectionStringBuilder(_connection.ConnectionString) { Database = database });

    /// <summary>Whether both are one database: the same name on a host that both have.</summary>
    public bool IsSameAs(PostgresAddress other) => Database == other.Database && Hosts.Intersect(other.Hosts).Any();

    /// <summary>Describes a pool of connections to the primary; nothing is connected yet.</summary>
    /// <param name="connections">Connections at most.</param>
    /// <param name="session">What every connection runs first.</param>
    internal NpgsqlDataSource Open(int connections, string session)
    {
        var connection = new NpgsqlConnectionStringBuilder(_connection.ConnectionString)
        {
            ApplicationName = "domicile",
            MaxPoolSize = connections,
            TargetSessionAttributes = null,
            IncludeErrorDetail = false,
            PersistSecurityInfo = false,
            MaxAutoPrepare = 400,
            AutoPrepareMinUsages = 2,
            Enlist = false,
            LogParameters = false,

            // Back in the pool a connection keeps its session's settings; nothing else is left on it.
            NoResetOnClose = true,
        };

        // What the operator did not say: a host that does not answer is given up soon, and one that was down is asked again soon.
        Default("Timeout", () => connection.Timeout = 3);
        Default("Cancellation Timeout", () => connection.CancellationTimeout = 1_000);
        Default("Host Recheck Seconds", () => connection.HostRecheckSeconds = 1);
        Default("Keepalive", () => connection.KeepAlive = 10);
        Default("Command Timeout", () => connection.CommandTimeout = 2 * (int)PostgresDatabase.StatementLimit.TotalSeconds);
        var builder = new NpgsqlDataSourceBuilder(connection.ConnectionString);
        builder.UsePhysicalConnectionInitializer(
            physical =>
            {
                using var command = new NpgsqlCommand(session, physical);
                command.ExecuteNonQuery();
            },
            async physical =>
            {
                await using var command = new NpgsqlCommand(session, physical);
                await command.ExecuteNonQueryAsync();
            });
        return Hosts.Count > 1 ? builder.BuildMultiHost().WithTargetSession(TargetSessionAttributes.Primary) : builder.Build();

        void Default(string name, Action set)
        {
            if (!_connection.ContainsKey(name) || !_connection.ShouldSerialize(name))
            {
                set();
            }
        }
    }

    /// <summary>Database and hosts, for messages to operators.</summary>
    public override string ToString() => $"{Database} on {string.Join(", ", Hosts.Select(host => $"{host.Host}:{host.Port}"))}";

    private (string Host, int Port) Split(string text)
    {
        var port = _connection.Port == 0 ? DefaultPort : _connection.Port;
        var colon = text.LastIndexOf(':');
        return text.StartsWith('/') || colon < 0 || !int.TryParse(text.AsSpan(colon + 1), out var own) || text.IndexOf(':', StringComparison.Ordinal) != colon
            ? (text.ToLowerInvariant(), port)
            : (text[..colon].ToLowerInvariant(), own);
    }

    private static bool IsHere(string host) =>
        host.StartsWith('/') || host is "localhost" || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));
}
