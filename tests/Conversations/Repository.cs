namespace Domicile.Tests.Conversations;

/// <summary>Where things are in the working tree that these tests were built from.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    /// <summary>The scripts and the client packages that they use.</summary>
    public static string Scripts { get; } = Path.Combine(Root, "tests", "Conversations");

    /// <summary>The real program, built in the same configuration as the tests.</summary>
    public static string Program { get; } = Path.Combine(
        Root, "src", "Cli", "bin", new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name, "net10.0", "publish", "domicile.dll");

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Domicile.slnx")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException($"There is no Domicile.slnx above {AppContext.BaseDirectory}.");
    }
}
