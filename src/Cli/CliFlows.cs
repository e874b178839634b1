using Domicile.Cli.Doctor;
using Domicile.Cli.Transfer;
using Domicile.Residency;

namespace Domicile.Cli;

/// <summary>What leaves the <c>domicile</c> command when it does not serve.</summary>
internal static class CliFlows
{
    /// <summary>The flows.</summary>
    public static IReadOnlyList<EgressFlow> All { get; } =
    [
        new(
            "requests of an administrator",
            "the credential of admin.json, then tokens with a role, and what was typed; over TLS that trusts only what admin.json names",
            "the administration origins in admin.json, at the address that stands there; without one the name is looked up",
            "whoever types the command")
        { Crosses = Crossing.Machine, IsByDefault = true, Through = [typeof(AdminClient)] },
        new(
            "reads of an import from ACS",
            "ids of users, signed with the access key that was given, and tokens that the source issued for them; what the source answers comes in",
            "the endpoint of the connection string that was given, over TLS; its name is looked up",
            "whoever types the command")
        { Crosses = Crossing.Machine, IsByDefault = false, Through = [typeof(AcsClient)] },
        new("looks of doctor", "nothing; a port is tried and a program of the system asked", "ports of the machine itself, and its own programs", "whoever types doctor")
        { Crosses = Crossing.Process, IsByDefault = true, Through = [typeof(Listener), typeof(Machine)] },
    ];
}
