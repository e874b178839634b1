namespace Domicile.Server;

/// <summary>A secret in a file of its own, on its first line.</summary>
internal static class SecretLine
{
    /// <summary>Reads it.</summary>
    /// <param name="file">The file.</param>
    /// <param name="place">Where in the configuration it is named, for messages.</param>
    /// <exception cref="StartupException">It cannot be read, others may read it, or it holds none.</exception>
    public static string Read(string file, string place)
    {
        try
        {
            if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(file) & (UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite)) != 0)
            {
                throw new StartupException($"{place}: others may read or change {file}. Let only the server's user read it (chmod 600).");
            }

            using var reader = File.OpenText(file);
            return reader.ReadLine() is { Length: > 0 } secret ? secret : throw new StartupException($"{place}: {file} has nothing on its first line.");
        }
        catch (Exception unreachable) when (unreachable is IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"{place}: {unreachable.Message}", unreachable);
        }
    }
}
