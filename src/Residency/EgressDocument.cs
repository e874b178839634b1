using System.Globalization;
using System.Text;

namespace Domicile.Residency;

/// <summary>The published list of flows.</summary>
public static class EgressDocument
{
    /// <summary>Writes the list.</summary>
    public static string ToMarkdown(IReadOnlyList<EgressFlow> flows)
    {
        var text = new StringBuilder();
        text.Append(
            """
            # What leaves

            Generated from the declarations in the code; do not edit. Every flow that leaves a process of Domicile: what it carries, where it goes, who decides that it
            does. Code that can send and is named by none of these declarations makes a test fail; another test traces the system calls of a running server, from its start
            through a conversation to its stop, and fails on any connection that it opens and on any file that it touches outside its data directory.

            The server opens no connection of its own in the default set-up: no name is looked up, no update asked for, no usage reported, no revocation list fetched.
            There is no mail server, carrier, identity provider, relay or witness in this version; each will stand here before it works.


            """);
        Append(text, "Can leave the geography", flows.Where(flow => flow.Crosses == Crossing.Geography));
        Append(text, "Leaves the machine, stays in the geography by the operator's set-up", flows.Where(flow => flow.Crosses == Crossing.Machine));
        Append(text, "Leaves the process, stays on the machine", flows.Where(flow => flow.Crosses == Crossing.Process));
        return text.ToString();
    }

    private static void Append(StringBuilder text, string title, IEnumerable<EgressFlow> flows)
    {
        text.Append(CultureInfo.InvariantCulture, $"## {title}\n\n| flow | data | destination | who decides | by default |\n|---|---|---|---|---|\n");
        foreach (var flow in flows)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {flow.Name} | {flow.Data} | {flow.Destination} | {flow.WhoDecides} | {(flow.IsByDefault ? "yes" : "no")} |\n");
        }

        text.Append('\n');
    }
}
