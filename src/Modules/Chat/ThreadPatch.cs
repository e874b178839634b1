using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Domicile.Modules.Http;
using Domicile.Residency;

namespace Domicile.Modules.Chat;

/// <summary>A merge-patch of a thread (RFC 7396): what is absent stays, what is null goes.</summary>
internal sealed record ThreadPatch
{
    /// <summary>The new topic; null when it stays.</summary>
    public string? Topic { get; private init; }

    private bool ClearsMetadata { get; init; }

    private IReadOnlyDictionary<string, string?>? Metadata { get; init; }

    private bool SetsRetention { get; init; }

    private int? DeleteAfterDays { get; init; }

    public static bool TryRead(Call call, [NotNullWhen(true)] out ThreadPatch? patch, [NotNullWhen(false)] out Problem? problem)
    {
        patch = null;
        if (!call.TryRead(ChatJson.Default.PatchBody, out var body, out problem))
        {
            return false;
        }

        try
        {
            problem = Read(call.ApiVersion, body, out patch);
        }
        catch (InvalidOperationException)
        {
            // An element's text is only made when it is asked for; the serializer tells a JsonException from this, an element does not.
            problem = HttpProblems.HalfCharacter;
        }

        return problem is null;
    }

    public ChatThread Apply(ChatThread thread) => thread with
    {
        Topic = Topic ?? thread.Topic,
        Metadata = ClearsMetadata ? null : Merge(thread.Metadata, Metadata),
        DeleteAfterDays = SetsRetention ? DeleteAfterDays : thread.DeleteAfterDays,
        DeleteOn = !SetsRetention ? thread.DeleteOn : DeleteAfterDays is { } days ? thread.CreatedOn.AddDays(days) : null,
    };

    /// <summary>Puts pairs into others; a null value takes its name out.</summary>
    public static IReadOnlyDictionary<string, string>? Merge(IReadOnlyDictionary<string, string>? known, IReadOnlyDictionary<string, string?>? changes)
    {
        if (changes is null)
        {
            return known;
        }

        var merged = new Dictionary<string, string>(known ?? new Dictionary<string, string>(), StringComparer.Ordinal);
        foreach (var (name, value) in changes)
        {
            if (value is null)
            {
                merged.Remove(name);
            }
            else
            {
                merged[name] = value;
            }
        }

        return merged.Count == 0 ? null : merged;
    }

    private static Problem? Read(string version, PatchBody body, out ThreadPatch patch)
    {
        patch = new ThreadPatch();
        var extras = ChatVersions.HasThreadMetadata(version);
        if (body.Topic is { ValueKind: not JsonValueKind.Undefined } topic)
        {
            if (topic.ValueKind != JsonValueKind.String || topic.GetString() is not { Length: > 0 and <= ChatLimits.TopicCharacters } text)
            {
                return ChatProblems.NoTopic;
            }

            patch = patch with { Topic = text };
        }

        if (extras && body.Metadata is { ValueKind: not JsonValueKind.Undefined } metadata)
        {
            if (metadata.ValueKind == JsonValueKind.Null)
            {
                patch = patch with { ClearsMetadata = true };
            }
            else if (metadata.ValueKind != JsonValueKind.Object || metadata.EnumerateObject().Any(pair => pair.Value.ValueKind is not (JsonValueKind.String or JsonValueKind.Null)))
            {
                return ChatProblems.BadMetadata;
            }
            else
            {
                patch = patch with { Metadata = metadata.EnumerateObject().ToDictionary(pair => pair.Name, pair => pair.Value.GetString(), StringComparer.Ordinal) };
            }
        }

        if (extras && body.RetentionPolicy is { ValueKind: not JsonValueKind.Undefined } retention)
        {
            int? days = null;
            if (retention.ValueKind != JsonValueKind.Null)
            {
                if (RetentionOf(retention) is not { } policy || !ChatLimits.IsValid(policy))
                {
                    return ChatProblems.BadRetention;
                }

                days = policy.Kind == "none" ? null : policy.DeleteThreadAfterDays;
            }

            patch = patch with { SetsRetention = true, DeleteAfterDays = days };
        }

        return patch is { Topic: null, ClearsMetadata: false, Metadata: null, SetsRetention: false } ? ChatProblems.NothingToChange : null;
    }

    private static RetentionPolicyModel? RetentionOf(JsonElement element) =>
        element.ValueKind == JsonValueKind.Object
            ? new RetentionPolicyModel(
                element.TryGetProperty("kind", out var kind) && kind.ValueKind == JsonValueKind.String ? kind.GetString() : null,
                element.TryGetProperty("deleteThreadAfterDays", out var days) && days.ValueKind == JsonValueKind.Number && days.TryGetInt32(out var count) ? count : null)
            : null;
}

/// <summary>PATCH /chat/threads/{id}: an absent member is undefined, which the JSON null is not.</summary>
internal sealed record PatchBody(JsonElement Topic, JsonElement Metadata, JsonElement RetentionPolicy);
