using Domicile.Modules.Http;
using Domicile.Residency;

namespace Domicile.Server;

/// <summary>Where a request is for.</summary>
/// <param name="Geography">The geography of the origin that it came to; null when no origin of this node is meant.</param>
/// <param name="Resource">The resource; null on an administration origin.</param>
internal readonly record struct Place(Geography? Geography, ServedResource? Resource);
