namespace Domicile.Modules.Http;

/// <summary>
/// A type of event that a customer's systems can subscribe to. The module that causes it declares it by adding it to the services, and tells of each that happens with
/// <c>Batch.Publish</c> of the Events module.
/// </summary>
/// <param name="Name">The type as it stands in an event, such as <c>Microsoft.Communication.ChatMessageReceived</c>.</param>
/// <param name="Meaning">When it is told, in a sentence.</param>
public sealed record EventType(string Name, string Meaning)
{
    /// <summary>Whether the customer is told only while it happens, once and without a second try, because it is nowhere at rest.</summary>
    public bool IsPassing { get; init; }
}
