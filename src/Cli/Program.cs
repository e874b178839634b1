using Domicile.Cli;

return await CommandLine.Run(args, Terminal.OfThisProcess(), CancellationToken.None);
