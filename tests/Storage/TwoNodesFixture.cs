using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Tests.Storage;

/// <summary>The same store with a second node on it, which is opened and closed with the first.</summary>
public sealed class TwoNodesFixture : PostgresFixture
{
    private ScaleUnit? _other;
    private Home? _there;

    public override IReadOnlyList<ScaleUnit> Nodes => [Unit, _other!];

    public override IReadOnlyList<Home> Homes => [Home, _there!];

    public override async Task Open(Catalogue? catalogue = null)
    {
        await base.Open(catalogue);
        _other = await OpenAnother(catalogue ?? TestJson.Catalogue());
        _there = await _other.Administration.Find(Home.ResourceId, TestContext.Current.CancellationToken);
    }

    public override async Task Close()
    {
        // At once, so that either may be the last to write.
        var closing = base.Close();
        if (_other is { } other)
        {
            _other = null;
            await other.DisposeAsync();
        }

        await closing;
    }
}
