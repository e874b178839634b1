using Domicile.Modules.Events;
using Domicile.Storage;

namespace Domicile.Tests.Modules.Realtime;

/// <summary>A subscription that nobody is called for.</summary>
internal static class DepartureSubscription
{
    /// <summary>Adds one for events of a type.</summary>
    public static async Task Add(Home home, string type)
    {
        var subscription = new EventSubscription
        {
            Key = home.References.Next<EventSubscription>(),
            Name = $"s{type.Length}",
            CreatedOn = DateTimeOffset.UnixEpoch,
            Target = "https://localhost/",
            Types = [type],
            Schema = EventSchema.EventGrid,
            Headers = [],
            AttemptsMax = 3,
            LifeMinutes = 60,
            KeepsDeadLetters = false,
            State = SubscriptionState.Active,
            Topic = "/topic",
            Origin = "localhost",
        };
        Assert.Null((await home.Store.Commit(b => b.Insert(subscription), TestContext.Current.CancellationToken)).Refused);
    }
}
