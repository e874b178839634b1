using System.Text.Json.Serialization;

namespace Domicile.Tests.Server;

internal sealed record Echoed(string Operation, string? Id, string? Query, string Body, string ApiVersion, string Origin);

internal sealed record Unwritable
{
    public int Length { get; init; }

    public string Value => Length > 0 ? "" : throw new InvalidOperationException("secret of the reply");
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(Echoed))]
[JsonSerializable(typeof(Unwritable))]
internal sealed partial class EdgeJson : JsonSerializerContext;
