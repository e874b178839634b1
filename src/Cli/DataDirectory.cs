namespace Domicile.Cli;

/// <summary>
/// Where the server keeps its data and where the other commands find its credential: <c>--data</c>, else
/// <c>DOMICILE_DATA</c>, else <c>~/.domicile</c>. The home directory and not the current one, so that <c>serve</c> in one
/// folder and <c>resource list</c> in another speak of the same server; and not <c>~/.local/share</c>, because this is a
/// path that people type, back up and give rights on.
/// </summary>
internal sealed class DataDirectory
{
    private readonly Terminal terminal;

    private DataDirectory(Terminal terminal, string path, bool isDefault)
    {
        this.terminal = terminal;
        Path = path;
        IsDefault = isDefault;
    }

    /// <summary>The full path; it need not exist.</summary>
    public string Path { get; }

    /// <summary>Whether nobody named it.</summary>
    public bool IsDefault { get; }

    /// <summary>The administrator's credential file in it.</summary>
    public string AdminFile => System.IO.Path.Combine(Path, "admin.json");

    /// <summary>The command that starts the server on this directory.</summary>
    public string ServeCommand => $"{terminal.Program} serve{DataOption}";

    /// <summary>The command that looks at this machine and directory.</summary>
    public string DoctorCommand => $"{terminal.Program} doctor{DataOption}";

    /// <summary>The command that lists resources.</summary>
    public string ResourcesCommand => $"{terminal.Program} resource list{DataOption}";

    /// <summary>The option that names this directory, with a space in front; nothing when it is the default.</summary>
    public string DataOption => IsDefault ? "" : $" --data {Terminal.Quote(Path)}";

    /// <summary>Finds the directory.</summary>
    /// <param name="given">The value of <c>--data</c>.</param>
    /// <param name="terminal">For the environment.</param>
    /// <exception cref="CommandFailure">Nobody named one and there is no home directory.</exception>
    public static DataDirectory Find(string? given, Terminal terminal)
    {
        if (given is { Length: > 0 })
        {
            return new(terminal, System.IO.Path.GetFullPath(given), isDefault: false);
        }

        if (terminal.Variable("DOMICILE_DATA") is { Length: > 0 } named)
        {
            return new(terminal, System.IO.Path.GetFullPath(named), isDefault: true);
        }

        if (terminal.Variable("HOME") is { Length: > 0 } home && System.IO.Path.IsPathRooted(home))
        {
            return new(terminal, System.IO.Path.Combine(home, ".domicile"), isDefault: true);
        }

        throw CommandFailure.Usage("There is no home directory to keep data in. Name a directory with --data DIR or with the variable DOMICILE_DATA.");
    }
}
