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
    /// <summary>The credential of the first start: read, or made and kept.</summary>
    public static AdministratorCredential Credential(string directory)
    {
        var path = Path.Combine(directory, "admin.json");
        return File.Exists(path) && JsonSerializer.Deserialize(File.ReadAllBytes(path), NodeJson.Default.AdminFile) is { } file
            ? file.Credential
            : new AdministratorCredential("administrator", System.Buffers.Text.Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32)));
    }

    public static void WriteAdmin(string directory, AdminFile file) =>
        SecretFile.Write(Path.Combine(directory, "admin.json"), JsonSerializer.SerializeToUtf8Bytes(file, NodeJson.Default.AdminFile));

    public static void WriteConnectionStrings(string directory, IReadOnlyList<ConnectionStringEntry> entries) =>
        SecretFile.Write(Path.Combine(directory, "connection-strings.json"), JsonSerializer.SerializeToUtf8Bytes(entries, NodeJson.Default.IReadOnlyListConnectionStringEntry));
}

/// <summary>DIR/admin.json.</summary>
internal sealed record AdminFile(AdministratorCredential Credential, string? CertificateAuthority, IReadOnlyList<AdminOrigin> Geographies);

/// <summary>Where a geography is administered.</summary>
internal sealed record AdminOrigin(string Name, string Endpoint);

/// <summary>An entry of DIR/connection-strings.json.</summary>
internal sealed record ConnectionStringEntry(string Geography, string Resource, string Endpoint, string ConnectionString);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(AdminFile))]
[JsonSerializable(typeof(IReadOnlyList<ConnectionStringEntry>))]
internal sealed partial class NodeJsonBase : JsonSerializerContext;

/// <summary>Writes base64 as it is, so that a connection string can be copied out of the file.</summary>
internal static class NodeJson
{
    public static NodeJsonBase Default { get; } = new(new JsonSerializerOptions(NodeJsonBase.Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
}
