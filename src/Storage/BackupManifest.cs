using System.Text.Json;
using System.Text.Json.Serialization;

namespace Domicile.Storage;

/// <summary>What one target of a backup holds: written last, so a backup without it was cut off. It finds damage; against a forger the content's own seals stand.</summary>
/// <param name="Format">The version of this file.</param>
/// <param name="Database">Whether this target has the databases of the records (<c>data</c>) or of the keys (<c>keys</c>); never both.</param>
/// <param name="TakenOn">When the backup began.</param>
/// <param name="Files">The files, each a whole database.</param>
/// <param name="Blobs">The sealed files of each store; null in a backup of keys, and in one from before they were taken along (format 1).</param>
public sealed record BackupManifest(int Format, string Database, DateTimeOffset TakenOn, IReadOnlyList<BackupFile> Files, IReadOnlyList<BackupBlobs>? Blobs = null)
{
    /// <summary>The file's name in a target.</summary>
    public const string FileName = "manifest.json";

    internal const int CurrentFormat = 2;

    /// <summary>A manifest describes a few scale units; whatever is longer is none.</summary>
    private const long MaxBytes = 1 << 20;

    /// <summary>Reads the manifest of a target.</summary>
    /// <exception cref="InvalidDataException">It is missing, damaged, or of another version.</exception>
    internal static BackupManifest Read(string target, string database)
    {
        var path = Path.Combine(target, FileName);
        if (!File.Exists(path))
        {
            throw new InvalidDataException($"{target} is no whole backup: there is no {FileName} in it. Name the directory that a backup made, such as TARGET/20260301T080000Z.");
        }

        try
        {
            using var file = File.OpenRead(path);
            var manifest = file.Length <= MaxBytes ? JsonSerializer.Deserialize(file, BackupJson.Default.BackupManifest) : null;
            return manifest is not { Format: 1 or CurrentFormat } ? throw new InvalidDataException($"{path} is damaged, or was written by another version of the program.")
                : manifest.Database != database ? throw new InvalidDataException($"{target} holds the databases of the {(manifest.Database == "keys" ? "keys" : "records")}. Records are restored with --from, keys with --keys-from.")
                : manifest;
        }
        catch (JsonException)
        {
            throw new InvalidDataException($"{path} is damaged.");
        }
    }

    internal void Write(string target) =>
        Residency.SecretFile.Write(Path.Combine(target, FileName), JsonSerializer.SerializeToUtf8Bytes(this, BackupJson.Default.BackupManifest));
}

/// <summary>One database in a backup.</summary>
/// <param name="Store">The scale unit's name.</param>
/// <param name="Geography">Its geography.</param>
/// <param name="Path">The file, relative to the target.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Sha256">Its digest, in hexadecimal.</param>
public sealed record BackupFile(string Store, string Geography, string Path, long Bytes, string Sha256);

/// <summary>The sealed files of one store in a backup of its records.</summary>
/// <param name="Store">The scale unit's name.</param>
/// <param name="Files">How many there are.</param>
/// <param name="Bytes">Their length together.</param>
/// <param name="Missing">Files that records name and that were not there to be copied; <c>residency verify</c> names the records.</param>
/// <param name="Sha256">The digest of the list that has the name, length and digest of each, in hexadecimal.</param>
public sealed record BackupBlobs(string Store, int Files, long Bytes, int Missing, string Sha256);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true, WriteIndented = true)]
[JsonSerializable(typeof(BackupManifest))]
internal sealed partial class BackupJson : JsonSerializerContext;
