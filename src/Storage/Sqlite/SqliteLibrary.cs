using System.Reflection;
using System.Runtime.InteropServices;
using SQLitePCL;

namespace Domicile.Storage.Sqlite;

/// <summary>Which SQLite library the process uses: the system's when it is newer than the packaged one, whose version has published vulnerabilities.</summary>
public static class SqliteLibrary
{
    private static readonly Version Packaged = new(3, 35, 5);
    private static readonly string[] SystemNames = ["libsqlite3.so.0", "libsqlite3.dylib", "winsqlite3.dll"];
    private static readonly Lazy<Description> Loaded = new(Load);

    /// <summary>The library in use.</summary>
    /// <param name="Version">Its version.</param>
    /// <param name="Source"><c>system</c> or <c>packaged</c>.</param>
    /// <param name="File">The name under which it was loaded.</param>
    public sealed record Description(Version Version, string Source, string File);

    /// <summary>Loads the library, once, and says which it is.</summary>
    public static Description Describe() => Loaded.Value;

    private static Description Load()
    {
        var system = FindSystem();
        if (system is { } found)
        {
            var provider = typeof(SQLite3Provider_e_sqlite3).Assembly;
            NativeLibrary.SetDllImportResolver(provider, (name, _, _) => name == "e_sqlite3" ? found.Handle : IntPtr.Zero);
        }

        Batteries_V2.Init();
        var version = Version.Parse(raw.sqlite3_libversion().utf8_to_string());
        return new Description(version, system is null ? "packaged" : "system", system?.Name ?? "e_sqlite3");
    }

    private static (IntPtr Handle, string Name)? FindSystem()
    {
        foreach (var name in SystemNames)
        {
            if (NativeLibrary.TryLoad(name, Assembly.GetExecutingAssembly(), DllImportSearchPath.SafeDirectories, out var handle)
                && NativeLibrary.TryGetExport(handle, "sqlite3_libversion_number", out var export))
            {
                var number = Marshal.GetDelegateForFunctionPointer<VersionNumber>(export)();
                if (new Version(number / 1_000_000, number / 1_000 % 1_000, number % 1_000) > Packaged)
                {
                    return (handle, name);
                }
            }
        }

        return null;
    }

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    private delegate int VersionNumber();
}
