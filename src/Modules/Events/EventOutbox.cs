using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Events;

/// <summary>
/// How a module tells the subscriptions of a resource that something happened: in the batch that does it, so that neither is there without the other. From the batch's durable end
/// on it is told at least once, to every subscription that wants it; where there is none it is forgotten.
/// </summary>
public static partial class EventOutbox
{
    /// <summary>Tells.</summary>
    /// <param name="batch">The batch, of the resource's own store.</param>
    /// <param name="home">The resource.</param>
    /// <param name="told">What is told.</param>
    /// <exception cref="ArgumentException">The type is no type's name, or the data no JSON object of at most 64 KiB: both are the module's own, so that is a fault of the program.</exception>
    public static Batch Publish(this Batch batch, Home home, PublishedEvent told)
    {
        if (!TypeName().IsMatch(told.Type))
        {
            throw new ArgumentException($"'{told.Type}' is no type of event.", nameof(told));
        }

        if (told.Subject.Length > EventLimits.FilterMax || Encoding.UTF8.GetByteCount(told.Data) > EventLimits.DataMax || !IsObject(told.Data))
        {
            throw new ArgumentException($"The subject of {told.Type} is too long, or its data no JSON object of at most {EventLimits.DataMax} bytes.", nameof(told));
        }

        var key = home.References.Next<EventNotice>();
        return batch.Insert(new EventNotice
        {
            Key = key,
            Person = told.Person,
            At = told.At,
            Lane = told.InOrderWith is { } with ? LaneOf(with) : key.Value,
            Content = new EventContent { At = told.At, Id = RandomPieces.Uuid(), Parts = [new EventPart(told.Type, SubjectRef.None, SubjectRef.None)], Subject = told.Subject, Data = told.Data },
        });
    }

    /// <summary>Whether any subscription of a resource wants events of a type: for what happens often, and is written down for nothing else.</summary>
    public static async ValueTask<bool> IsWanted(Home home, string type, CancellationToken cancel)
    {
        ColumnValue? after = null;
        while (await home.Store.Range<EventSubscription>().After(after).Open(cancel) is { Count: > 0 } subscriptions)
        {
            if (subscriptions.Exists(subscription => EventFilter.Wants(subscription, type)))
            {
                return true;
            }

            after = subscriptions[^1].Key;
        }

        return false;
    }

    private static long LaneOf(string with) => BitConverter.ToInt64(SHA256.HashData(Encoding.UTF8.GetBytes(with))) & long.MaxValue;

    private static bool IsObject(string data)
    {
        try
        {
            using var read = JsonDocument.Parse(data);
            return read.RootElement.ValueKind == JsonValueKind.Object;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    [GeneratedRegex(@"\A[A-Za-z][A-Za-z0-9.]{0,127}\z")]
    private static partial Regex TypeName();
}

/// <summary>Something that a module tells a resource's subscriptions.</summary>
/// <param name="Type">The type, one that the module declares as an <see cref="Http.EventType"/>.</param>
/// <param name="Subject">What it is about, in ids: readable to whoever routes events, so no name, number or address. At most 1,024 characters.</param>
/// <param name="Data">A JSON object, at most 64 KiB.</param>
/// <param name="At">When it happened.</param>
public sealed record PublishedEvent(string Type, string Subject, string Data, DateTimeOffset At)
{
    /// <summary>Whom it is about: it is sealed under their key, and is not told once they are erased. Nobody for what is about nobody; then the data may name nobody.</summary>
    public SubjectRef Person { get; init; }

    /// <summary>Events with the same text here are told in the order in which their batches were committed. Without one there is no order.</summary>
    public string? InOrderWith { get; init; }
}
