using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Domicile.Residency;
using Npgsql;

namespace Domicile.Tests.Support;

/// <summary>
/// A real PostgreSQL of the distribution's packages in a temporary directory, reachable over loopback only. Databases belong to a role that may nothing
/// but use its own, so that what the product needs is known. Each run of the server has a guard: a shell at the other end of a pipe, which ends the server
/// and removes the directory when the pipe ends, and a pipe ends with the process of the tests, however that ends.
/// </summary>
internal sealed class PostgresCluster : IAsyncDisposable
{
    /// <summary>The role that the product uses: no superuser, and it may not make databases or roles.</summary>
    public const string Role = "domicile";

    private const string Superuser = "postgres";
    private const string Prefix = "domicile-postgres-";
    private const string Memory = "/dev/shm";

    /// <summary>Bytes that must be free in memory for a cluster to lie there: several times what one takes.</summary>
    private const long MemoryMin = 4L << 30;

    // A line names the signal and keeps the directory; the end of the pipe removes it. What the server forked is killed with it, as when a machine stops.
    // A server that is only just starting does not hear the first signal.
    private const string Guard =
        """
        trap : INT TERM HUP
        directory=$1; shift
        "$@" </dev/null >>"$directory/log" 2>&1 &
        server=$!
        exec 2>/dev/null
        read -r signal || signal=
        [ "$signal" != KILL ] || kill -KILL $(cat "/proc/$server/task/$server/children")
        while kill -"${signal:-QUIT}" "$server"; do sleep 0.05; done
        [ -n "$signal" ] || rm -rf "$directory"
        """;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private static readonly Lazy<Task<PostgresCluster>> One = new(() => Start(isDurable: false, [], CancellationToken.None));
    private readonly string _directory;
    private readonly bool _isDurable;
    private readonly string _rolePassword;
    private readonly string _superuserPassword;
    private Process? _guard;
    private IReadOnlyList<string> _settings = [];

    private PostgresCluster(string directory, bool isDurable, string rolePassword, string superuserPassword)
    {
        _directory = directory;
        _isDurable = isDurable;
        _rolePassword = rolePassword;
        _superuserPassword = superuserPassword;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => End(_guard);
    }

    /// <summary>Where it listens on 127.0.0.1; a started server keeps it.</summary>
    public int Port { get; private set; }

    /// <summary>What the server has written down.</summary>
    public string Log => File.Exists(LogFile) ? File.ReadAllText(LogFile) : "";

    private static bool IsRoot => Environment.UserName == "root";

    private string LogFile => Path.Combine(_directory, "log");

    /// <summary>The files of the databases and of the log that is written ahead.</summary>
    public string Data => Path.Combine(_directory, "data");

    private string Base => Path.Combine(_directory, "base");

    private string Archive => Path.Combine(_directory, "archive");

    /// <summary>
    /// The cluster that tests share: started when the first asks, and there until the last is done. Nobody pulls its plug, so it flushes nothing and lies in memory
    /// where it can: making a database for each test would cost more than the tests.
    /// </summary>
    public static Task<PostgresCluster> Shared(CancellationToken cancel) => One.Value.WaitAsync(cancel);

    /// <summary>A cluster of one's own, to be stopped, killed and started again.</summary>
    public static Task<PostgresCluster> Start(CancellationToken cancel) => Start(isDurable: true, [], cancel);

    /// <summary>A cluster of one's own with settings of its own, each as <c>name=value</c>.</summary>
    public static Task<PostgresCluster> Start(IReadOnlyList<string> settings, CancellationToken cancel) => Start(isDurable: true, settings, cancel);

    private static async Task<PostgresCluster> Start(bool isDurable, IReadOnlyList<string> settings, CancellationToken cancel)
    {
        var cluster = await Make(isDurable, RandomNumberGenerator.GetHexString(24), RandomNumberGenerator.GetHexString(24));
        cluster._settings = settings;
        try
        {
            await Run(["initdb", "--pgdata", cluster.Data, "--username", Superuser, "--pwfile", cluster.PasswordFile(), "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C"], cancel);
            await cluster.StartAgain(cancel);
            await cluster.Execute($"CREATE ROLE {Role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '{cluster._rolePassword}'", cancel);
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>From now on the log is kept in a directory, piece by piece, so that the server can be brought to any later moment.</summary>
    public async Task ArchiveLog(CancellationToken cancel)
    {
        Directory.CreateDirectory(Archive);
        if (IsRoot)
        {
            await Run("chown", [Superuser, Archive], cancel);
        }

        await Stop();
        await File.AppendAllTextAsync(Path.Combine(Data, "postgresql.conf"), $"archive_mode = on\narchive_command = 'test ! -f {Archive}/%f && cp %p {Archive}/%f'\n", cancel);
        await StartAgain(cancel);
    }

    /// <summary>Copies the whole running cluster, with pg_basebackup.</summary>
    public Task BaseBackup(CancellationToken cancel) =>
        Tool("pg_basebackup", Connection("postgres", Superuser, _superuserPassword), [$"--pgdata={Base}", "--checkpoint=fast", "--wal-method=none", "--no-manifest"], cancel, asItsUser: true);

    /// <summary>
    /// A standby of this cluster, from now on its only synchronous one: a commit is acknowledged when it is durable on both. It is a server of its own, that
    /// can take over with <see cref="Promote"/>.
    /// </summary>
    public async Task<PostgresCluster> Standby(CancellationToken cancel)
    {
        var standby = await Make(_isDurable, _rolePassword, _superuserPassword);
        standby._settings = _settings;
        try
        {
            await Tool(
                "pg_basebackup", Connection("postgres", Superuser, _superuserPassword),
                [$"--pgdata={standby.Data}", "--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf"], cancel, asItsUser: true);
            await standby.StartAgain(cancel);
            await Execute("ALTER SYSTEM SET synchronous_standby_names = '*'", cancel);
            await Execute("SELECT pg_reload_conf()", cancel);
            await Until("SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'", cancel);
            return standby;
        }
        catch
        {
            await standby.DisposeAsync();
            throw;
        }
    }

    /// <summary>Makes a standby the primary. It waits for no standby of its own.</summary>
    public async Task Promote(CancellationToken cancel)
    {
        await Execute("SELECT pg_promote()", cancel);
        await Execute("ALTER SYSTEM SET synchronous_standby_names = ''", cancel);
        await Execute("SELECT pg_reload_conf()", cancel);
    }

    /// <summary>The same database, on whichever of both clusters is the primary.</summary>
    public static string OnBoth(string connection, PostgresCluster other)
    {
        var first = new NpgsqlConnectionStringBuilder(connection);
        return new NpgsqlConnectionStringBuilder(connection) { Host = $"{first.Host}:{first.Port},{first.Host}:{other.Port}", TargetSessionAttributes = "primary" }.ConnectionString;
    }

    /// <summary>A moment to come back to, by name.</summary>
    public Task Mark(string name, CancellationToken cancel) => Execute($"SELECT pg_create_restore_point('{name}')", cancel);

    /// <summary>Replaces the cluster by the base backup, brought forward by the archived log to the moment of that name.</summary>
    public async Task Recover(string to, CancellationToken cancel)
    {
        await Execute("SELECT pg_switch_wal()", cancel);
        await Stop();
        await Run("rm", ["-rf", Data], cancel);
        await Run("mv", [Base, Data], cancel);
        await File.AppendAllTextAsync(Path.Combine(Data, "postgresql.conf"), $"restore_command = 'cp {Archive}/%f %p'\nrecovery_target_name = '{to}'\nrecovery_target_action = 'promote'\n", cancel);
        await File.WriteAllTextAsync(Path.Combine(Data, "recovery.signal"), "", cancel);
        if (IsRoot)
        {
            await Run("chown", [Superuser, Path.Combine(Data, "recovery.signal")], cancel);
        }

        await StartAgain(cancel);
    }

    /// <summary>A new, empty database that belongs to <see cref="Role"/>.</summary>
    /// <param name="name">The beginning of its name, in small letters.</param>
    /// <param name="cancel">Ends the wait.</param>
    /// <param name="copyOf">The connection string of a database to copy, to which nobody may be connected; null for an empty one.</param>
    /// <returns>Its connection string.</returns>
    public Task<string> NewDatabase(string name, CancellationToken cancel, string? copyOf = null) => MakeDatabase($"{name}_{Guid.NewGuid():n}", cancel, copyOf);

    /// <summary>The same, of exactly this name.</summary>
    public async Task<string> MakeDatabase(string database, CancellationToken cancel, string? copyOf = null)
    {
        var template = copyOf is null ? "template0" : new NpgsqlConnectionStringBuilder(copyOf).Database;
        await Execute($"CREATE DATABASE {database} OWNER {Role} TEMPLATE {template}", cancel);
        await Execute($"REVOKE ALL ON DATABASE {database} FROM PUBLIC", cancel);
        return Connection(database, Role, _rolePassword);
    }

    /// <summary>The same database as the superuser: for tests that look behind the product or get in its way.</summary>
    public string AsSuperuser(string connection) => Connection(new NpgsqlConnectionStringBuilder(connection).Database!, Superuser, _superuserPassword);

    /// <summary>Removes a database, whoever is connected to it.</summary>
    public Task DropDatabase(string connection, CancellationToken cancel) =>
        Execute($"DROP DATABASE IF EXISTS {new NpgsqlConnectionStringBuilder(connection).Database} WITH (FORCE)", cancel);

    /// <summary>Writes a database into a file with pg_dump, as the role that owns it.</summary>
    public static Task Dump(string connection, string file, CancellationToken cancel) =>
        Tool("pg_dump", connection, ["--format=custom", $"--file={file}"], cancel);

    /// <summary>Replaces a database by what pg_dump wrote, with pg_restore.</summary>
    public async Task RestoreDump(string file, string connection, CancellationToken cancel)
    {
        await DropDatabase(connection, cancel);
        var database = new NpgsqlConnectionStringBuilder(connection).Database;
        await Execute($"CREATE DATABASE {database} OWNER {Role} TEMPLATE template0", cancel);
        await Execute($"REVOKE ALL ON DATABASE {database} FROM PUBLIC", cancel);
        await Tool("pg_restore", connection, ["--exit-on-error", "--no-owner", $"--dbname={database}", file], cancel);
    }

    private static async Task Tool(string program, string connection, string[] arguments, CancellationToken cancel, bool asItsUser = false)
    {
        var to = new NpgsqlConnectionStringBuilder(connection);
        string[] line = asItsUser ? AsItsUser([Program(program), .. arguments]) : [Program(program), .. arguments];
        var start = new ProcessStartInfo(line[0], line[1..]) { RedirectStandardError = true, WorkingDirectory = "/" };
        foreach (var (name, value) in ((string, string)[])[("PGHOST", to.Host!), ("PGPORT", $"{to.Port}"), ("PGDATABASE", to.Database!), ("PGUSER", to.Username!), ("PGPASSWORD", to.Password!)])
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        var said = await process.StandardError.ReadToEndAsync(cancel);
        await process.WaitForExitAsync(cancel);
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{program} ended with {process.ExitCode}: {said}");
        }
    }

    /// <summary>Starts the server that was stopped or killed, on the same port, and waits until it takes connections.</summary>
    public async Task StartAgain(CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(Limit);
        var isFirst = Port == 0;
        while (true)
        {
            Port = isFirst ? FreePort() : Port;
            var (state, said) = (await State(limit.Token), Log.Length);
            _guard = Launch();
            if (await IsReady(state, said, limit.Token))
            {
                return;
            }

            // Someone took the port first, or a killed server's last process still holds its memory.
            await Stop("KILL");
            if (!Log[said..].Contains("Address already in use", StringComparison.Ordinal) && !Log[said..].Contains("shared memory block", StringComparison.Ordinal))
            {
                throw new InvalidOperationException($"PostgreSQL does not start:\n{Log[said..]}");
            }
        }
    }

    /// <summary>Stops the server in order: sessions end, all is flushed.</summary>
    public Task Stop() => Stop("INT");

    /// <summary>Ends every process of the server at once (SIGKILL): nothing is flushed, nobody is told.</summary>
    public Task Kill() => Stop("KILL");

    /// <summary>Ends it and removes its directory.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_guard is null)
        {
            Directory.Delete(_directory, recursive: true);
            return;
        }

        _guard.StandardInput.Close();
        await Ended();
    }

    private static async Task<PostgresCluster> Make(bool isDurable, string rolePassword, string superuserPassword)
    {
        var directory = (isDurable ? null : InMemory()) ?? Directory.CreateTempSubdirectory(Prefix).FullName;
        var cluster = new PostgresCluster(directory, isDurable, rolePassword, superuserPassword);
        await File.WriteAllTextAsync(cluster.PasswordFile(), cluster._superuserPassword);
        if (IsRoot)
        {
            // PostgreSQL refuses to be run by root; the package makes a user for it.
            await Run("chown", ["-R", Superuser, directory], CancellationToken.None);
        }

        return cluster;
    }

    /// <summary>A directory in memory, where the machine has that and enough of it: a database that is made and removed again is hundreds of files.</summary>
    private static string? InMemory()
    {
        if (!Directory.Exists(Memory) || new DriveInfo(Memory).AvailableFreeSpace < MemoryMin)
        {
            return null;
        }

        var directory = Path.Combine(Memory, Prefix + Path.GetRandomFileName());
        SecretFile.CreateDirectory(directory);
        return directory;
    }

    private string PasswordFile() => Path.Combine(_directory, "password");

    private string Connection(string database, string user, string password) => new NpgsqlConnectionStringBuilder
    {
        Host = "127.0.0.1",
        Port = Port,
        Database = database,
        Username = user,
        Password = password,
        Timeout = 5,
        IncludeErrorDetail = true,
    }.ConnectionString;

    /// <summary>Waits until the server answers true.</summary>
    public async Task Until(string question, CancellationToken cancel)
    {
        await using var connection = new NpgsqlConnection(Connection("postgres", Superuser, _superuserPassword) + ";Pooling=false");
        await connection.OpenAsync(cancel);
        await using var command = new NpgsqlCommand(question, connection);
        while (await command.ExecuteScalarAsync(cancel) is not true)
        {
            await Task.Delay(20, cancel);
        }
    }

    private async Task Execute(string statement, CancellationToken cancel)
    {
        await using var connection = new NpgsqlConnection(Connection("postgres", Superuser, _superuserPassword) + ";Pooling=false");
        await connection.OpenAsync(cancel);
        await using var command = new NpgsqlCommand(statement, connection);
        await command.ExecuteNonQueryAsync(cancel);
    }

    private Process Launch()
    {
        string[] server =
        [
            Program("postgres"), "-D", Data, "-k", _directory, "-p", Port.ToString(CultureInfo.InvariantCulture),
            .. Settings().SelectMany(setting => (string[])["-c", setting]),
        ];
        var start = new ProcessStartInfo("/bin/sh", ["-c", Guard, "guard", _directory, .. AsItsUser(server)]) { RedirectStandardInput = true, WorkingDirectory = _directory };
        return Process.Start(start)!;
    }

    /// <summary>As safe as production, and silent unless something is wrong.</summary>
    private IEnumerable<string> Settings() =>
    [
        "listen_addresses=127.0.0.1", $"fsync={(_isDurable ? "on" : "off")}", "synchronous_commit=on", "full_page_writes=on", "max_connections=300", "shared_buffers=128MB",
        "log_min_messages=warning", "log_min_error_statement=panic", "max_wal_size=512MB", .. _settings,
    ];

    /// <returns>Whether it takes connections; false when it ended first.</returns>
    private async Task<bool> IsReady(string[] before, int said, CancellationToken cancel)
    {
        while (true)
        {
            // The eighth line, once it is there (PostgreSQL source, utils/pidfile.h: LOCK_FILE_LINE_PM_STATUS). A killed server leaves its own.
            if (await State(cancel) is { Length: >= 8 } now && now[7].Trim() == "ready" && now[0] != before.FirstOrDefault())
            {
                return true;
            }

            // Whoever connects too early is told "the database system is starting up"; anything else is its own end.
            if (Log[said..].Split('\n').Any(line => line.Contains("FATAL", StringComparison.Ordinal) && !line.Contains("the database system is", StringComparison.Ordinal)))
            {
                return false;
            }

            await Task.Delay(20, cancel);
        }
    }

    private async Task<string[]> State(CancellationToken cancel)
    {
        try
        {
            return await File.ReadAllLinesAsync(Path.Combine(Data, "postmaster.pid"), cancel);
        }
        catch (FileNotFoundException)
        {
            return [];
        }
    }

    private async Task Stop(string signal)
    {
        var guard = _guard ?? throw new InvalidOperationException("The server does not run.");
        await guard.StandardInput.WriteLineAsync(signal);
        guard.StandardInput.Close();
        await Ended();
    }

    private async Task Ended()
    {
        var guard = _guard!;
        using var limit = new CancellationTokenSource(Limit);
        await guard.WaitForExitAsync(limit.Token);
        guard.Dispose();
        _guard = null;
    }

    private static void End(Process? guard)
    {
        if (guard is not null)
        {
            guard.StandardInput.Close();
            guard.WaitForExit(Limit);
        }
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    private static Task Run(string[] program, CancellationToken cancel)
    {
        var line = AsItsUser([Program(program[0]), .. program[1..]]);
        return Run(line[0], line[1..], cancel);
    }

    private static async Task Run(string program, string[] arguments, CancellationToken cancel)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/" })!;
        var output = process.StandardOutput.ReadToEndAsync(cancel);
        var errors = process.StandardError.ReadToEndAsync(cancel);
        await process.WaitForExitAsync(cancel);
        await output;
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{program} ended with {process.ExitCode}: {await errors}");
        }
    }

    private static string[] AsItsUser(string[] line) => IsRoot ? ["setpriv", $"--reuid={Superuser}", $"--regid={Superuser}", "--init-groups", "--", .. line] : line;

    /// <summary>The newest version that the distribution's packages installed, or what the path finds.</summary>
    private static string Program(string name)
    {
        var installed = Directory.Exists("/usr/lib/postgresql")
            ? Directory.GetDirectories("/usr/lib/postgresql").OrderByDescending(version => int.TryParse(Path.GetFileName(version), out var number) ? number : 0)
            : Enumerable.Empty<string>();
        return installed.Select(version => Path.Combine(version, "bin", name)).FirstOrDefault(File.Exists) ?? name;
    }
}
