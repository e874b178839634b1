using System.Text.Json.Serialization;

namespace Domicile.Cli.Doctor;

/// <summary>How a check ended.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Verdict>))]
internal enum Verdict
{
    /// <summary>As it should be, or not this platform's business.</summary>
    [JsonStringEnumMemberName("ok")]
    Ok,

    /// <summary>It works, and a promise is weaker than it could be.</summary>
    [JsonStringEnumMemberName("warning")]
    Warning,

    /// <summary>It will not work, or a promise does not hold.</summary>
    [JsonStringEnumMemberName("failed")]
    Failed,
}

/// <summary>What one check found.</summary>
/// <param name="Name">What was looked at: a word or two.</param>
/// <param name="Result">How it ended.</param>
/// <param name="Says">What was found: one sentence, no secrets.</param>
/// <param name="Action">What to do about it: one sentence; none when all is well.</param>
internal sealed record Finding(string Name, Verdict Result, string Says, string? Action = null)
{
    /// <summary>All is well.</summary>
    public static Finding Ok(string name, string says) => new(name, Verdict.Ok, says);

    /// <summary>Could be better.</summary>
    public static Finding Warning(string name, string says, string action) => new(name, Verdict.Warning, says, action);

    /// <summary>Is broken.</summary>
    public static Finding Failed(string name, string says, string action) => new(name, Verdict.Failed, says, action);
}
