using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Domicile.Modules.Administration;
using Domicile.Residency;

namespace Domicile.Server;

/// <summary>The files at the top of the data directory: <c>admin.json</c>, which opens the administration, and in development <c>connection-strings.json</c>. Only their owner can read them.</summary>
internal static class NodeFiles
{
    /// <summary>The credential of the first start: read, or made; <see cref="WriteAdmin"/> keeps it.</summary>
    /// <exception cref="StartupException">The file is damaged.</exception>
    public static AdministratorCredential Credential(string directory)
    {
        var path = Path.Combine(directory, "admin.json");
        if (!File.Exists(path))
        {
            return new AdministratorCredential("administrator", System.Buffers.Text.Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32)));
        }

        AdministratorCredential? credential;
        try
        {
            credential = JsonSerializer.Deserialize(File.ReadAllBytes(path), NodeJson.Default.AdminFile)?.Credential;
        }
        catch (JsonException)
        {
            credential = null;
        }

        return credential is { Id.Length: > 0, Secret.Length: > 0 }
            ? credential
            : throw new StartupException($"{path} is damaged. Put it back, or remove it: a new one is then made, with a new administrator's credential.");
    }

    public static void WriteAdmin(string directory, AdminFile file) =>
        SecretFile.Write(Path.Combine(directory, "admin.json"), JsonSerializer.SerializeToUtf8Bytes(file, NodeJson.Default.AdminFile));

    public static void WriteConnectionStrings(string directory, IReadOnlyList<ConnectionStringEntry> entries) =>
        SecretFile.Write(Path.Combine(directory, "connection-strings.json"), JsonSerializer.SerializeToUtf8Bytes(entries, NodeJson.Default.IReadOnlyListConnectionStringEntry));
}

/// <summary>DIR/admin.json.</summary>
internal sealed record AdminFile(AdministratorCredential Credential, string? CertificateAuthority, IReadOnlyList<AdminOrigin> Geographies);

/// <summary>Where a geography is administered.</summary>
/// <param name="Name">The geography.</param>
/// <param name="Endpoint">The administration origin.</param>
/// <param name="Address">Address and port to connect to, because no name service need know the origin's name; absent when it can be connected to as it stands.</param>
internal sealed record AdminOrigin(string Name, string Endpoint, string? Address = null);

/// <summary>An entry of DIR/connection-strings.json.</summary>
internal sealed record ConnectionStringEntry(string Geography, string Resource, string Endpoint, string ConnectionString);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, WriteIndented = true)]
[JsonSerializable(typeof(AdminFile))]
[JsonSerializable(typeof(IReadOnlyList<ConnectionStringEntry>))]
internal sealed partial class NodeJsonBase : JsonSerializerContext;

/// <summary>Writes base64 as it is, so that a connection string can be copied out of the file.</summary>
internal static class NodeJson
{
    public static NodeJsonBase Default { get; } = new(new JsonSerializerOptions(NodeJsonBase.Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
}
