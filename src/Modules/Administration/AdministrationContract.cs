using System.Text.Json.Serialization;
using Domicile.Modules.Http;
using Domicile.Residency;

namespace Domicile.Modules.Administration;

/// <summary>POST /tokens.</summary>
internal sealed record MintTokenRequest(string? Role, int? ExpiresInMinutes);

/// <summary>A minted administrator token.</summary>
internal sealed record MintedTokenReply(string Token, string Role, DateTimeOffset ExpiresOn);

/// <summary>POST /resources.</summary>
internal sealed record CreateResourceRequest(string? Name, string? Id);

/// <summary>A resource.</summary>
internal sealed record ResourceReply(Guid Id, string Name, string Geography, string Endpoint, DateTimeOffset CreatedOn);

/// <summary>A page of resources.</summary>
internal sealed record ResourceList(IReadOnlyList<ResourceReply> Value, string? NextLink);

/// <summary>The access keys of a resource.</summary>
internal sealed record KeysReply(string PrimaryKey, string SecondaryKey, string PrimaryConnectionString, string SecondaryConnectionString);

/// <summary>POST /resources/{nameOrId}/keys:regenerate.</summary>
internal sealed record RegenerateKeyRequest(string? KeyType);

/// <summary>GET and PATCH /resources/{nameOrId}/settings; in a PATCH, what is absent stays.</summary>
internal sealed record SettingsModel(
    [property: JsonConverter(typeof(RateProfileName))] RateProfile? RateProfile, int? ReceiptsInThreadsUpTo, int? TypingInThreadsUpTo, bool? AuditMessages, int? IdleThreadsDeletedAfterDays);

/// <summary>A profile by its name only: a number would be taken for whichever profile comes there one day.</summary>
internal sealed class RateProfileName() : JsonStringEnumConverter<RateProfile>(namingPolicy: null, allowIntegerValues: false);

/// <summary>GET /geography.</summary>
internal sealed record GeographyReply(string Name, string Mode, int Resources, bool MoreResources, string Sqlite, long SealsBroken, string Version);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    AllowDuplicateProperties = false,
    MaxDepth = 32,
    UseStringEnumConverter = true,
    Converters = [typeof(WireTime)])]
[JsonSerializable(typeof(MintTokenRequest))]
[JsonSerializable(typeof(MintedTokenReply))]
[JsonSerializable(typeof(CreateResourceRequest))]
[JsonSerializable(typeof(ResourceReply))]
[JsonSerializable(typeof(ResourceList))]
[JsonSerializable(typeof(KeysReply))]
[JsonSerializable(typeof(RegenerateKeyRequest))]
[JsonSerializable(typeof(SettingsModel))]
[JsonSerializable(typeof(GeographyReply))]
[JsonSerializable(typeof(DataInventory))]
internal sealed partial class AdministrationJson : JsonSerializerContext;
