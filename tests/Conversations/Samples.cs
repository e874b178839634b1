namespace Domicile.Tests.Conversations;

/// <summary>The sample applications of the repository.</summary>
internal static class Samples
{
    /// <summary>Copies them into a reader's folder, as they lie in the repository.</summary>
    public static void CopyTo(string folder)
    {
        foreach (var sample in Directory.EnumerateFiles(Path.Combine(Repository.Root, "samples"), "*", SearchOption.AllDirectories)
            .Where(file => !file.Contains($"{Path.DirectorySeparatorChar}node_modules{Path.DirectorySeparatorChar}", StringComparison.Ordinal)))
        {
            var copy = Path.Combine(folder, Path.GetRelativePath(Repository.Root, sample));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(sample, copy);
        }
    }
}
