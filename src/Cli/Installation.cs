using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;

namespace Domicile.Cli;

/// <summary>A server that this machine's user administers: its geographies, and a client of each.</summary>
internal sealed class Installation : IDisposable
{
    /// <summary>A credential file that is larger is not one.</summary>
    private const int LargestFileBytes = 1024 * 1024;

    private readonly DataDirectory directory;
    private readonly List<AdminClient> clients;

    private Installation(DataDirectory directory, List<AdminClient> clients)
    {
        this.directory = directory;
        this.clients = clients;
    }

    /// <summary>Reads the credential that the server left in its data directory. Nothing is asked over the network yet.</summary>
    public static Installation Open(string? data, Terminal terminal)
    {
        var directory = DataDirectory.Find(data, terminal);
        var file = Read(directory);
        var authorities = Authorities(directory, file);
        WarnOfReaders(directory, terminal);
        return new(directory, [.. file.Geographies.Select(geography => new AdminClient(geography, file.Credential, authorities, directory))]);
    }

    /// <summary>The names of the geographies served, for completion; none when they are not known.</summary>
    public static IEnumerable<string> KnownGeographies(string? data, Terminal terminal)
    {
        try
        {
            return Read(DataDirectory.Find(data, terminal)).Geographies.Select(geography => Slug(geography.Name));
        }
        catch (CommandFailure)
        {
            return [];
        }
    }

    /// <summary>Reads and checks the credential file.</summary>
    /// <exception cref="CommandFailure">It is missing, unreadable or not understood.</exception>
    public static AdminFile Read(DataDirectory directory)
    {
        var path = directory.AdminFile;
        try
        {
            if (new FileInfo(path) is { Exists: true, Length: > LargestFileBytes })
            {
                throw new JsonException();
            }

            var file = JsonSerializer.Deserialize(File.ReadAllBytes(path), AdminJson.Default.AdminFile) ?? throw new JsonException();
            if (file.Geographies.Count == 0
                || !file.Geographies.All(geography => Uri.TryCreate(geography.Endpoint, UriKind.Absolute, out var origin) && origin.Scheme == Uri.UriSchemeHttps
                    && (geography.Address is null || IPEndPoint.TryParse(geography.Address, out _))))
            {
                throw new JsonException();
            }

            return file;
        }
        catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CommandFailure(
                $"No server has been started in {directory.Path} yet (there is no {Path.GetFileName(path)}). Start one: {directory.ServeCommand}. If its data lies elsewhere, name that directory with --data DIR.");
        }
        catch (UnauthorizedAccessException)
        {
            throw new CommandFailure($"{path} cannot be read: it belongs to the user whom the server runs as. Run this command as that user.");
        }
        catch (IOException failure)
        {
            throw new CommandFailure($"{path} cannot be read: {failure.Message}");
        }
        catch (JsonException)
        {
            throw new CommandFailure($"{path} is not an administrator's credential as this version writes it. Stop the server, move the file away, and start the server: it writes a new one.");
        }
    }

    /// <summary>The authorities that the credential file names; none when the system's are right.</summary>
    /// <exception cref="CommandFailure">The named file is missing or holds no certificate.</exception>
    public static X509Certificate2Collection? Authorities(DataDirectory directory, AdminFile file)
    {
        if (file.CertificateAuthority is not { Length: > 0 } name)
        {
            return null;
        }

        var path = Path.Combine(directory.Path, name);
        var authorities = new X509Certificate2Collection();
        try
        {
            authorities.ImportFromPemFile(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new CommandFailure($"The certificate authority {path} cannot be read: {failure.Message}");
        }

        return authorities.Count > 0 ? authorities : throw new CommandFailure($"{path} holds no certificate.");
    }

    /// <summary>The clients of the geographies that are meant: the named one, or all.</summary>
    public IReadOnlyList<AdminClient> Clients(string? geography)
    {
        if (geography is null)
        {
            return clients;
        }

        var meant = clients.Where(client => Slug(client.Geography) == Slug(geography)).ToList();
        return meant.Count > 0
            ? meant
            : throw CommandFailure.Usage($"This server does not serve '{geography}'. It serves {Names(clients)}.");
    }

    /// <summary>The client of the one geography that is meant.</summary>
    /// <param name="geography">Its name; not needed where only one is served.</param>
    /// <param name="why">A sentence that says why it must be named.</param>
    public AdminClient Client(string? geography, string why) =>
        Clients(geography) is [var only]
            ? only
            : throw CommandFailure.Usage($"{why} Add --geography with one of {Names(clients)}.");

    /// <summary>Finds a resource by name or id.</summary>
    /// <exception cref="CommandFailure">There is none, or there are several.</exception>
    public async Task<(AdminClient Client, ResourceReply Resource)> Resource(string nameOrId, string? geography, CancellationToken cancel)
    {
        var asked = Clients(geography);
        var path = ResourcePath(nameOrId);
        var replies = await Task.WhenAll(asked.Select(async client =>
            (Client: client, Resource: await client.Find(AdminRoles.ForLooking, path, AdminJson.Default.ResourceReply, cancel))));
        var found = replies.Where(reply => reply.Resource is not null).ToList();
        return found switch
        {
            [var only] => (only.Client, only.Resource!),
            [] => throw new CommandFailure($"There is no resource '{Table.Clean(nameOrId)}' in {Names(asked)}. These there are: {directory.ResourcesCommand}"),
            _ => throw CommandFailure.Usage($"There is a resource '{Table.Clean(nameOrId)}' in {Names(found.Select(reply => reply.Client))}. Say which with --geography."),
        };
    }

    /// <summary>The path of a resource.</summary>
    public static string ResourcePath(string nameOrId)
    {
        // A dot segment would be resolved away, and another path asked for.
        if (nameOrId.Length is 0 or > 200 || nameOrId is "." or "..")
        {
            throw CommandFailure.Usage($"'{Table.Clean(nameOrId)}' is not the name or id of a resource.");
        }

        return $"resources/{Uri.EscapeDataString(nameOrId)}";
    }

    /// <inheritdoc/>
    public void Dispose() => clients.ForEach(client => client.Dispose());

    private static string Names(IEnumerable<AdminClient> some) => string.Join(", ", some.Select(client => client.Geography));

    private static string Slug(string name) => name.Replace(" ", "", StringComparison.Ordinal).ToLowerInvariant();

    private static void WarnOfReaders(DataDirectory directory, Terminal terminal)
    {
        const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;
        if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(directory.AdminFile) & Others) != 0)
        {
            terminal.Error.WriteLine($"domicile: Others can read {directory.AdminFile}, and with it administer this server. Run: chmod 600 {Terminal.Quote(directory.AdminFile)}");
        }
    }
}
