using System.Text.Json.Serialization.Metadata;

namespace Domicile.Tests.Residency;

internal static class Plants
{
    /// <summary>Any serializer does where nothing is read or written.</summary>
    public static IJsonTypeInfoResolver Json { get; } = new DefaultJsonTypeInfoResolver();
}
