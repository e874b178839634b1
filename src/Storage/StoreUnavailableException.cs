namespace Domicile.Storage;

/// <summary>The store cannot write or read just now: the disk is full or broken, or the database does not answer. Nothing was written.</summary>
/// <param name="message">What failed, without values.</param>
/// <param name="cause">The engine's own exception, when there is one.</param>
public sealed class StoreUnavailableException(string message, Exception? cause = null) : Exception(message, cause);
