using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Server;
using Domicile.Storage;
using Domicile.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;

namespace Domicile.Tests.Modules;

/// <summary>A resource with the product's own catalogue on a real store, and a clock that the test turns.</summary>
internal sealed class ModuleHome : IAsyncDisposable
{
    public static readonly byte[] Key = [.. Enumerable.Repeat((byte)7, AccessKey.Bytes)];
    private readonly TemporaryDirectory _directory = new();

    private ModuleHome()
    {
    }

    public ManualClock Clock { get; } = new();

    public ScaleUnit Unit { get; private set; } = null!;

    public Home Home { get; private set; } = null!;

    public ServedResource Served => new(Home, [Key, Key]);

    public static async Task<ModuleHome> Open(string geography = "Europe")
    {
        var opened = new ModuleHome();
        var cancel = TestContext.Current.CancellationToken;
        opened.Unit = await ScaleUnit.Open(
            new ScaleUnitOptions(Geography.Parse(geography), opened._directory["unit"]), ProductModules.Catalogue(), opened.Clock, NullLogger.Instance, cancel);
        opened.Home = await opened.Unit.Own.Administration!.Add(Guid.NewGuid(), cancel);
        return opened;
    }

    public async ValueTask DisposeAsync()
    {
        await Unit.DisposeAsync();
        _directory.Dispose();
    }
}
