using Domicile.Tests.Support;

namespace Domicile.Tests.Server;

/// <summary>The data directory of a server that ran once, on free ports, and was stopped. Tests take copies.</summary>
public sealed class StoppedServer : IAsyncLifetime
{
    private readonly TemporaryDirectory _directory = new();

    public async ValueTask InitializeAsync()
    {
        await using var run = await ProgramRun.Serve("--data", _directory["data"], "--port", "0");
        await run.Stop();
    }

    public void CopyTo(string directory) => DirectoryListing.Copy(_directory["data"], directory);

    public ValueTask DisposeAsync()
    {
        _directory.Dispose();
        return ValueTask.CompletedTask;
    }
}
