using Domicile.Storage.Sqlite;

namespace Domicile.Cli.Doctor;

/// <summary>Which database engine would be loaded.</summary>
internal static class NativeLibrariesCheck
{
    private const string Name = "SQLite";

    /// <summary>The packaged library is 3.35.5, which has published vulnerabilities; the system's is used when it is newer.</summary>
    private static readonly Version Sound = new(3, 40, 0);

    /// <summary>Looks at the library that the server would load.</summary>
    public static IReadOnlyList<Finding> Look()
    {
        try
        {
            var library = SqliteLibrary.Describe();
            return [Judge(library.Version, $"{library.Source} library {library.File}")];
        }
        catch (Exception failure) when (failure is DllNotFoundException or TypeInitializationException or BadImageFormatException)
        {
            return [Finding.Failed(Name, "No SQLite library can be loaded on this system.", "Install it; on Debian and Ubuntu: apt-get install libsqlite3-0")];
        }
    }

    /// <summary>What to think of a version.</summary>
    internal static Finding Judge(Version version, string source)
    {
        var says = $"{version}, the {source}.";
        return version >= Sound
            ? Finding.Ok(Name, says)
            : Finding.Warning(Name, says, "Install a newer one (on Debian and Ubuntu: apt-get install libsqlite3-0); it is used at the next start. Versions before 3.40 have published vulnerabilities.");
    }
}
