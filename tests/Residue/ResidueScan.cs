using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Domicile.Residency;

namespace Domicile.Tests.Residue;

/// <summary>
/// What somebody reads who has every byte that is left anywhere, and a root key: the buckets' keys that open under it, the keys that open under those, and
/// with all of them, in every pairing, every sealed payload, identifier and file. It asks no database and trusts no format but the sealed ones: it tries at every offset,
/// so free pages, logs and torn rows count like any other.
/// </summary>
internal sealed class ResidueScan
{
    /// <summary>Of a payload or a chunk as much is read as tells whose it is.</summary>
    private const int ReadBytes = 4_096;

    private const int ColumnsMax = 40;

    private readonly Dictionary<KeyName, HashSet<string>> _keys = [];
    private readonly List<string> _texts = [];

    private ResidueScan()
    {
    }

    /// <summary>The names of the keys that were had.</summary>
    public IReadOnlyCollection<KeyName> Keys => _keys.Keys;

    /// <summary>How often a text was read.</summary>
    public int Count(string text) => _texts.Count(read => read.Contains(text, StringComparison.Ordinal));

    /// <summary>Reads all that can be read.</summary>
    /// <param name="geography">The geography.</param>
    /// <param name="media">Everything that is left: files, free pages, logs, backups.</param>
    /// <param name="rootKey">The content of a root key file.</param>
    /// <param name="buckets">The buckets that there ever were.</param>
    /// <param name="names">The keys that there ever were.</param>
    public static ResidueScan Of(Geography geography, IReadOnlyList<byte[]> media, byte[] rootKey, IEnumerable<long> buckets, IEnumerable<KeyName> names)
    {
        var scan = new ResidueScan();
        var bucketContexts = buckets.Distinct().ToDictionary(id => id, id => Encoding.UTF8.GetBytes($"domicile/bucket/1/{geography.Name}/{id:x16}"));
        var keyContexts = names.Distinct().ToDictionary(name => name, name => ContextOf(geography, name));
        foreach (var bucketKey in Under(EpochKeys(rootKey), media, bucketContexts).Select(found => found.Key).DistinctBy(Convert.ToHexString))
        {
            foreach (var (name, key) in Under([bucketKey], media, keyContexts))
            {
                (scan._keys.TryGetValue(name, out var had) ? had : scan._keys[name] = []).Add(Convert.ToHexString(key));
            }
        }

        var people = scan._keys.Where(pair => pair.Key.Scope == KeyName.Subject).SelectMany(pair => pair.Value).Select(Convert.FromHexString).ToList();
        var parents = scan._keys.Where(pair => pair.Key.Scope != KeyName.Subject).SelectMany(pair => pair.Value).Select(Convert.FromHexString).ToList();
        scan.ReadIdentifiers(media, people);
        scan.ReadPayloads(media, people, parents);
        return scan;
    }

    /// <summary>The keys of the epochs that a root key file has.</summary>
    public static IReadOnlyList<byte[]> EpochKeys(byte[] rootKey) =>
        [.. System.Text.Json.JsonSerializer.Deserialize(rootKey, RootKeyJson.Default.RootKeyFile)!.Epochs.Select(epoch => epoch.Key)];

    private static IEnumerable<(T Name, byte[] Key)> Under<T>(IEnumerable<byte[]> keys, IReadOnlyList<byte[]> media, Dictionary<T, byte[]> contexts)
        where T : notnull
    {
        foreach (var key in keys)
        {
            using var carving = new CarvingKey(key);
            foreach (var found in media.SelectMany(bytes => carving.Wrapped(bytes, contexts)))
            {
                yield return found;
            }
        }
    }

    private void ReadIdentifiers(IReadOnlyList<byte[]> media, IEnumerable<byte[]> people)
    {
        foreach (var person in people)
        {
            using var carving = new CarvingKey(HKDF.DeriveKey(HashAlgorithmName.SHA256, person, 32, salt: [], info: "domicile/identifier/1"u8.ToArray()));
            foreach (var bytes in media)
            {
                foreach (var at in carving.Beginnings(bytes, "8:acs:"u8.ToArray()))
                {
                    Read(carving, bytes, at);
                }
            }
        }
    }

    private void ReadPayloads(IReadOnlyList<byte[]> media, List<byte[]> people, List<byte[]> parents)
    {
        var ownerless = parents.Select(parent => HKDF.DeriveKey(HashAlgorithmName.SHA256, parent, 32, salt: [], info: "domicile/seal/1/parent"u8.ToArray())).ToList();
        var owned = people.SelectMany(_ => parents, (person, parent) => HKDF.DeriveKey(
            HashAlgorithmName.SHA256, [.. person, .. parent], 32, salt: [], info: "domicile/seal/1/owner+parent"u8.ToArray())).ToList();
        foreach (var (keys, sort) in new[] { (ownerless, (byte)1), (owned, (byte)2), (owned, (byte)3) })
        {
            foreach (var key in keys)
            {
                using var carving = new CarvingKey(key);
                foreach (var bytes in media)
                {
                    foreach (var at in Payloads(bytes, sort))
                    {
                        if (carving.Decrypt(bytes.AsSpan(at, CarvingKey.NonceBytes), bytes.AsSpan(at + CarvingKey.NonceBytes, 2)).AsSpan().SequenceEqual("{\""u8))
                        {
                            Read(carving, bytes, at);
                        }
                    }

                    foreach (var at in Files(bytes, sort))
                    {
                        ReadFile(carving, bytes, at);
                    }
                }
            }
        }
    }

    private void ReadFile(CarvingKey carving, byte[] bytes, int at)
    {
        using var content = new CarvingKey(carving.Decrypt(bytes.AsSpan(at, CarvingKey.NonceBytes), bytes.AsSpan(at + CarvingKey.NonceBytes, 32)));
        var chunk = at + CarvingKey.NonceBytes + 32 + CarvingKey.TagBytes;
        for (byte isLast = 0; isLast < 2; isLast++)
        {
            var nonce = new byte[CarvingKey.NonceBytes];
            nonce[^1] = isLast;
            _texts.Add(Encoding.Latin1.GetString(content.Decrypt(nonce, bytes.AsSpan(chunk, Math.Min(ReadBytes, bytes.Length - chunk)))));
        }
    }

    private void Read(CarvingKey carving, byte[] bytes, int at)
    {
        var from = at + CarvingKey.NonceBytes;
        _texts.Add(Encoding.Latin1.GetString(carving.Decrypt(bytes.AsSpan(at, CarvingKey.NonceBytes), bytes.AsSpan(from, Math.Min(ReadBytes, bytes.Length - from)))));
    }

    /// <summary>The nonces of what can be payloads of a sort.</summary>
    private static IEnumerable<int> Payloads(byte[] bytes, byte sort)
    {
        for (var at = 0; at + Seal.OverheadBytes + 10 <= bytes.Length; at++)
        {
            if (bytes[at] == Seal.Format && bytes[at + 1] == sort && bytes[at + 2] < ColumnsMax)
            {
                // A stand-in is named before the nonce.
                yield return at + (sort == 3 ? 11 : 3);
            }
        }
    }

    /// <summary>The nonces in what can be headers of files of a sort.</summary>
    private static IEnumerable<int> Files(byte[] bytes, byte sort)
    {
        for (var at = 0; bytes.AsSpan(at).IndexOf("domb1"u8) is >= 0 and var next; at += next + 5)
        {
            var header = at + next;
            if (header + BlobSeal.HeaderBytes <= bytes.Length && bytes[header + 5] == Seal.Format && bytes[header + 6] == sort)
            {
                yield return header + 8;
            }
        }
    }

    private static byte[] ContextOf(Geography geography, KeyName name)
    {
        var id = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(id, name.Id);
        return [.. Encoding.UTF8.GetBytes(geography.Slug), .. id, .. Encoding.UTF8.GetBytes(name.Scope)];
    }
}
