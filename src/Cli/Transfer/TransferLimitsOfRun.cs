namespace Domicile.Cli.Transfer;

/// <summary>How much a run does and holds at once.</summary>
/// <param name="AtOnce">Threads that are read and written at the same time, 1–32.</param>
/// <param name="MessagesInThread">Messages of one thread at most: they are held in memory until they are written.</param>
internal sealed record TransferLimitsOfRun(int AtOnce = 4, int MessagesInThread = 250_000);
