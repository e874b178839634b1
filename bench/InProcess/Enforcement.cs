using System.Buffers;
using System.Diagnostics;
using Domicile.Modules.Chat;
using Domicile.Modules.Http;
using Domicile.Modules.Identity;
using Domicile.Residency;
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
        var (membership, feed) = Statements(thread, person);
        table.Add("seal: context, AES-256-GCM, nonce", seal.Of(2));
        table.Add("authorisation: token known, revocation looked at", authorisation.Of(2));
        table.Add("membership: the check in the writer", membership.Of(2));
        table.Add("**seal + membership + authorisation** (goal 6)", (seal + authorisation + membership).Of(2));
        table.Add("catalogue: content as JSON by the declaration", json.Of(2));
        table.Add("feed: its row in the transaction", feed.Of(2));
        table.Add("**with catalogue and feed** (goal 8)", (seal + authorisation + membership + json + feed).Of(2));
        table.Print();
    }

    /// <summary>The statements that the writer runs, in a transaction of their own as it has them.</summary>
    private static (double Membership, double Feed) Statements(Ref<ChatThread> thread, SubjectRef person)
    {
        var directory = Directory.CreateTempSubdirectory("domicile-bench-").FullName;
        try
        {
            using var session = SqliteSession.Open(Path.Combine(directory, "data.db"), readOnly: false);
            session.Execute("CREATE TABLE p (resource INTEGER NOT NULL, thread INTEGER NOT NULL, person INTEGER NOT NULL, removed_on INTEGER, PRIMARY KEY (thread, person)) WITHOUT ROWID");
            session.Execute("CREATE TABLE f (position INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, resource INTEGER NOT NULL, kind INTEGER NOT NULL, change INTEGER NOT NULL, key BLOB NOT NULL, version INTEGER NOT NULL)");
            session.Execute("BEGIN");
            for (var i = 0; i < 10_000; i++)
            {
                session.Prepare("INSERT INTO p VALUES (1, ?1, ?2, NULL)").Bind(1, i / 20).Bind(2, i).Run();
            }

            session.Prepare("INSERT INTO p VALUES (1, ?1, ?2, NULL)").Bind(1, thread.Value).Bind(2, person.Value).Run();
            var membership = Measure(() =>
            {
                var statement = session.Prepare("SELECT 1 FROM p WHERE thread = ?1 AND person = ?2 AND resource = ?3 AND removed_on IS NULL").Bind(1, thread.Value).Bind(2, person.Value).Bind(3, 1);
                statement.Step();
                statement.Reset();
            });
            var key = new byte[18];
            var feed = Measure(() => session.Prepare("INSERT INTO f (at, resource, kind, change, key, version) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
                .Bind(1, 1).Bind(2, 1).Bind(3, 1).Bind(4, 0).Bind(5, key).Bind(6, 1).Run());
            session.Execute("COMMIT");
            return (membership, feed);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
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
