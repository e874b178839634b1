namespace Domicile.Modules.Realtime;

/// <summary>An event on its way to one endpoint.</summary>
/// <param name="Text">The event.</param>
/// <param name="Position">Where in the feed it was told; 0 for what was told beside it.</param>
internal readonly record struct Outgoing(EventText Text, long Position);
