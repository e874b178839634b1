using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Domicile.Residency;

namespace Domicile.Server;

/// <summary>What a server for a test-suite says when it is ready: one line of JSON, the only one on its standard output, and the same in a file when one was asked for.</summary>
internal static class ReadyLine
{
    // Base64 as it is, so that a connection string can be copied out of it.
    private static readonly ReadyJson Json = new(new JsonSerializerOptions(ReadyJson.Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

    /// <summary>
    /// Takes the file away: before a start, so that nobody takes an earlier server's for this one's, and at the end, when nobody is ready any more.
    /// </summary>
    /// <param name="file">The file; null for none.</param>
    /// <param name="process">Only when it is that process's; null whosever it is.</param>
    /// <exception cref="StartupException">It cannot be removed before a start.</exception>
    public static void Remove(string? file, int? process = null)
    {
        try
        {
            if (file is not null && File.Exists(file) && (process is null || JsonSerializer.Deserialize(File.ReadAllBytes(file), Json.ReadyServer)?.ProcessId == process))
            {
                File.Delete(file);
            }
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException or JsonException)
        {
            if (process is null)
            {
                throw new StartupException($"{file} cannot be removed, and it is not this server's: {refused.Message}", refused);
            }
        }
    }

    public static async Task Write(TextWriter output, string? file, ReadyServer server)
    {
        if (file is not null)
        {
            try
            {
                SecretFile.Write(file, JsonSerializer.SerializeToUtf8Bytes(server, Json.ReadyServer));
            }
            catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
            {
                throw new StartupException($"{file} cannot be written: {refused.Message}", refused);
            }
        }

        await output.WriteLineAsync(JsonSerializer.Serialize(server, Json.ReadyServer));
        await output.FlushAsync();
    }
}

/// <summary>A server that is ready.</summary>
/// <param name="ProcessId">Its process: SIGTERM ends it.</param>
/// <param name="Directory">Its throw-away directory.</param>
/// <param name="CertificateAuthority">The file that clients must trust.</param>
/// <param name="Resources">Its resources.</param>
/// <param name="Administration">Where each geography is administered.</param>
internal sealed record ReadyServer(
    int ProcessId, string Directory, string CertificateAuthority, IReadOnlyList<ConnectionStringEntry> Resources, IReadOnlyList<ReadyAdministration> Administration);

/// <summary>Where a geography is administered.</summary>
/// <param name="Geography">The geography.</param>
/// <param name="Endpoint">The administration origin.</param>
/// <param name="Token">A token of its owner, for a day.</param>
internal sealed record ReadyAdministration(string Geography, string Endpoint, string Token);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ReadyServer))]
internal sealed partial class ReadyJson : JsonSerializerContext;
