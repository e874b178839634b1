using System.Text.Json;
using Domicile.Modules.Http;
using Domicile.Tests.Conversations;

namespace Domicile.Tests.Hardness;

/// <summary>The two shapes of a refusal.</summary>
internal static class Shape
{
    /// <summary>What is wrong with the shape of a refusal; null when nothing is.</summary>
    public static string? FaultOf(Answer answer, ErrorShape shape)
    {
        try
        {
            return shape == ErrorShape.Acs ? FaultOfAcs(answer) : FaultOfProblem(answer);
        }
        catch (Exception unreadable) when (unreadable is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return "its body is not what a refusal has";
        }
    }

    private static string? FaultOfAcs(Answer answer)
    {
        if (answer.Header("Content-Type")?.StartsWith("application/json", StringComparison.Ordinal) != true)
        {
            return "its content type is not application/json";
        }

        var error = answer.Json.GetProperty("error");
        return string.IsNullOrWhiteSpace(error.GetProperty("message").GetString()) ? "it has no message"
            : error.GetProperty("code").GetString() is not { Length: > 0 } code ? "it has no code"
            : code != answer.Header("x-ms-error-code") ? "x-ms-error-code is another one"
            : null;
    }

    private static string? FaultOfProblem(Answer answer)
    {
        if (answer.Header("Content-Type")?.StartsWith("application/problem+json", StringComparison.Ordinal) != true)
        {
            return "its content type is not application/problem+json";
        }

        var problem = answer.Json;
        return problem.GetProperty("status").GetInt32() != answer.Status ? "its status is another one"
            : !problem.GetProperty("type").GetString()!.StartsWith('/') ? "its type is no path"
            : string.IsNullOrWhiteSpace(problem.GetProperty("title").GetString()) ? "it has no title"
            : null;
    }
}
