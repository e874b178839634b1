using System.Text.Json;

namespace Domicile.Tests.Conversations;

/// <summary>What came back, read whole.</summary>
internal sealed record Answer(int Status, string Body, IReadOnlyDictionary<string, string> Headers)
{
    /// <summary>The body as it came.</summary>
    public byte[] Bytes { get; init; } = [];

    public JsonElement Json => JsonElement.Parse(Body);

    public string? Header(string name) => Headers.GetValueOrDefault(name);

    /// <summary>The answer has this status.</summary>
    public Answer Is(int status)
    {
        Assert.True(Status == status, $"Expected {status}, got {Status}: {Body}");
        return this;
    }

    /// <summary>The answer is an error of this status in the shape that the clients read, with the same code in the header.</summary>
    public Answer IsError(params int[] statuses)
    {
        Assert.True(statuses.Contains(Status), $"Expected {string.Join(" or ", statuses)}, got {Status}: {Body}");
        Assert.StartsWith("application/json", Header("Content-Type"), StringComparison.Ordinal);
        var error = Json.GetProperty("error");
        var code = error.GetProperty("code").GetString();
        Assert.Matches("^[A-Za-z0-9]+$", code);
        Assert.False(string.IsNullOrWhiteSpace(error.GetProperty("message").GetString()));
        Assert.Equal(code, Header("x-ms-error-code"));
        return this;
    }
}
