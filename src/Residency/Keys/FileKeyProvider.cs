using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Domicile.Residency;

/// <summary>
/// The key provider that keeps a geography's epoch keys in one file, readable by its owner only. The file may lie outside the data directory and
/// must never be in a backup of the data: with it, everything at rest in the geography can be read. Nodes that share a scale unit share the file: who changes
/// it holds a lock beside it and reads it again first, and who meets an epoch that it does not know reads it again.
/// </summary>
public sealed class FileKeyProvider : IKeyProvider, IDisposable
{
    private const int KeyBytes = 32;
    private readonly Lock _lock = new();
    private readonly string _path;
    private readonly Geography _geography;
    private readonly TimeProvider _clock;
    private readonly SortedDictionary<int, (byte[] Key, DateTimeOffset Created)> _epochs = [];
    private bool _isDisposed;

    private FileKeyProvider(string path, Geography geography, TimeProvider clock)
    {
        _path = path;
        _geography = geography;
        _clock = clock;
    }

    /// <inheritdoc/>
    public int CurrentEpoch
    {
        get
        {
            lock (_lock)
            {
                return _epochs.Keys.Last();
            }
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<int> Epochs
    {
        get
        {
            lock (_lock)
            {
                return [.. _epochs.Keys];
            }
        }
    }

    /// <inheritdoc/>
    public string CheckValue { get; private set; } = "";

    /// <summary>When the current epoch began.</summary>
    public DateTimeOffset CurrentSince
    {
        get
        {
            lock (_lock)
            {
                return _epochs.Values.Last().Created;
            }
        }
    }

    /// <summary>Opens the file of a geography.</summary>
    /// <exception cref="InvalidDataException">The file is missing, damaged, or another geography's; the message says what to do.</exception>
    public static FileKeyProvider Open(string path, Geography geography, TimeProvider clock)
    {
        var file = Read(path, geography);
        var provider = new FileKeyProvider(path, geography, clock) { CheckValue = file.Check };
        foreach (var epoch in file.Epochs)
        {
            provider._epochs.Add(epoch.Number, (epoch.Key, epoch.Created));
        }

        return provider;
    }

    /// <summary>Makes the file of an empty geography.</summary>
    /// <exception cref="InvalidOperationException">There is one already.</exception>
    public static FileKeyProvider Create(string path, Geography geography, TimeProvider clock)
    {
        using var held = SecretFile.Lock(path, FileShare.None);
        if (File.Exists(path))
        {
            throw new InvalidOperationException($"There is a root key file {path} already.");
        }

        var provider = new FileKeyProvider(path, geography, clock);
        var first = RandomNumberGenerator.GetBytes(KeyBytes);
        provider._epochs.Add(1, (first, clock.GetUtcNow()));
        provider.CheckValue = CheckOf(first, geography.Name, 0);
        provider.Save();
        return provider;
    }

    /// <inheritdoc/>
    public string CheckOf(int epoch)
    {
        lock (_lock)
        {
            return CheckOf(KeyOf(epoch), _geography.Name, epoch);
        }
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidDataException">The file is missing or damaged, or no longer the one that was opened.</exception>
    public void Refresh()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            var file = Read(_path, _geography);
            if (file.Check != CheckValue || file.Epochs.Any(epoch => _epochs.TryGetValue(epoch.Number, out var known) && !CryptographicOperations.FixedTimeEquals(known.Key, epoch.Key)))
            {
                throw new InvalidDataException($"The root key file {_path} was replaced by one with other keys. Put it back from where it is kept.");
            }

            foreach (var gone in _epochs.Keys.Except(file.Epochs.Select(epoch => epoch.Number)).ToList())
            {
                _epochs.Remove(gone, out var destroyed);
                CryptographicOperations.ZeroMemory(destroyed.Key);
            }

            foreach (var epoch in file.Epochs)
            {
                _epochs.TryAdd(epoch.Number, (epoch.Key, epoch.Created));
            }
        }
    }

    /// <inheritdoc/>
    public byte[] Wrap(int epoch, ReadOnlySpan<byte> key, ReadOnlySpan<byte> context)
    {
        // Under the lock: a key that is destroyed meanwhile is overwritten in memory.
        lock (_lock)
        {
            return KeyWrap.Wrap(KeyOf(epoch), key, context);
        }
    }

    /// <inheritdoc/>
    public byte[] Unwrap(int epoch, ReadOnlySpan<byte> wrapped, ReadOnlySpan<byte> context)
    {
        lock (_lock)
        {
            return KeyWrap.Unwrap(KeyOf(epoch), wrapped, context);
        }
    }

    /// <inheritdoc/>
    public int BeginEpoch()
    {
        lock (_lock)
        {
            using var held = SecretFile.Lock(_path, FileShare.None);
            Refresh();
            var next = _epochs.Keys.Last() + 1;
            _epochs.Add(next, (RandomNumberGenerator.GetBytes(KeyBytes), _clock.GetUtcNow()));
            try
            {
                Save();
            }
            catch
            {
                // Nothing may be wrapped under a key that no file holds.
                _epochs.Remove(next);
                throw;
            }

            return next;
        }
    }

    /// <inheritdoc/>
    public void DestroyEpoch(int epoch)
    {
        lock (_lock)
        {
            using var held = SecretFile.Lock(_path, FileShare.None);
            Refresh();
            if (epoch == _epochs.Keys.Last())
            {
                throw new InvalidOperationException("The current epoch cannot be destroyed.");
            }

            if (_epochs.Remove(epoch, out var destroyed))
            {
                try
                {
                    Save();
                }
                catch
                {
                    _epochs.Add(epoch, destroyed);
                    throw;
                }

                CryptographicOperations.ZeroMemory(destroyed.Key);
            }
        }
    }

    /// <summary>Forgets the keys.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            // Wiped keys must never be taken for keys, nor written into the file.
            _isDisposed = true;
            foreach (var (key, _) in _epochs.Values)
            {
                CryptographicOperations.ZeroMemory(key);
            }
        }
    }

    /// <summary>Called under the lock.</summary>
    private byte[] KeyOf(int epoch)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (epoch > _epochs.Keys.Last())
        {
            // Another node began it.
            Refresh();
        }

        return _epochs.TryGetValue(epoch, out var found) ? found.Key
            : epoch > _epochs.Keys.Last()
                ? throw new KeyGoneException($"The root key file {_path} does not have epoch {epoch} of {_geography}, which began on another node. All nodes need the same file.")
                : throw new KeyGoneException($"The key of epoch {epoch} of {_geography} was destroyed.");
    }

    private static RootKeyFile Read(string path, Geography geography)
    {
        RootKeyFile? file;
        try
        {
            file = JsonSerializer.Deserialize(File.ReadAllBytes(path), RootKeyJson.Default.RootKeyFile);
        }
        catch (JsonException)
        {
            file = null;
        }
        catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InvalidDataException($"The root key file {path} is missing. Without it nothing in {geography} can be read; put it back from where it is kept.");
        }

        if (file is not { Format: 1, Geography: not null, Check: not null, Epochs.Count: > 0 }
            || file.Epochs.Any(epoch => epoch is not { Number: > 0, Key.Length: KeyBytes } || epoch.Check != CheckOf(epoch.Key, file.Geography, epoch.Number))
            || file.Epochs.DistinctBy(epoch => epoch.Number).Count() != file.Epochs.Count)
        {
            throw new InvalidDataException($"The root key file {path} is damaged. Put it back from where it is kept.");
        }

        return file.Geography == geography.Name ? file : throw new InvalidDataException($"The root key file {path} is of {file.Geography}, not of {geography}.");
    }

    /// <summary>Tells a damaged key from a whole one, and nothing about it: 64 bits of a keyed hash.</summary>
    private static string CheckOf(byte[] key, string geography, int epoch) =>
        Convert.ToHexStringLower(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes($"domicile/root/1/{geography}/{epoch}"))[..8]);

    private void Save()
    {
        var file = new RootKeyFile(
            1, _geography.Name, CheckValue, [.. _epochs.Select(epoch => new RootKeyEpoch(epoch.Key, epoch.Value.Created, epoch.Value.Key, CheckOf(epoch.Value.Key, _geography.Name, epoch.Key)))]);
        SecretFile.Write(_path, JsonSerializer.SerializeToUtf8Bytes(file, RootKeyJson.Default.RootKeyFile));
    }
}

internal sealed record RootKeyFile(int Format, string Geography, string Check, IReadOnlyList<RootKeyEpoch> Epochs);

internal sealed record RootKeyEpoch(int Number, DateTimeOffset Created, byte[] Key, string Check);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(RootKeyFile))]
internal sealed partial class RootKeyJson : JsonSerializerContext;
