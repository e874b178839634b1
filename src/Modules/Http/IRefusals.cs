using Domicile.Residency;

namespace Domicile.Modules.Http;

/// <summary>Hears of every request that was refused with 401 or 403.</summary>
public interface IRefusals
{
    /// <summary>A request was refused. Must be quick and must not throw: strangers call it as often as they like.</summary>
    /// <param name="geography">Where.</param>
    /// <param name="resource">The resource that it was for; null on an administration origin.</param>
    /// <param name="problem">Why.</param>
    void Count(Geography geography, Guid? resource, Problem problem);
}
