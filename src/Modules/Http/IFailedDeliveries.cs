using Domicile.Storage;

namespace Domicile.Modules.Http;

/// <summary>Hears of what was to be delivered to a customer's system or to a person, and was given up.</summary>
public interface IFailedDeliveries
{
    /// <summary>Deliveries of a resource were given up. Quick, and never throws.</summary>
    void Count(Home home, int deliveries);
}
