using System.Collections.Frozen;
using System.Globalization;
using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Administration;

/// <summary>The resources of the geographies that this node serves: by host for the pipeline, by name for administrators.</summary>
internal sealed class ResourceDirectory : IResourceDirectory, IResourceHomes
{
    private readonly BoundedCache<string, ServedResource> _byAuthority = new(16_384);
    private readonly BoundedCache<int, ServedResource> _byPort = new(4_096);
    private FrozenDictionary<Geography, Home> _homes = FrozenDictionary<Geography, Home>.Empty;

    /// <summary>Takes the homes of the geographies' own records.</summary>
    public void Prepare(IEnumerable<Home> geographies)
    {
        _homes = geographies.ToFrozenDictionary(home => home.Geography);
        foreach (var home in _homes.Values)
        {
            home.Store.Feed.Observe(
                entries =>
                {
                    // Rare, so everything is dropped: the next request of each resource reads it again.
                    if (entries.Any(entry => entry.Kind.ClrType == typeof(CommunicationResource)))
                    {
                        Forget();
                    }
                },
                Forget);
        }
    }

    /// <inheritdoc/>
    public Home Of(Geography geography) => _homes[geography];

    /// <inheritdoc/>
    public async ValueTask<Home?> Find(Geography geography, string nameOrId, CancellationToken cancel) =>
        await FindResource(geography, nameOrId, cancel) is { } resource ? await Of(geography).Administration!.Find(resource.Id, cancel) : null;

    /// <summary>A resource by name or id.</summary>
    public async ValueTask<CommunicationResource?> FindResource(Geography geography, string nameOrId, CancellationToken cancel)
    {
        var store = Of(geography).Store;
        return Guid.TryParse(nameOrId, out var id)
            ? await store.Get<CommunicationResource>([id], cancel)
            : await store.Lookup<CommunicationResource>(nameof(CommunicationResource.Name), ColumnValue.Of(nameOrId), 1, cancel) is [var named] ? named : null;
    }

    /// <inheritdoc/>
    public ValueTask<ServedResource?> FindByHost(string host, CancellationToken cancel) =>
        _byAuthority.TryGet(host, out var known) && IsCurrent(known) ? new(known) : Read(host, (_byAuthority, host), cancel);

    /// <inheritdoc/>
    public ValueTask<ServedResource?> FindByPort(int port, CancellationToken cancel) =>
        _byPort.TryGet(port, out var known) && IsCurrent(known) ? new(known) : Read(string.Create(CultureInfo.InvariantCulture, $"localhost:{port}"), (_byPort, port), cancel);

    /// <inheritdoc/>
    public ValueTask<ServedResource?> FindAgain(ServedResource known, CancellationToken cancel) =>
        _byAuthority.TryGet(known.Authority, out var found) && IsCurrent(found) ? new(found) : Read(known.Authority, (_byAuthority, known.Authority), cancel);

    private bool IsCurrent(ServedResource known) => Of(known.Home.Geography).Store.Feed.IsCurrent;

    private void Forget()
    {
        _byAuthority.Clear();
        _byPort.Clear();
    }

    private async ValueTask<ServedResource?> Read<TKey>(string authority, (BoundedCache<TKey, ServedResource> Cache, TKey Key) remember, CancellationToken cancel)
        where TKey : notnull
    {
        var version = remember.Cache.Version;
        foreach (var geography in _homes.Values)
        {
            if (await geography.Store.Lookup<CommunicationResource>(nameof(CommunicationResource.Authority), ColumnValue.Of(authority), 1, cancel) is [var resource]
                && await geography.Administration!.Find(resource.Id, cancel) is { } home)
            {
                var served = new ServedResource(home, [resource.PrimaryKey, resource.SecondaryKey]) { Authority = authority, Settings = resource.Settings ?? new ResourceSettings() };
                remember.Cache.AddUnlessDropped(remember.Key, served, version);
                return served;
            }
        }

        return null;
    }
}
