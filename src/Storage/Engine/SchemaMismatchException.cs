namespace Domicile.Storage.Engine;

/// <summary>The database cannot be used with this program: it is another geography's, or a newer version wrote it, or a change is not an addition.</summary>
/// <param name="message">What is wrong and what to do.</param>
public sealed class SchemaMismatchException(string message) : Exception(message);
