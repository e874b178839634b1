using System.Globalization;
using System.Text.RegularExpressions;
using Domicile.Modules.Http;
using Domicile.Residency;

namespace Domicile.Modules.Logs;

/// <summary>What the tables of requests have in common.</summary>
internal static partial class CallColumns
{
    /// <summary>The columns that every table of requests begins with.</summary>
    /// <typeparam name="TEntry">The entries.</typeparam>
    /// <param name="category">The table's category.</param>
    public static IEnumerable<LogField<TEntry>> Of<TEntry>(string category)
        where TEntry : ICallEntry =>
    [
        LogField<TEntry>.Instant("TimeGenerated", entry => entry.At),
        LogField<TEntry>.Text("OperationName", entry => entry.Operation),
        LogField<TEntry>.Text("OperationVersion", entry => entry.OperationVersion),
        LogField<TEntry>.Text("Category", _ => category),
        LogField<TEntry>.Text("ResultType", entry => ResultType(entry.Status)),
        LogField<TEntry>.Text("ResultSignature", entry => entry.Status.ToString(CultureInfo.InvariantCulture)),
        LogField<TEntry>.Text("ResultDescription", _ => null),
        LogField<TEntry>.Whole("DurationMs", entry => entry.DurationMs, isInt: true),
        LogField<TEntry>.Text("CorrelationId", entry => entry.CorrelationId),
        LogField<TEntry>.Text("Level", entry => Level(entry.Status)),
        LogField<TEntry>.Text("URI", entry => entry.Uri),
        LogField<TEntry>.Text("SdkType", entry => entry.SdkType),
        LogField<TEntry>.Text("PlatformType", entry => entry.PlatformType),
    ];

    /// <summary>Whether a request went well.</summary>
    private static string ResultType(int status) => status < 400 ? "Succeeded" : "Failed";

    /// <summary>Error for a fault of ours, Warning for the caller's, else Informational.</summary>
    private static string Level(int status) => status >= 500 ? "Error" : status >= 400 ? "Warning" : "Informational";

    /// <summary>Origin and route template: parts that could name somebody stay unfilled.</summary>
    public static string Uri(AnsweredCall call) => $"{call.Origin}{call.Operation.Path}";

    /// <summary>What a client library of the vendor says of itself: its name, and what it runs on. Of other clients nothing is kept, because a browser's text can tell whose it is.</summary>
    public static (string? Sdk, string? Platform) Client(string? said) =>
        said is not null && Library().Match(said) is { Success: true } match ? (match.Groups["name"].Value, match.Groups["platform"].Value) : (null, null);

    [GeneratedRegex(@"azsdk-(?<platform>[a-z]{1,16})-(?<name>[A-Za-z0-9.-]{1,64})", RegexOptions.ExplicitCapture, 100)]
    private static partial Regex Library();
}

/// <summary>Requests about identities and tokens.</summary>
internal sealed class AuthLog : LogSource<AuthLogDay, AuthLogEntry>
{
    private const string Name = "AuthOperational";

    public override string Category => Name;

    public override string TableName => "ACSAuthIncomingOperations";

    protected override IReadOnlyList<LogField<AuthLogEntry>> Fields { get; } =
    [
        .. CallColumns.Of<AuthLogEntry>(Name),
        LogField<AuthLogEntry>.Person("Identity"),
        LogField<AuthLogEntry>.Texts("Scopes", entry => entry.Scopes),
        LogField<AuthLogEntry>.Sealed("CallerIpAddress", entry => entry.CallerIpAddress),
    ];

    public override bool Takes(Operation operation) =>
        operation.Name.StartsWith("CommunicationIdentity_", StringComparison.Ordinal) || operation.Name.StartsWith("Access_", StringComparison.Ordinal);

    protected override Ref<AuthLogDay> KeyOf(AuthLogDay day) => day.Day;

    protected override AuthLogDay MakeDay(Ref<AuthLogDay> day, DateTimeOffset ends) => new() { Day = day, Ends = ends };

    protected override AuthLogEntry Make(AnsweredCall call, Ref<AuthLogDay> day, Ref<AuthLogEntry> entry)
    {
        var (sdk, platform) = CallColumns.Client(call.Client);
        return new AuthLogEntry
        {
            Day = day,
            Entry = entry,
            Person = call.Person,
            At = call.At,
            Operation = call.Operation.Name,
            Status = call.Status,
            DurationMs = (long)call.Took.TotalMilliseconds,
            CorrelationId = call.RequestId,
            OperationVersion = call.ApiVersion,
            Uri = CallColumns.Uri(call),
            SdkType = sdk,
            PlatformType = platform,
            Scopes = call.Scopes.Count == 0 ? null : call.Scopes,
            CallerIpAddress = call.Address,
        };
    }

    protected override AuthLogEntry WithoutPerson(AuthLogEntry entry) => entry with { Person = default, CallerIpAddress = null };

    protected override (Ref<AuthLogDay> Day, Ref<AuthLogEntry> Entry, DateTimeOffset At, SubjectRef Person, bool IsErased) Describe(AuthLogEntry entry) =>
        (entry.Day, entry.Entry, entry.At, entry.Person, entry.ErasedOn is not null);
}

/// <summary>Requests of chat.</summary>
internal sealed class ChatLog : LogSource<ChatLogDay, ChatLogEntry>
{
    private const string Name = "ChatOperational";

    public override string Category => Name;

    public override string TableName => "ACSChatIncomingOperations";

    protected override IReadOnlyList<LogField<ChatLogEntry>> Fields { get; } =
    [
        .. CallColumns.Of<ChatLogEntry>(Name),
        LogField<ChatLogEntry>.Person("UserId"),
        LogField<ChatLogEntry>.Text("ChatThreadId", entry => entry.ThreadId),

        // The vendor's documents say int, into which no id of a message fits.
        LogField<ChatLogEntry>.Whole("ChatMessageId", entry => long.TryParse(entry.MessageId, NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : null),
        LogField<ChatLogEntry>.Sealed("CallerIpAddress", entry => entry.CallerIpAddress),
    ];

    public override bool Takes(Operation operation) =>
        operation.Name.StartsWith("Chat_", StringComparison.Ordinal) || operation.Name.StartsWith("ChatThread_", StringComparison.Ordinal);

    protected override Ref<ChatLogDay> KeyOf(ChatLogDay day) => day.Day;

    protected override ChatLogDay MakeDay(Ref<ChatLogDay> day, DateTimeOffset ends) => new() { Day = day, Ends = ends };

    protected override ChatLogEntry Make(AnsweredCall call, Ref<ChatLogDay> day, Ref<ChatLogEntry> entry)
    {
        var (sdk, platform) = CallColumns.Client(call.Client);
        return new ChatLogEntry
        {
            Day = day,
            Entry = entry,
            Person = call.Person,
            At = call.At,
            Operation = call.Operation.Name,
            Status = call.Status,
            DurationMs = (long)call.Took.TotalMilliseconds,
            CorrelationId = call.RequestId,
            OperationVersion = call.ApiVersion,
            Uri = CallColumns.Uri(call),
            SdkType = sdk,
            PlatformType = platform,
            ThreadId = call.Thread,
            MessageId = call.Message,
            CallerIpAddress = call.Address,
        };
    }

    protected override ChatLogEntry WithoutPerson(ChatLogEntry entry) => entry with { Person = default, CallerIpAddress = null };

    protected override (Ref<ChatLogDay> Day, Ref<ChatLogEntry> Entry, DateTimeOffset At, SubjectRef Person, bool IsErased) Describe(ChatLogEntry entry) =>
        (entry.Day, entry.Entry, entry.At, entry.Person, entry.ErasedOn is not null);
}

/// <summary>What is billed elsewhere: messages that were sent.</summary>
internal sealed class UsageLog : LogSource<UsageLogDay, UsageLogEntry>
{
    public override string Category => "Usage";

    public override string TableName => "ACSBillingUsage";

    protected override IReadOnlyList<LogField<UsageLogEntry>> Fields { get; } =
    [
        LogField<UsageLogEntry>.Instant("TimeGenerated", entry => entry.At),
        LogField<UsageLogEntry>.Text("OperationName", entry => entry.Operation),
        LogField<UsageLogEntry>.Text("OperationVersion", entry => entry.OperationVersion),
        LogField<UsageLogEntry>.Text("Category", _ => "Usage"),
        LogField<UsageLogEntry>.Text("CorrelationId", entry => entry.CorrelationId),
        LogField<UsageLogEntry>.Instant("StartTime", entry => entry.At),
        LogField<UsageLogEntry>.Instant("EndTime", entry => entry.At),
        LogField<UsageLogEntry>.Real("Quantity", entry => entry.Quantity),
        LogField<UsageLogEntry>.Text("UnitType", _ => "messages"),
        LogField<UsageLogEntry>.Text("UsageType", _ => "chat"),
        LogField<UsageLogEntry>.Text("RecordId", entry => entry.Entry.Value.ToString("x16", CultureInfo.InvariantCulture)),
        LogField<UsageLogEntry>.Person("ParticipantId"),
        LogField<UsageLogEntry>.Person("UserIdA"),
        LogField<UsageLogEntry>.Text("UserIdB", _ => null),
    ];

    public override bool Takes(Operation operation) => operation.Name == "ChatThread_SendChatMessage";

    /// <summary>A refused message is no use.</summary>
    public override bool Takes(AnsweredCall call) => Takes(call.Operation) && call.Status < 300;

    protected override Ref<UsageLogDay> KeyOf(UsageLogDay day) => day.Day;

    protected override UsageLogDay MakeDay(Ref<UsageLogDay> day, DateTimeOffset ends) => new() { Day = day, Ends = ends };

    protected override UsageLogEntry Make(AnsweredCall call, Ref<UsageLogDay> day, Ref<UsageLogEntry> entry) => new()
    {
        Day = day,
        Entry = entry,
        Person = call.Person,
        At = call.At,
        Operation = call.Operation.Name,
        Quantity = 1,
        CorrelationId = call.RequestId,
        OperationVersion = call.ApiVersion,
    };

    protected override UsageLogEntry WithoutPerson(UsageLogEntry entry) => entry with { Person = default };

    protected override (Ref<UsageLogDay> Day, Ref<UsageLogEntry> Entry, DateTimeOffset At, SubjectRef Person, bool IsErased) Describe(UsageLogEntry entry) =>
        (entry.Day, entry.Entry, entry.At, entry.Person, entry.ErasedOn is not null);
}
