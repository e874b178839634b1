namespace Domicile.Residency;

/// <summary>
/// Holds the epoch keys of one geography, under which everything else is wrapped. They never leave it.
/// The first is made for an empty geography only; an old one is destroyed when nothing needs it any more.
/// </summary>
public interface IKeyProvider
{
    /// <summary>The epoch under which new buckets are wrapped, from 1.</summary>
    int CurrentEpoch { get; }

    /// <summary>The epochs whose keys still exist.</summary>
    IReadOnlyList<int> Epochs { get; }

    /// <summary>Says which root key this is without telling anything about it; the key store remembers it and refuses another.</summary>
    string CheckValue { get; }

    /// <summary>Tells the key of an epoch from others without telling anything about it.</summary>
    /// <exception cref="KeyGoneException">The epoch's key was destroyed, or is not known here.</exception>
    string CheckOf(int epoch);

    /// <summary>Learns which epochs other nodes began and destroyed.</summary>
    void Refresh();

    /// <summary>Wraps a key under an epoch's key.</summary>
    byte[] Wrap(int epoch, ReadOnlySpan<byte> key, ReadOnlySpan<byte> context);

    /// <summary>Unwraps a key.</summary>
    /// <exception cref="KeyGoneException">The epoch's key was destroyed, or is not known here.</exception>
    /// <exception cref="SealBrokenException">It was not wrapped so.</exception>
    byte[] Unwrap(int epoch, ReadOnlySpan<byte> wrapped, ReadOnlySpan<byte> context);

    /// <summary>Makes the key of the next epoch, durably, and makes it current. Two nodes never make the same one.</summary>
    int BeginEpoch();

    /// <summary>Destroys an epoch's key, durably. Whatever is still wrapped under it is gone.</summary>
    void DestroyEpoch(int epoch);
}

/// <summary>The key that would be needed no longer exists.</summary>
/// <param name="message">Which key, by scope and id.</param>
public sealed class KeyGoneException(string message) : Exception(message);

/// <summary>A sealed payload or a wrapped key does not open: tampered with, moved, or of another geography.</summary>
/// <param name="message">What and where, by kind and key; never content.</param>
public sealed class SealBrokenException(string message) : Exception(message);
