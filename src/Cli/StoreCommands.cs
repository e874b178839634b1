using System.CommandLine;
using Domicile.Server;
using Domicile.Storage;

namespace Domicile.Cli;

/// <summary><c>domicile store</c>: what an operator does with databases while no server is involved.</summary>
internal static class StoreCommands
{
    /// <summary>The commands.</summary>
    public static Command Describe(CommonOptions options, Terminal terminal)
    {
        var stores = new StoreOptions(options, terminal);
        return new Verb("store", "Looks at the databases of a server's stores, brings them up to date, or tells them that they were restored.", "store check --config /etc/domicile/domicile.json")
        {
            Check(options, stores, terminal),
            Migrate(options, stores, terminal),
            Restored(options, stores, terminal),
        };
    }

    private static Verb Check(CommonOptions options, StoreOptions stores, Terminal terminal)
    {
        var verb = new Verb(
            "check",
            "Says of each database whether it can be reached, whether it is of this geography, root key and program, and what a start would change. Changes nothing. Ends with 1 when something is wrong or pending.",
            "store check --config /etc/domicile/domicile.json",
            "store check --data ./data --geography Europe --json")
        {
            stores.Configuration, options.Data, options.Geography, options.Json,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            var conditions = await StoreOptions.Guarded(Stores.Check(stores.Selection(parsed), cancel));
            Write(conditions, parsed.GetValue(options.Json), isDone: false, terminal);
            return conditions.Any(condition => condition.Fault is not null || condition.Pending.Count > 0) ? ExitCode.Failure : ExitCode.Ok;
        });
        return verb;
    }

    private static Verb Migrate(CommonOptions options, StoreOptions stores, Terminal terminal)
    {
        var verb = new Verb(
            "migrate",
            "Does what a start would do to the databases, and says what it did. On PostgreSQL nodes of the version before may go on running meanwhile; on SQLite the server is stopped first.",
            "store migrate --config /etc/domicile/domicile.json")
        {
            stores.Configuration, options.Data, options.Geography, options.Json,
        };
        verb.SetAction(async (parsed, cancel) =>
            Write(await StoreOptions.Guarded(Stores.Migrate(stores.Selection(parsed), cancel)), parsed.GetValue(options.Json), isDone: true, terminal));
        return verb;
    }

    private static Verb Restored(CommonOptions options, StoreOptions stores, Terminal terminal)
    {
        var verb = new Verb(
            "restored",
            "Tells PostgreSQL databases that they were put back from a backup, before the first node starts: readers of the feed begin anew and leases of before end. Refused while nodes are connected.",
            "store restored --config /etc/domicile/domicile.json")
        {
            stores.Configuration, options.Data, options.Geography, options.Json,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            var told = await StoreOptions.Guarded(Stores.Restored(stores.Selection(parsed), cancel));
            if (parsed.GetValue(options.Json))
            {
                terminal.Json(new RestoredReply(told), AdminJson.Readable.RestoredReply);
                return;
            }

            foreach (var store in told)
            {
                terminal.Output.WriteLine($"{Table.Clean(store)}: readers begin anew. Start the nodes; they replay the erasure ledger before they serve.");
            }
        });
        return verb;
    }

    private static void Write(IReadOnlyList<StoreCondition> conditions, bool json, bool isDone, Terminal terminal)
    {
        if (json)
        {
            terminal.Json(new StoresReply(conditions, conditions.Count(condition => condition.Fault is not null), conditions.Sum(condition => condition.Pending.Count)), AdminJson.Readable.StoresReply);
            return;
        }

        var table = new Table("result", "store", "database", "place");
        foreach (var condition in conditions)
        {
            var word = condition.Fault is not null ? "WRONG" : condition.Pending.Count == 0 ? "ok" : isDone ? "done" : "pending";
            table.Add(word, condition.Store, condition.Database, condition.Place);
        }

        table.Write(terminal.Output);
        foreach (var condition in conditions)
        {
            var lines = condition.Fault is { } fault ? [fault] : condition.Pending;
            foreach (var line in lines)
            {
                terminal.Output.WriteLine($"{Table.Clean(condition.Store)} {condition.Database}: {Table.Clean(line)}");
            }
        }
    }
}
