namespace Domicile.Storage;

/// <summary>Another server uses the directory.</summary>
/// <param name="directory">Which.</param>
public sealed class DirectoryInUseException(string directory)
    : Exception($"Another server is using {directory}. Stop it, or give this one a directory of its own with --data.");
