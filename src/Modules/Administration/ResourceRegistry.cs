using System.Security.Cryptography;
using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Administration;

/// <summary>Makes and removes resources.</summary>
public sealed class ResourceRegistry(IResourceOrigins origins, TimeProvider clock)
{
    /// <summary>The endpoint of a resource, as it stands in a connection string.</summary>
    public static string EndpointOf(CommunicationResource resource) => $"https://{resource.Authority}/";

    /// <summary>A connection string, exactly as the clients parse it: nothing may follow the key.</summary>
    public static string ConnectionStringOf(CommunicationResource resource, byte[] key) => $"endpoint={EndpointOf(resource)};accesskey={Convert.ToBase64String(key)}";

    /// <summary>
    /// Makes a resource. Data's way: request → administration.resource among the geography's own records, sealed under the geography's own key → until it is
    /// deleted; its own key is made before it.
    /// </summary>
    public async ValueTask<(CommunicationResource? Resource, Problem? Refused)> Create(Home geography, string name, AuditNote note, Guid id, CancellationToken cancel)
    {
        if (await geography.Store.Get<CommunicationResource>([id], cancel) is not null
            || await geography.Store.Lookup<CommunicationResource>(nameof(CommunicationResource.Name), ColumnValue.Of(name), 1, cancel) is [_])
        {
            return (null, AdministrationProblems.ResourceExists);
        }

        if (await geography.Administration!.Find(id, cancel) is not null)
        {
            return (null, AdministrationProblems.BeingRemoved);
        }

        var (authority, problem) = origins.Assign(geography.Geography, name);
        if (authority is null)
        {
            return (null, problem);
        }

        await geography.Administration.Add(id, cancel);
        var resource = new CommunicationResource
        {
            Id = id,
            Name = name,
            Authority = authority,
            CreatedOn = clock.GetUtcNow(),
            PrimaryKey = RandomNumberGenerator.GetBytes(AccessKey.Bytes),
            SecondaryKey = RandomNumberGenerator.GetBytes(AccessKey.Bytes),
        };
        var outcome = await geography.Store.Commit(b => b.Insert(resource, AdministrationProblems.ResourceExists).Audit(note), cancel);
        if (outcome.Refused is { } refused)
        {
            origins.Close(authority);
            return (null, refused);
        }

        return (resource with { Version = 1 }, null);
    }

    /// <summary>
    /// Removes a resource and everything in it. The audit log is told before anything is destroyed; then its keys go first; after a crash in between, deleting it again finishes.
    /// </summary>
    /// <returns>Why it was refused, or null.</returns>
    public async ValueTask<Problem?> Delete(Home geography, CommunicationResource resource, AuditNote note, CancellationToken cancel)
    {
        if (await geography.Administration!.Find(resource.Id, cancel) is { } asked && await geography.Administration.FindHold(asked, cancel) is { } hold)
        {
            return StorageProblems.Held(hold);
        }

        var begun = await geography.Store.Commit(b => b.Require<CommunicationResource>([resource.Id], AdministrationProblems.NoResource).Audit(note), cancel);
        if (begun.Refused is not null)
        {
            return begun.Refused;
        }

        if (await geography.Administration.Find(resource.Id, cancel) is { } home && await geography.Administration.Remove(home, cancel) is { } held)
        {
            return held;
        }

        var outcome = await geography.Store.Commit(b => b.Delete<CommunicationResource>([resource.Id]), CancellationToken.None);
        if (outcome.Refused is null)
        {
            origins.Close(resource.Authority);
        }

        return outcome.Refused;
    }

    /// <summary>
    /// Removes everything in a resource and keeps the resource: its origin and keys stay. The audit log is told before anything is destroyed.
    /// </summary>
    /// <returns>Why it was refused, or null.</returns>
    public static async ValueTask<Problem?> Empty(Home geography, CommunicationResource resource, AuditNote note, CancellationToken cancel)
    {
        var begun = await geography.Store.Commit(b => b.Require<CommunicationResource>([resource.Id], AdministrationProblems.NoResource).Audit(note), cancel);
        if (begun.Refused is not null)
        {
            return begun.Refused;
        }

        var administration = geography.Administration!;
        if (await administration.Find(resource.Id, cancel) is { } home && await administration.Remove(home, cancel) is { } held)
        {
            return held;
        }

        await administration.RemoveDue(cancel);
        await administration.Add(resource.Id, CancellationToken.None);

        // Written again, so that every node lets go of the home that it knew.
        return (await geography.Store.Commit(b => b.Put(resource with { Settings = null }, AdministrationProblems.NoResource), CancellationToken.None)).Refused;
    }

    /// <summary>Writes down that a resource's origin is another one from now on.</summary>
    public static async ValueTask<CommunicationResource> Move(Home geography, CommunicationResource resource, string authority, CancellationToken cancel)
    {
        var moved = resource with { Authority = authority };
        var outcome = await geography.Store.Commit(b => b.Put(moved), cancel);
        return outcome.Refused is null ? moved with { Version = resource.Version + 1 } : throw new InvalidOperationException(outcome.Refused.Title);
    }

    /// <summary>Every resource of a geography, in the order of their ids.</summary>
    public static async IAsyncEnumerable<CommunicationResource> All(Home geography, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel)
    {
        ColumnValue? after = null;
        while (await geography.Store.Range<CommunicationResource>().After(after).Take(1_000).Open(cancel) is { Count: > 0 } page)
        {
            foreach (var resource in page)
            {
                yield return resource;
            }

            after = page[^1].Id;
        }
    }
}
