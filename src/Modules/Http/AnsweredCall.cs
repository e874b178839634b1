using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Http;

/// <summary>A request of a resource that was answered, as the operation logs may keep it: no body, no query, no credential.</summary>
public sealed record AnsweredCall
{
    /// <summary>The operation; its template stands for the path.</summary>
    public required Operation Operation { get; init; }

    /// <summary>The resource's home.</summary>
    public required Home Home { get; init; }

    /// <summary>Scheme, host and port that the request came to.</summary>
    public required string Origin { get; init; }

    /// <summary>HTTP status of the answer; 499 when the client went away before it.</summary>
    public required int Status { get; init; }

    /// <summary>How long the answer took.</summary>
    public required TimeSpan Took { get; init; }

    /// <summary>When the request came.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>The id that the answer carried.</summary>
    public required string RequestId { get; init; }

    /// <summary>The <c>api-version</c>; empty when none was understood.</summary>
    public string ApiVersion { get; init; } = "";

    /// <summary>The user who called, or the person whom the application's call was about; nobody when neither was proved.</summary>
    public SubjectRef Person { get; init; }

    /// <summary>The scopes of a token that was issued.</summary>
    public IReadOnlyList<string> Scopes { get; init; } = [];

    /// <summary>The thread that the path names.</summary>
    public string? Thread { get; init; }

    /// <summary>The message that the path names.</summary>
    public string? Message { get; init; }

    /// <summary>The client's network address. Personal data: sealed or not at all.</summary>
    public string? Address { get; init; }

    /// <summary>What the client says of itself (<c>x-ms-useragent</c>, else <c>User-Agent</c>), up to <see cref="ClientMax"/> characters.</summary>
    public string? Client { get; init; }

    /// <summary>Into which tables it was written, a bit for each: so that a batch that was cut off goes on where it was.</summary>
    public ulong WrittenTo { get; set; }

    /// <summary>Characters of <see cref="Client"/>.</summary>
    public const int ClientMax = 256;
}

/// <summary>Hears of every request of a resource that was answered.</summary>
public interface IAnsweredCalls
{
    /// <summary>Counts one. Quick, and never throws: every request passes.</summary>
    /// <returns>Whether somebody may want to know more of it; then <see cref="Take"/> follows.</returns>
    bool Hear(Operation operation, ServedResource resource, int status);

    /// <summary>Counts one of an administration origin whose path names a resource.</summary>
    void Hear(Operation operation, Geography geography, string nameOrId, int status);

    /// <summary>Takes one, to be written down later or, where there is no room, dropped and counted. Quick, and never throws.</summary>
    void Take(AnsweredCall call);
}
