using System.Diagnostics;
using Domicile.Residency;
using Domicile.Storage;
using Domicile.Tests.Support;
using Npgsql;

namespace Domicile.Bench.InProcess;

/// <summary>The record store alone on PostgreSQL, beside a group commit by hand of the same rows on the same cluster, in turns.</summary>
internal static class PostgresRecordStore
{
    private const int Threads = 500;
    private static readonly string[] Settings = ["shared_buffers=512MB", "max_wal_size=4GB"];
    private static readonly string Text = string.Concat(Enumerable.Repeat("The quick brown fox jumps over the lazy dog. ", 7))[..300];

    public static async Task Run(Options options)
    {
        Machine.PrintHead("The record store on PostgreSQL, in process", options.Arguments);
        var (rounds, seconds) = (options.Number("rounds", 2), options.Number("seconds", 3));
        await using var cluster = await PostgresCluster.Start(Settings, CancellationToken.None);
        var directory = Directory.CreateTempSubdirectory("domicile-bench-").FullName;
        try
        {
            var data = await cluster.NewDatabase("data", CancellationToken.None);
            var store = new PostgresStore(Address(data), Address(await cluster.NewDatabase("keys", CancellationToken.None)), Path.Combine(directory, "ledgers"));
            await using var place = await Place.Open(store);
            var (person, _, _) = await place.Person();
            var threads = new List<Ref<Domicile.Modules.Chat.ChatThread>>();
            for (var i = 0; i < Threads; i++)
            {
                threads.Add(await place.Thread(person));
            }

            // Both are warm, keys too, and the hand writes as many bytes as the seal left.
            await Drive(64, 2, worker => place.Send(threads[worker % Threads], person, Text));
            var payload = new byte[await PayloadOf(data)];
            await using var hand = await PostgresBaseline.Open(await cluster.NewDatabase("hand", CancellationToken.None), Threads);
            await Drive(64, 2, worker => hand.Append((worker % Threads) + 1, person.Value, payload));

            var table = new Table("producers", "by hand, msgs/s", "record store, msgs/s", "of by hand", "goal");
            foreach (var producers in options.Numbers("producers", "1,16,64,256"))
            {
                var (byHand, records) = (new List<double>(), new List<double>());
                for (var round = 0; round < rounds; round++)
                {
                    byHand.Add(await Drive(producers, seconds, worker => hand.Append((worker % Threads) + 1, person.Value, payload)));
                    records.Add(await Drive(producers, seconds, worker => place.Send(threads[worker % Threads], person, Text)));
                }

                table.Add(producers, byHand.Median().Thousands(), records.Median().Thousands(), (records.Median() / byHand.Median()).Of(2), producers >= 64 ? "0.40" : "");
            }

            Console.WriteLine($"{payload.Length} bytes of payload, {Threads} threads, fsync and synchronous_commit on, {string.Join(", ", Settings)}; the median of {rounds} rounds of {seconds} s in turns, all on the same cores.");
            Console.WriteLine();
            table.Print();
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>Every producer sends one after the other, each time into the next thread.</summary>
    private static async Task<double> Drive(int producers, int seconds, Func<int, Task> send)
    {
        var watch = Stopwatch.StartNew();
        var sent = await Task.WhenAll(Enumerable.Range(0, producers).Select(producer => Task.Run(async () =>
        {
            var count = 0;
            while (watch.Elapsed.TotalSeconds < seconds)
            {
                await send((producer * 7) + count++);
            }

            return count;
        })));
        return sent.Sum() / watch.Elapsed.TotalSeconds;
    }

    private static async Task<int> PayloadOf(string database)
    {
        await using var connection = new NpgsqlConnection(database);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand("SELECT length(payload) FROM chat_message LIMIT 1", connection);
        return (int)(await command.ExecuteScalarAsync())!;
    }

    private static PostgresAddress Address(string connection) =>
        PostgresAddress.TryParse(connection, out var address, out var fault) ? address : throw new InvalidOperationException(fault);
}
