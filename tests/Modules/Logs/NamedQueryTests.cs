using Domicile.Modules.Logs.Query;
using Domicile.Tests.Conversations;
using Domicile.Tests.Support;

namespace Domicile.Tests.Modules.Logs;

/// <summary>The queries of docs/queries, each against what was counted by hand in <see cref="TownLogs"/>.</summary>
public sealed class NamedQueryTests
{
    private static readonly Dictionary<string, string> Counted = new()
    {
        ["auth-requests-by-result"] =
            """
            OperationName:string ResultSignature:string Requests:long
            ["CommunicationIdentity_Create","201",1]
            ["CommunicationIdentity_IssueAccessToken","200",3]
            ["CommunicationIdentity_IssueAccessToken","401",3]
            ["CommunicationIdentity_IssueAccessToken","403",1]
            ["CommunicationIdentity_RevokeAccessTokens","204",1]
            """,
        ["auth-failures-by-hour"] =
            """
            TimeGenerated:datetime Failures:long
            ["2026-11-27T10:00:00Z",3]
            ["2026-11-27T11:00:00Z",1]
            """,
        ["auth-tokens-by-scope"] =
            """
            Scopes:string Tokens:long People:long
            ["[\"chat\"]",2,2]
            ["[\"chat\",\"voip\"]",1,1]
            """,
        ["chat-requests-by-result"] =
            """
            OperationName:string ResultSignature:string Requests:long
            ["Chat_ListMessages","200",2]
            ["Chat_SendMessage","201",4]
            ["Chat_SendMessage","403",1]
            ["Chat_SendMessage","429",2]
            ["Chat_SendMessage","500",1]
            """,
        ["chat-errors"] =
            """
            TimeGenerated:datetime OperationName:string ResultSignature:string ChatThreadId:string CorrelationId:string
            ["2026-11-27T08:59:00Z","Chat_SendMessage","500","t2","c8"]
            ["2026-11-27T08:06:00Z","Chat_SendMessage","429","t1","c7"]
            ["2026-11-27T08:05:00Z","Chat_SendMessage","429","t1","c6"]
            ["2026-11-26T09:30:00Z","Chat_SendMessage","403","t2","c4"]
            """,
        ["chat-latency"] =
            """
            OperationName:string Requests:long P50:int P95:int P99:int
            ["Chat_ListMessages",2,5,2500,2500]
            ["Chat_SendMessage",8,10,1500,1500]
            """,
        ["chat-busiest-threads"] =
            """
            ChatThreadId:string Requests:long People:long
            ["t1",6,3]
            ["t2",3,2]
            ["t3",1,1]
            """,
        ["chat-active-people"] =
            """
            TimeGenerated:datetime People:long
            ["2026-11-26T00:00:00Z",2]
            ["2026-11-27T00:00:00Z",3]
            """,
        ["chat-server-error-rate"] =
            """
            TimeGenerated:datetime Requests:long Errors:long Percent:real
            ["2026-11-26T08:00:00Z",2,0,0]
            ["2026-11-26T09:00:00Z",2,0,0]
            ["2026-11-27T08:00:00Z",4,1,25]
            ["2026-11-27T09:00:00Z",1,0,0]
            ["2026-11-27T10:00:00Z",1,0,0]
            """,
        ["chat-slow-requests"] =
            """
            TimeGenerated:datetime OperationName:string DurationMs:int ResultSignature:string CorrelationId:string
            ["2026-11-27T09:15:00Z","Chat_ListMessages",2500,"200","c9"]
            ["2026-11-27T08:59:00Z","Chat_SendMessage",1500,"500","c8"]
            """,
        ["chat-of-a-person"] =
            """
            TimeGenerated:datetime OperationName:string ChatThreadId:string ResultSignature:string
            ["2026-11-26T08:00:00Z","Chat_SendMessage","t1","201"]
            ["2026-11-26T09:00:00Z","Chat_ListMessages","t1","200"]
            ["2026-11-26T09:30:00Z","Chat_SendMessage","t2","403"]
            ["2026-11-27T08:00:00Z","Chat_SendMessage","t1","201"]
            """,
        ["chat-throttled-people"] =
            """
            UserId:string Refused:long First:datetime Last:datetime
            ["8:acs:three",2,"2026-11-27T08:05:00Z","2026-11-27T08:06:00Z"]
            """,
        ["usage-breakdown"] =
            """
            UsageType:string UnitType:string TimeGenerated:datetime Usage:real
            ["audio","minutes","2026-11-27T08:00:00Z",90.5]
            ["chat","messages","2026-11-27T08:00:00Z",12]
            ["PSTN","minutes","2026-11-27T09:00:00Z",24]
            ["audio","minutes","2026-11-27T09:00:00Z",3]
            """,
        ["usage-records"] =
            """
            UsageType:string TimeGenerated:datetime Records:long
            ["audio","2026-11-27T08:00:00Z",1]
            ["chat","2026-11-27T08:00:00Z",2]
            ["PSTN","2026-11-27T09:00:00Z",1]
            ["audio","2026-11-27T09:00:00Z",1]
            """,
        ["usage-long-calls"] =
            """
            RecordId:string UsageType:string StartTime:datetime Length:timespan
            ["r3","audio","2026-11-27T07:00:00Z","01:30:30"]
            """,
        ["usage-top-consumers"] =
            """
            UserIdA:string UsageType:string UnitType:string Usage:real
            ["8:acs:RESOURCE_USER","audio","minutes",90.5]
            ["4:+15550100001","PSTN","minutes",24]
            ["8:acs:two","chat","messages",7]
            ["8:acs:RESOURCE_USER","chat","messages",5]
            ["8:acs:two","audio","minutes",3]
            """,
        ["sms-sent-by-country"] =
            """
            Country:string Sent:long Failed:long FailedPercent:real
            ["DE",2,1,50]
            ["FR",2,0,0]
            """,
        ["email-delivery-status"] =
            """
            SenderDomain:string DeliveryStatus:string Recipients:long
            ["example.net","Failed",1]
            ["example.org","Bounced",1]
            ["example.org","Delivered",2]
            """,
        ["email-hard-bounces"] =
            """
            SenderDomain:string SmtpStatusCode:string FailureReason:string Bounces:long Recipients:long
            ["example.org","550","Mailbox does not exist",1,1]
            """,
        ["email-engagement"] =
            """
            TimeGenerated:datetime EngagementType:string Events:long People:long
            ["2026-11-26T00:00:00Z","Click",1,1]
            ["2026-11-26T00:00:00Z","View",2,1]
            ["2026-11-27T00:00:00Z","View",1,1]
            """,
        ["call-end-reasons"] =
            """
            ResultCategory:string ParticipantEndReason:string Participants:long
            ["Success","0",2]
            ["ExpectedError","487",1]
            ["UnexpectedServerError","500",1]
            """,
        ["call-participants"] =
            """
            CorrelationId:string CallType:string Participants:long Seconds:long
            ["k1","Group",3,600]
            ["k2","P2P",1,30]
            """,
        ["call-quality"] =
            """
            CallType:string Streams:long Jitter:real LostPercent:real RoundTrip:real
            ["Group",2,20,2,150]
            ["P2P",1,50,10,300]
            """,
        ["call-phone-numbers"] =
            """
            CorrelationId:string ParticipantDuration:long UserIdA:string UserIdB:string
            ["k1",580,"4:+15550100001","4:+15550100002"]
            """,
        ["errors-everywhere"] =
            """
            Table:string OperationName:string Errors:long Last:datetime
            ["ACSChatIncomingOperations","Chat_SendMessage",1,"2026-11-27T08:59:00Z"]
            ["ACSSMSIncomingOperations","SMSMessagesSent",1,"2026-11-27T10:00:00Z"]
            """,
    };

    // What the others show needs nobody's text.
    private static readonly string[] Opening = ["call-phone-numbers", "chat-throttled-people", "usage-top-consumers"];

    public static TheoryData<string> Names => [.. Counted.Keys];

    [Fact]
    public void Every_file_is_part_of_the_product_and_was_counted() =>
        Assert.Equal(
            Directory.EnumerateFiles(Path.Combine(Repository.Root, "docs", "queries"), "*.kql").Select(file => Path.GetFileNameWithoutExtension(file)!).Order(StringComparer.Ordinal),
            NamedQuery.All.Keys.Intersect(Counted.Keys).Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_query_gives_what_was_counted(string name)
    {
        var (query, tables) = (NamedQuery.All[name], TownLogs.Tables());
        Assert.Equal(Counted[name], await LogQueryProbe.Table(query.Text, tables));
        Assert.Equal(Opening.Contains(name), tables.Opened > 0);
        Assert.NotEqual(name, query.Title);
        Assert.NotEmpty(query.Shows);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_query_gives_the_same_when_storage_narrows_nothing(string name)
    {
        var tables = TownLogs.Tables();
        tables.IsCoarse = true;
        Assert.Equal(Counted[name], await LogQueryProbe.Table(NamedQuery.All[name].Text, tables));
    }

    [Fact]
    public async Task Tables_that_are_not_there_are_left_out_of_a_fuzzy_union_alone()
    {
        var tables = TownLogs.Tables();
        Assert.Equal("Count:long\n[9]", await LogQueryProbe.Table("union isfuzzy=true ACSNowhere, ACSAuthIncomingOperations | count", tables));
        Assert.Equal("SEM0100", (await LogQueryProbe.Error("union ACSNowhere, ACSAuthIncomingOperations | count", tables)).Code);
        Assert.Equal("SEM0001", (await LogQueryProbe.Error("union isfuzzy=true ACSNowhere | count", tables)).Code);
    }
}
