using Domicile.Bench;
using Domicile.Bench.EndToEnd;

var options = new Options(args);
switch (options.Name)
{
    case "e2e":
        await EndToEndComparison.Run(options);
        return 0;
    case "hold":
        await EndToEndComparison.Hold(options);
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
                           (--rounds 3 --seconds 8 --connections 1,64,256 --program PATH)
              hold         Domicile under load for a while, for a profiler (--seconds 30 --connections 64)

            Each prints a Markdown table. bench/RESULTS.md keeps the results.
            """);
        return 2;
}
