using System.Text.Json.Serialization;
using Domicile.Modules.Http;
using Domicile.Residency;

namespace Domicile.Modules.Administration;

/// <summary>A customer's resource: one origin, two access keys, an immutable geography. One of the geography's own records.</summary>
[Record("administration.resource", DataCategory.Configuration, Retention.UntilDeleted)]
[Index("a resource by its name", nameof(Name), Unique = true)]
[Index("the resource of a request", nameof(Authority), Unique = true)]
public sealed record CommunicationResource
{
    /// <summary>The id; user ids contain it.</summary>
    [Key]
    public required Guid Id { get; init; }

    /// <summary>The name, as the operator chose it.</summary>
    [Plain("administrators name it")]
    public required string Name { get; init; }

    /// <summary>Host, with the port unless it is 443.</summary>
    [Plain("requests are routed by it")]
    public required string Authority { get; init; }

    /// <summary>When it was created.</summary>
    [Plain("shown in lists")]
    public required DateTimeOffset CreatedOn { get; init; }

    /// <summary>The row version.</summary>
    [Version]
    public long Version { get; init; }

    /// <summary>The first access key.</summary>
    public required byte[] PrimaryKey { get; init; }

    /// <summary>The second access key.</summary>
    public required byte[] SecondaryKey { get; init; }

    /// <summary>What the customer chose; null for the defaults.</summary>
    public ResourceSettings? Settings { get; init; }
}

[JsonSerializable(typeof(CommunicationResource))]
internal sealed partial class AdministrationRecords : JsonSerializerContext;
