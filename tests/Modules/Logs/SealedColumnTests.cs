using Domicile.Modules.Logs.Query;
using Domicile.Tests.Support;

namespace Domicile.Tests.Modules.Logs;

/// <summary>What a query may do with columns that are sealed, and how little of them is opened for it.</summary>
public sealed class SealedColumnTests
{
    private readonly MemoryLogTables _tables = new MemoryLogTables()
        .Add(
            new LogTable("Calls", [new("TimeGenerated", LogType.DateTime), new("UserId", LogType.String, LogProtection.Person), new("CallerIpAddress", LogType.String, LogProtection.Sealed), new("Code", LogType.Int)]),
            [
                [At(1), "ann", "10.0.0.1", 200],
                [At(2), "bob", "10.0.0.2", 401],
                [At(3), "ann", "10.0.0.2", 401],
                [At(4), "", "10.0.0.1", 200],
                [At(5), null, null, 500],
            ])
        .Add(
            new LogTable("Usage", [new("TimeGenerated", LogType.DateTime), new("UserIdA", LogType.String, LogProtection.Person), new("Quantity", LogType.Real)]),
            [[At(1), "ann", 2.0], [At(2), "cy", 3.0]])
        .Add(new LogTable("Plain", [new("TimeGenerated", LogType.DateTime), new("UserId", LogType.String)]), [[At(1), "ann"]]);

    [Theory]
    [InlineData("Calls | where UserId == 'ann' | count", "Count:long\n[2]")]
    [InlineData("Calls | where 'ann' == UserId | count", "Count:long\n[2]")]
    [InlineData("Calls | where UserId != 'ann' | count", "Count:long\n[3]")]
    [InlineData("Calls | where UserId == '' | count", "Count:long\n[2]")]
    [InlineData("Calls | where UserId in ('ann', 'bob') | count", "Count:long\n[3]")]
    [InlineData("Calls | where UserId !in ('ann', '') | count", "Count:long\n[1]")]
    [InlineData("Calls | where isempty(UserId) | count", "Count:long\n[2]")]
    [InlineData("Calls | where isnotempty(CallerIpAddress) | count", "Count:long\n[4]")]
    [InlineData("Calls | summarize dcount(UserId), n = count()", "dcount_UserId:long n:long\n[3,5]")]
    [InlineData("Calls | distinct UserId | count", "Count:long\n[3]")]
    [InlineData("Calls | summarize count() by UserId | summarize max(count_)", "max_count_:long\n[2]")]
    [InlineData("Calls | join kind=inner Usage on $left.UserId == $right.UserIdA | count", "Count:long\n[2]")]
    [InlineData("Calls | where Code == 401 and UserId == 'bob' | project Code", "Code:int\n[401]")]
    [InlineData("Calls | extend who = UserId | where who == 'bob' | count", "Count:long\n[1]")]
    [InlineData("Calls | union (Usage | project-rename UserId = UserIdA) | summarize dcount(UserId)", "dcount_UserId:long\n[4]")]
    public async Task What_tokens_answer_opens_nothing(string query, string table)
    {
        _tables.Closed.UnionWith(["UserId", "UserIdA", "CallerIpAddress"]);
        Assert.Equal(table, await LogQueryProbe.Table(query, _tables));
        Assert.Equal(0, _tables.Opened);
    }

    [Theory]
    [InlineData("Calls | project UserId | take 2", "UserId:string\n[\"ann\"]\n[\"bob\"]", 2)]
    [InlineData("Calls | summarize count() by UserId | order by count_ | take 1", "UserId:string count_:long\n[\"ann\",2]", 1)]
    [InlineData("Calls | distinct UserId", "UserId:string\n[\"ann\"]\n[\"bob\"]\n[\"\"]", 2)]
    [InlineData("Calls | where Code == 401 | where UserId startswith 'a' | project UserId, Code", "UserId:string Code:int\n[\"ann\",401]", 2)]
    [InlineData("Calls | where UserId startswith 'a' and Code == 401 | project UserId", "UserId:string\n[\"ann\"]", 2)]
    [InlineData("Calls | where CallerIpAddress == '10.0.0.2' | count", "Count:long\n[2]", 4)]
    [InlineData("Calls | summarize dcount(CallerIpAddress) by Code | where Code == 200", "Code:int dcount_CallerIpAddress:long\n[200,1]", 4)]
    [InlineData("Calls | distinct CallerIpAddress", "CallerIpAddress:string\n[\"10.0.0.1\"]\n[\"10.0.0.2\"]\n[\"\"]", 4)]
    [InlineData("Calls | summarize arg_max(TimeGenerated, UserId) by Code | where Code == 401 | project UserId", "UserId:string\n[\"ann\"]", 1)]
    [InlineData("Calls | where Code == 401 | summarize make_set(UserId)", "set_UserId:dynamic\n[[\"bob\",\"ann\"]]", 2)]
    [InlineData("Calls | where Code == 200 | summarize Who = toupper(take_any(UserId))", "Who:string\n[\"ANN\"]", 1)]
    [InlineData("Calls | order by UserId asc, Code asc | project UserId | take 3", "UserId:string\n[\"\"]\n[\"\"]\n[\"ann\"]", 3)]
    [InlineData("Calls | project UserId, Code | union (Plain | extend Code = int(1)) | where UserId == 'ann' | count", "Count:long\n[3]", 3)]
    public async Task Everything_else_opens_what_it_needs_and_no_more(string query, string table, int opened)
    {
        Assert.Equal(table, await LogQueryProbe.Table(query, _tables));
        Assert.Equal(opened, _tables.Opened);
    }

    [Theory]
    [InlineData("Calls | take 2", "TimeGenerated:datetime UserId:string CallerIpAddress:string Code:int\n[\"2026-11-28T01:00:00Z\",null,null,200]\n[\"2026-11-28T02:00:00Z\",null,null,401]", 0)]
    [InlineData("Calls | where UserId == 'bob'", "TimeGenerated:datetime UserId:string CallerIpAddress:string Code:int\n[\"2026-11-28T02:00:00Z\",\"bob\",null,401]", 1)]
    [InlineData("Calls | summarize arg_max(TimeGenerated, *) by Code | where Code == 200 | project-away TimeGenerated", "Code:int UserId:string CallerIpAddress:string\n[200,null,null]", 0)]
    [InlineData("Calls | where Code == 500 | distinct *", "TimeGenerated:datetime UserId:string Code:int\n[\"2026-11-28T05:00:00Z\",null,500]", 0)]
    public async Task A_column_that_the_query_does_not_name_stays_sealed_and_is_shown_as_null(string query, string table, int opened)
    {
        Assert.Equal(table, await LogQueryProbe.Table(query, _tables));
        Assert.Equal(opened, _tables.Opened);
    }

    [Theory]
    [InlineData("Calls\n| where UserId startswith 'a'", "UserId", 2, 8)]
    [InlineData("Calls | project Code, UserId", "UserId", 1, 22)]
    [InlineData("Calls | project Code, UserId | where UserId == 'ann'", "UserId", 1, 22)]
    [InlineData("Calls | summarize count() by UserId", "UserId", 1, 29)]
    [InlineData("Calls | distinct CallerIpAddress", "CallerIpAddress", 1, 17)]
    [InlineData("Calls | where strlen(CallerIpAddress) > 3", "CallerIpAddress", 1, 21)]
    [InlineData("Calls | extend x = strcat(UserId, 'x') | project Code", "UserId", 1, 26)]
    [InlineData("Calls | project-keep UserId", "UserId", 1, 21)]
    public async Task What_the_caller_may_not_have_opened_is_refused_where_it_stands(string query, string column, int line, int position)
    {
        _tables.Closed.Add(column);
        var error = await LogQueryProbe.Error(query, _tables);
        Assert.Equal((LogQueryFault.Forbidden, 403, line, position, column), (error.Fault, error.Status, error.Line, error.Position, error.Token));
        Assert.Equal(0, _tables.Opened);
        Assert.Empty(_tables.Scans);
    }

    [Fact]
    public async Task A_person_whose_key_is_gone_is_shown_as_null_and_reads_as_empty()
    {
        _tables.Erased.Add("ann");
        Assert.Equal("UserId:string count_:long\n[null,2]\n[\"bob\",1]", await LogQueryProbe.Table("Calls | where isnotempty(UserId) | summarize count() by UserId", _tables));
        Assert.Equal("Count:long\n[0]", await LogQueryProbe.Table("Calls | where UserId startswith 'a' | count", _tables));
    }

    [Fact]
    public async Task More_rows_than_may_be_opened_end_the_query_where_it_needs_them()
    {
        var error = await LogQueryProbe.Error("Calls\n| where UserId has 'a'", _tables, LogQueryLimits.Default with { OpenedRows = 2 });
        Assert.Equal((LogQueryFault.Limit, "LIM0005", 2, 2), (error.Fault, error.Code, error.Line, error.Position));
        Assert.Equal("Count:long\n[1]", await LogQueryProbe.Table("Calls | where Code == 401 | where UserId has 'ann' | count", _tables));
    }

    [Fact]
    public async Task Equality_of_a_person_is_handed_down_as_a_token()
    {
        await LogQueryProbe.Run("Calls | where UserId in ('ann', '') | count", _tables);
        var condition = Assert.Single(_tables.Scans[0].Conditions);
        Assert.Equal([_tables.TokenOf("ann")], condition.AnyToken);
        Assert.Equal([LogValue.Empty], condition.AnyOf);
    }

    private static DateTime At(int hour) => new(2026, 11, 28, hour, 0, 0, DateTimeKind.Utc);
}
