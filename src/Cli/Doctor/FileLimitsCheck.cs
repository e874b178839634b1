namespace Domicile.Cli.Doctor;

/// <summary>Whether the server may open as many files and connections as it will be asked to.</summary>
internal static class FileLimitsCheck
{
    private const string Name = "open files";

    /// <summary>A connection is a file; so is each database, its log, and each blob being read.</summary>
    private const long Comfortable = 10_000;

    private const long Least = 1_024;

    /// <summary>Looks at the hard limit, up to which the runtime raises its own at the start.</summary>
    public static IReadOnlyList<Finding> Look(Machine machine)
    {
        if (machine.Limit("Max open files") is not { } limit)
        {
            return [Finding.Warning(Name, "The limit cannot be told on this system.", $"Allow the server's user {Comfortable} open files.")];
        }

        const string Action = "Raise it: LimitNOFILE=65536 in the service, or a line in /etc/security/limits.conf.";
        return [limit.Hard switch
        {
            null => Finding.Ok(Name, "No limit."),
            < Least => Finding.Failed(Name, $"At most {limit.Hard} files may be open.", Action),
            < Comfortable => Finding.Warning(Name, $"At most {limit.Hard} files may be open, and every connection is one.", Action),
            _ => Finding.Ok(Name, $"Up to {limit.Hard}."),
        }];
    }
}
