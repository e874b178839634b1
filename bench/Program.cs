using Domicile.Bench;
using Domicile.Bench.EndToEnd;
using Domicile.Bench.InProcess;

var options = new Options(args);
switch (options.Name)
{
    case "e2e":
        await EndToEndComparison.Run(options);
        return 0;
    case "hold":
        await EndToEndComparison.Hold(options);
        return 0;
    case "sockets":
        await Sockets.Run(options);
        return 0;
    case "start":
        await Starting.Run(options);
        return 0;
    case "ephemeral":
        await Ephemeral.Run(options);
        return 0;
    case "read":
        await Reading.Run(options);
        return 0;
    case "expire":
        await Expiring.Run(options);
        return 0;
    case "roles":
        await PrivacyMix.Run(options);
        return 0;
    case "customers":
        await CustomersOverHttp.Run(options);
        return 0;
    case "plain-mix-server":
        await PlainMixServer.Run(options);
        return 0;
    case "roles-steps":
        await PrivacyMix.Steps(options);
        return 0;
    case "enforcement":
        await Enforcement.Run(options);
        return 0;
    case "audit":
        await Auditing.Run(options);
        return 0;
    case "events":
        await TellingEvents.Run(options);
        return 0;
    case "pg-store":
        await PostgresRecordStore.Run(options);
        return 0;
    case "large":
        await LargeObjects.Run(options);
        return 0;
    case "subject":
        await SubjectCost.Run(options);
        return 0;
    case "pg-scale":
        await PostgresScale.Run(options);
        return 0;
    case "nodes":
        await NodesComparison.Run(options);
        return 0;
    case "log-queries":
        await LogQueries.Run(options);
        return 0;
    case "micro":
        BenchmarkDotNet.Running.BenchmarkRunner.Run<Domicile.Bench.Micro.HotPath>();
        return 0;
    case "baseline-server":
        await BaselineServer.Run(options);
        return 0;
    case "load":
        await LoadGenerator.Run(options);
        return 0;
    default:
        Console.Error.WriteLine(
            """
            dotnet run -c Release --project bench -- NAME [--option value ...]

              e2e          Domicile beside a hand-written server of the same rows, over TLS
                           (--rounds 3 --seconds 8 --warm 5 --connections 1,64,256 --program PATH; --audit yes for every message audited, beside none;
                           --store postgres for both on a PostgreSQL of its own)
              nodes        two nodes on one PostgreSQL beside one of them, with hosts kept to nodes and without
                           (--connections 256 --rounds 3 --seconds 6)
              sockets      memory of idle sockets beside a bare Kestrel, and a message to 250 who are connected (--sockets 5000 --messages 200)
              start        start to first answer, memory at rest and over many messages (--starts 5 --messages 1000000)
              ephemeral    from the command of a test-suite to a server that is ready, with its files in memory and without (--starts 10 --cold 5)
              read         pages of a long thread, many threads of one user, sends while a thread is removed (--messages 1000000)
              expire       sends while a million messages reach the age that a rule sets and are deleted (--messages 1000000)
              roles        what controller, customer, processor and regulator do with personal data, beside the same on plain tables, and whether it is right in the end
                           (--roles customer,processor,controller,regulator --workers 1,64 --people 2048 --messages 4 --rounds 3)
              roles-steps  the same steps one by one
              customers    what customers do with data of their own over HTTPS, beside a hand-written server of plain tables, and whether it is right in the end
                           (--workers 1,64 --people 1024 --messages 4 --rounds 3)
              enforcement  what a message costs in seal, membership, authorisation, catalogue and feed
              audit        sends with and without an audit entry each (--producers 1,64,256 --rounds 5 --seconds 4)
              events       events told beside a bare HTTP client that posts as many bytes to the same target over TLS
                           (--rounds 5 --events 100000; --plain yes for plain HTTP)
              pg-store     the record store alone on PostgreSQL beside a group commit by hand, on a cluster of its own
                           (--rounds 2 --seconds 3 --producers 1,16,64,256)
              large        whether sending allocates large objects
              subject      requests about one person in stores of 10,000 to 1,000,000 records of others (--sizes 10000,100000,1000000)
              pg-scale     on PostgreSQL: sends at 10,000 and 1,000,000 stored messages, 100,000 resources, how far behind another node's feed is
                           (--messages 1000000 --resources 100000 --seconds 5)
              log-queries  the query language over rows in memory, beside loops for the one question (--rows 1000000 --rounds 5)
              micro        seal, open, JSON, token, signature, batch, with their allocations
              hold         Domicile under load for a while, for a profiler (--seconds 30 --connections 64)

            Each prints a Markdown table. bench/RESULTS.md keeps the results.
            """);
        return 2;
}
