using System.Buffers;
using System.Diagnostics;
using Domicile.Modules.Chat;
using Domicile.Modules.Http;
using Domicile.Modules.Identity;
using Domicile.Residency;
using Domicile.Storage.Engine;
using Domicile.Storage.Sqlite;

namespace Domicile.Bench.InProcess;

/// <summary>What one message costs in the parts that only Domicile has: each part on its own, in one thread, as CPU time.</summary>
internal static class Enforcement
{
    private const int Repeats = 200_000;
    private static readonly string Text = string.Concat(Enumerable.Repeat("The quick brown fox jumps over the lazy dog. ", 7))[..300];

    public static async Task Run(Options options)
    {
        Machine.PrintHead("Enforcement, part by part", options.Arguments);
        await using var place = await Place.Open();
        var (person, rawId, account) = await place.Person();
        var thread = await place.Thread(person);
        var kind = place.Unit.Catalogue.Of<ChatMessage>();
        var message = Place.Message(thread, person, Text);
        var key = SealKey.Of(new byte[32], new byte[32]);
        var (content, context) = (new ArrayBufferWriter<byte>(1024), new ArrayBufferWriter<byte>(1024));
        var geography = place.Home.Geography;
        var resource = place.Home.Resource;
        var served = new ServedResource(place.Home, [new byte[64], new byte[64]]);
        var tokens = new UserTokens(TimeProvider.System);
        var token = (await tokens.Issue(place.Home, rawId, account, ["chat"], 60, served.KeyFingerprints[0], CancellationToken.None)).Token;

        var table = new Table("part", "µs");
        var seal = Measure(() =>
        {
            context.ResetWrittenCount();
            var values = kind.Values(message);
            Seal.WriteContext(context, geography, resource, kind, values, values.Length, 1);
            Seal.Close(key, values.Length, content.WrittenSpan, context.WrittenSpan);
        }, () =>
        {
            content.ResetWrittenCount();
            kind.WriteContent(message, content);
        });
        var authorisation = Measure(() => _ = tokens.Check(token, served, CancellationToken.None).AsTask().GetAwaiter().GetResult());
        var json = Measure(() =>
        {
            content.ResetWrittenCount();
            kind.WriteContent(message, content);
        });
        var (membership, first, feed) = Statements(place.Unit.Catalogue);
        table.Add("seal: context, AES-256-GCM, nonce", seal.Of(2));
        table.Add("authorisation: token known, revocation looked at", authorisation.Of(2));
        table.Add("membership: the check in the writer, which remembers", membership.Of(2));
        table.Add("(the same the first time, from the table; not in the sums)", first.Of(2));
        table.Add("**seal + membership + authorisation** (goal 6)", (seal + authorisation + membership).Of(2));
        table.Add("catalogue: content as JSON by the declaration", json.Of(2));
        table.Add("feed: its row in the transaction", feed.Of(2));
        table.Add("**with catalogue and feed** (goal 8)", (seal + authorisation + membership + json + feed).Of(2));
        table.Print();
        await LeaveOut(place);
    }

    /// <summary>What the writer does for each message, in a transaction as it does it: over the memberships of 500 threads of 20, in no order.</summary>
    private static (double Membership, double First, double Feed) Statements(Catalogue catalogue)
    {
        var directory = Directory.CreateTempSubdirectory("domicile-bench-").FullName;
        try
        {
            using var session = SqliteSession.Open(Path.Combine(directory, "data.db"), readOnly: false);
            var table = new SqliteTable(catalogue.Of<ChatParticipant>(), 1);
            session.Execute(table.Definitions().Single());
            session.Execute("CREATE TABLE feed (position INTEGER PRIMARY KEY, at INTEGER NOT NULL, resource INTEGER NOT NULL, kind INTEGER NOT NULL, change INTEGER NOT NULL, key BLOB NOT NULL, version INTEGER NOT NULL)");
            session.Execute("BEGIN");
            var random = new Random(1);
            var keys = new List<ColumnValue[]>();
            for (var i = 0; i < 10_000; i++)
            {
                keys.Add([ColumnValue.Of(1_000L * (i / 20)), ColumnValue.Of(random.NextInt64())]);
                session.PrepareFixed(table.Insert).Bind(1, 1).Bind(2, keys[i][0]).Bind(3, keys[i][1]).Bind(4, 1).Bind(5, ColumnValue.Null).Bind(6, 1).Bind(7, new byte[60]).Run();
            }

            var (heads, turn, position) = (new SqliteHeads(), 0, 0L);
            random.Shuffle(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(keys));
            keys.ForEach(key => Expect(heads.Lasts(session, table, key, 1)));
            var membership = Measure(() => Expect(heads.Lasts(session, table, keys[turn++ % keys.Count], 1)));
            var first = Measure(() => Expect(session.PrepareFixed(table.Lasting).BindKey(keys[turn++ % keys.Count], 1).StepOnce()));
            var feed = Measure(() =>
            {
                position++;
                session.PrepareFixed("INSERT INTO feed (at, resource, kind, change, key, version, position) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")
                    .Bind(1, position).Bind(2, 1).Bind(3, 1).Bind(4, 0).Bind(5, FeedKey.Write(keys[turn++ % keys.Count])).Bind(6, 1).Bind(7, position).Run();
            });
            session.Execute("COMMIT");
            return (membership, first, feed);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>Commits with and without the parts, in turns, 64 at a time: CPU of the whole process for a message, and what each part makes of it.</summary>
    private static async Task LeaveOut(Place place)
    {
        var people = new List<SubjectRef>();
        for (var i = 0; i < 20; i++)
        {
            people.Add((await place.Person()).Subject);
        }

        var threads = new List<Ref<ChatThread>>();
        for (var i = 0; i < 500; i++)
        {
            threads.Add(await place.Thread([.. people]));
        }

        var kind = place.Unit.Catalogue.Of<ChatMessage>();
        var sample = Place.Message(threads[0], people[0], Text);
        var content = new ArrayBufferWriter<byte>();
        kind.WriteContent(sample, content);
        var resource = place.Home.Resource.Number;
        Task Bare(int i, bool isChecked)
        {
            // A payload of the same size that nobody sealed, straight to the engine.
            var (thread, person) = (threads[i % threads.Count], people[i % people.Count]);
            var values = kind.Values(Place.Message(thread, person, Text));
            var write = new Write(kind, WriteKind.Append, [thread], values, new byte[content.WrittenCount + Seal.OverheadBytes], 1, null);
            var (root, checks) = isChecked
                ? (new RootLock(place.Unit.Catalogue.Of<ChatThread>(), thread.Value, ChatProblems.NoThread), (Check[])[new(place.Unit.Catalogue.Of<ChatParticipant>(), [thread, person], true, ChatProblems.NoLongerIn)])
                : ((RootLock?)null, (Check[])[]);
            return place.Unit.Engine.Commit(new Plan(resource, root, checks, [write]), CancellationToken.None);
        }

        (string Name, Func<int, Task> Send)[] ways =
        [
            ("everything", i => place.Send(threads[i % threads.Count], people[i % people.Count], Text)),
            ("without the seal, the JSON and the batch", i => Bare(i, isChecked: true)),
            ("without membership as well", i => Bare(i, isChecked: false)),
        ];
        var taken = ways.Select(_ => new List<double>()).ToArray();
        for (var round = 0; round < 6; round++)
        {
            for (var way = 0; way < ways.Length; way++)
            {
                const int Messages = 40_000;
                var send = ways[way].Send;
                var before = Environment.CpuUsage.TotalTime;
                await Parallel.ForAsync(0, Messages, new ParallelOptions { MaxDegreeOfParallelism = 64 }, async (i, _) => await send(i));
                var spent = (Environment.CpuUsage.TotalTime - before).TotalMicroseconds / Messages;
                if (round > 0)
                {
                    taken[way].Add(spent);
                }
            }
        }

        var table = new Table("a commit in process, 64 at a time", "CPU µs for a message", "less than the line above");
        for (var way = 0; way < ways.Length; way++)
        {
            table.Add(ways[way].Name, taken[way].Median().Of(1), way == 0 ? "" : (taken[way - 1].Median() - taken[way].Median()).Of(1));
        }

        table.Print();
    }

    private static void Expect(bool holds)
    {
        if (!holds)
        {
            throw new InvalidOperationException("A membership is missing.");
        }
    }

    private static double Measure(Action part, Action? before = null)
    {
        before?.Invoke();
        var rounds = new List<double>();
        for (var round = 0; round < 5; round++)
        {
            var watch = Stopwatch.StartNew();
            for (var i = 0; i < Repeats / 5; i++)
            {
                part();
            }

            rounds.Add(watch.Elapsed.TotalMicroseconds / (Repeats / 5.0));
        }

        // The first round compiles.
        return rounds.Skip(1).Median();
    }
}
