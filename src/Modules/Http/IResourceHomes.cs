using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Http;

/// <summary>Finds homes for the operations of an administration origin.</summary>
public interface IResourceHomes
{
    /// <summary>The home of a geography's own records.</summary>
    Home Of(Geography geography);

    /// <summary>The home of a resource, by name or id; null when the geography has none such.</summary>
    ValueTask<Home?> Find(Geography geography, string nameOrId, CancellationToken cancel);
}
