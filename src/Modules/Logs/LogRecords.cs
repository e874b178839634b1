using System.Text.Json.Serialization;
using Domicile.Residency;

namespace Domicile.Modules.Logs;

/// <summary>Which categories of operation logs a resource keeps. Without one, none.</summary>
[Record("logs.setting", DataCategory.Configuration, Retention.UntilDeleted, Note = "Diagnostic settings: what nobody asked for is not stored.")]
internal sealed record LogSetting
{
    /// <summary>The setting's name.</summary>
    [Key]
    public required string Name { get; init; }

    /// <summary>Categories; empty with <see cref="AllLogs"/>.</summary>
    public required IReadOnlyList<string> Categories { get; init; }

    /// <summary>Whether it is all of them, those of later versions included.</summary>
    public required bool AllLogs { get; init; }

    /// <summary>The row version.</summary>
    [Version]
    public long Version { get; init; }
}

/// <summary>What an entry says of a request in every table of requests.</summary>
internal interface ICallEntry
{
    /// <summary>When the request came.</summary>
    DateTimeOffset At { get; }

    /// <summary>The operation's name in the contract.</summary>
    string Operation { get; }

    /// <summary>HTTP status.</summary>
    int Status { get; }

    /// <summary>How long the answer took.</summary>
    long DurationMs { get; }

    /// <summary>The id that the answer carried.</summary>
    string? CorrelationId { get; }

    /// <summary>The <c>api-version</c>.</summary>
    string? OperationVersion { get; }

    /// <summary>Origin and route template; parts that name somebody are not filled in.</summary>
    string? Uri { get; }

    /// <summary>The client library.</summary>
    string? SdkType { get; }

    /// <summary>What the client library runs on.</summary>
    string? PlatformType { get; }
}

/// <summary>A day of a resource's log of identities and tokens.</summary>
[Record("logs.authDay", DataCategory.OperationLog, Retention.FixedAge, AgeDays = 30, Note = "The entries of a day go with its key, so many days after the day ended.")]
[KeptBetween(4, 730)]
internal sealed record AuthLogDay
{
    /// <summary>The number of the resource, and of the day.</summary>
    [Key]
    public required Ref<AuthLogDay> Day { get; init; }

    /// <summary>The end of the day, in UTC.</summary>
    [Clock]
    public required DateTimeOffset Ends { get; init; }
}

/// <summary>A request about identities or tokens: table ACSAuthIncomingOperations.</summary>
[Record("logs.authOperation", DataCategory.OperationLog, Retention.WithParent, Erasure = ErasureRule.Depersonalise, Note = "Kept only while a diagnostic setting asks for the category. After an erasure the operation, its result and its duration stay.")]
internal sealed record AuthLogEntry : ICallEntry
{
    /// <summary>The day.</summary>
    [Key, Parent<AuthLogDay>]
    public required Ref<AuthLogDay> Day { get; init; }

    /// <summary>The entry.</summary>
    [Key]
    public required Ref<AuthLogEntry> Entry { get; init; }

    /// <summary>The person whom the request was about.</summary>
    [Owner]
    public SubjectRef Person { get; init; }

    /// <summary>When the request came.</summary>
    [Plain("what happened stays countable when its person is erased")]
    public required DateTimeOffset At { get; init; }

    /// <summary>The operation's name in the contract.</summary>
    [Plain("what happened stays countable when its person is erased")]
    public required string Operation { get; init; }

    /// <summary>HTTP status.</summary>
    [Plain("what happened stays countable when its person is erased")]
    public required int Status { get; init; }

    /// <summary>How long the answer took.</summary>
    [Plain("what happened stays countable when its person is erased")]
    public required long DurationMs { get; init; }

    /// <summary>The id that the answer carried.</summary>
    public string? CorrelationId { get; init; }

    /// <summary>The <c>api-version</c>.</summary>
    public string? OperationVersion { get; init; }

    /// <summary>Origin and route template; parts that name somebody are not filled in.</summary>
    public string? Uri { get; init; }

    /// <summary>The client library.</summary>
    public string? SdkType { get; init; }

    /// <summary>What the client library runs on.</summary>
    public string? PlatformType { get; init; }

    /// <summary>The scopes of the issued token.</summary>
    public IReadOnlyList<string>? Scopes { get; init; }

    /// <summary>The client's network address.</summary>
    public string? CallerIpAddress { get; init; }

    /// <summary>When the person was erased.</summary>
    [Erased]
    public DateTimeOffset? ErasedOn { get; init; }
}

/// <summary>A day of a resource's log of chat.</summary>
[Record("logs.chatDay", DataCategory.OperationLog, Retention.FixedAge, AgeDays = 30, Note = "The entries of a day go with its key, so many days after the day ended.")]
[KeptBetween(4, 730)]
internal sealed record ChatLogDay
{
    /// <summary>The number of the resource, and of the day.</summary>
    [Key]
    public required Ref<ChatLogDay> Day { get; init; }

    /// <summary>The end of the day, in UTC.</summary>
    [Clock]
    public required DateTimeOffset Ends { get; init; }
}

/// <summary>A request of chat: table ACSChatIncomingOperations. No message's text.</summary>
[Record("logs.chatOperation", DataCategory.OperationLog, Retention.WithParent, Erasure = ErasureRule.Depersonalise, Note = "Kept only while a diagnostic setting asks for the category. After an erasure the operation, its result and its duration stay.")]
internal sealed record ChatLogEntry : ICallEntry
{
    /// <summary>The day.</summary>
    [Key, Parent<ChatLogDay>]
    public required Ref<ChatLogDay> Day { get; init; }

    /// <summary>The entry.</summary>
    [Key]
    public required Ref<ChatLogEntry> Entry { get; init; }

    /// <summary>The user who called.</summary>
    [Owner]
    public SubjectRef Person { get; init; }

    /// <summary>When the request came.</summary>
    [Plain("what happened stays countable when its person is erased")]
    public required DateTimeOffset At { get; init; }

    /// <summary>The operation's name in the contract.</summary>
    [Plain("what happened stays countable when its person is erased")]
    public required string Operation { get; init; }

    /// <summary>HTTP status.</summary>
    [Plain("what happened stays countable when its person is erased")]
    public required int Status { get; init; }

    /// <summary>How long the answer took.</summary>
    [Plain("what happened stays countable when its person is erased")]
    public required long DurationMs { get; init; }

    /// <summary>The id that the answer carried.</summary>
    public string? CorrelationId { get; init; }

    /// <summary>The <c>api-version</c>.</summary>
    public string? OperationVersion { get; init; }

    /// <summary>Origin and route template; parts that name somebody are not filled in.</summary>
    public string? Uri { get; init; }

    /// <summary>The client library.</summary>
    public string? SdkType { get; init; }

    /// <summary>What the client library runs on.</summary>
    public string? PlatformType { get; init; }

    /// <summary>The thread that the path names.</summary>
    public string? ThreadId { get; init; }

    /// <summary>The message that the path names.</summary>
    public string? MessageId { get; init; }

    /// <summary>The client's network address.</summary>
    public string? CallerIpAddress { get; init; }

    /// <summary>When the person was erased.</summary>
    [Erased]
    public DateTimeOffset? ErasedOn { get; init; }
}

/// <summary>A day of a resource's record of use.</summary>
[Record("logs.usageDay", DataCategory.Usage, Retention.FixedAge, AgeDays = 30, Note = "The entries of a day go with its key, so many days after the day ended.")]
[KeptBetween(4, 730)]
internal sealed record UsageLogDay
{
    /// <summary>The number of the resource, and of the day.</summary>
    [Key]
    public required Ref<UsageLogDay> Day { get; init; }

    /// <summary>The end of the day, in UTC.</summary>
    [Clock]
    public required DateTimeOffset Ends { get; init; }
}

/// <summary>Something that was used: table ACSBillingUsage.</summary>
[Record("logs.usage", DataCategory.Usage, Retention.WithParent, Erasure = ErasureRule.Depersonalise, Note = "Kept only while a diagnostic setting asks for the category. After an erasure what was used stays, without by whom.")]
internal sealed record UsageLogEntry
{
    /// <summary>The day.</summary>
    [Key, Parent<UsageLogDay>]
    public required Ref<UsageLogDay> Day { get; init; }

    /// <summary>The entry.</summary>
    [Key]
    public required Ref<UsageLogEntry> Entry { get; init; }

    /// <summary>The user who used it.</summary>
    [Owner]
    public SubjectRef Person { get; init; }

    /// <summary>When.</summary>
    [Plain("what was used stays countable when its person is erased")]
    public required DateTimeOffset At { get; init; }

    /// <summary>The operation's name in the contract.</summary>
    [Plain("what was used stays countable when its person is erased")]
    public required string Operation { get; init; }

    /// <summary>How much.</summary>
    [Plain("what was used stays countable when its person is erased")]
    public required long Quantity { get; init; }

    /// <summary>The id that the answer carried.</summary>
    public string? CorrelationId { get; init; }

    /// <summary>The <c>api-version</c>.</summary>
    public string? OperationVersion { get; init; }

    /// <summary>When the person was erased.</summary>
    [Erased]
    public DateTimeOffset? ErasedOn { get; init; }
}

[JsonSerializable(typeof(LogSetting))]
[JsonSerializable(typeof(AuthLogDay))]
[JsonSerializable(typeof(AuthLogEntry))]
[JsonSerializable(typeof(ChatLogDay))]
[JsonSerializable(typeof(ChatLogEntry))]
[JsonSerializable(typeof(UsageLogDay))]
[JsonSerializable(typeof(UsageLogEntry))]
internal sealed partial class LogRecords : JsonSerializerContext;
