namespace Domicile.Cli;

/// <summary>Files that the user names: what goes wrong with them is said with their name.</summary>
internal static class LocalFile
{
    /// <summary>Reads.</summary>
    /// <exception cref="CommandFailure">It cannot be read.</exception>
    public static T Read<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailure($"{path} cannot be read: {failed.Message}");
        }
    }

    /// <summary>Writes.</summary>
    /// <exception cref="CommandFailure">It cannot be written.</exception>
    public static async Task Write(string path, Func<Task> write)
    {
        try
        {
            await write();
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailure($"{path} cannot be written: {failed.Message}");
        }
    }
}
