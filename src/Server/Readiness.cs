namespace Domicile.Server;

/// <summary>Whether the node takes requests. It turns false the moment that the server is told to stop, while requests under way still end.</summary>
public sealed class Readiness
{
    private volatile bool _isReady;

    /// <summary>Whether the node takes requests.</summary>
    public bool IsReady => _isReady;

    internal void Set(bool isReady) => _isReady = isReady;
}
