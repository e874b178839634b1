using Domicile.Modules.Logs.Query;
using Domicile.Tests.Support;

namespace Domicile.Tests.Modules.Logs;

/// <summary>What each step makes of rows: columns, names, types, order.</summary>
public sealed class OperatorTests
{
    private const string People = "datatable (name: string, team: string, age: int, score: real) ['ann', 'a', 30, 1.5, 'bob', 'b', 40, 2.5, 'cy', 'a', int(null), 3.5, 'dee', '', 20, real(null)]";

    [Theory]
    [InlineData("where age > 25", "name:string team:string age:int score:real\n[\"ann\",\"a\",30,1.5]\n[\"bob\",\"b\",40,2.5]")]
    [InlineData("where age > 25 and team == 'b' | project name", "name:string\n[\"bob\"]")]
    [InlineData("project n = name, age | take 1", "n:string age:int\n[\"ann\",30]")]
    [InlineData("project age * 2, name, strlen(name) | take 1", "Column1:long name:string Column2:long\n[60,\"ann\",3]")]
    [InlineData("project tostring(age), bin(age, 10), age1 = age | take 1", "age:string age2:long age1:int\n[\"30\",30,30]")]
    [InlineData("project-away team, s* | take 1", "name:string age:int\n[\"ann\",30]")]
    [InlineData("project-keep score, name | take 1", "name:string score:real\n[\"ann\",1.5]")]
    [InlineData("project-reorder score, a* | take 1", "score:real age:int name:string team:string\n[1.5,30,\"ann\",\"a\"]")]
    [InlineData("project-rename who = name | project who | take 1", "who:string\n[\"ann\"]")]
    [InlineData("extend twice = age * 2, name = toupper(name) | take 1", "team:string age:int score:real twice:long name:string\n[\"a\",30,1.5,60,\"ANN\"]")]
    [InlineData("extend strlen(name), tostring(age) | take 1 | project-away t*, score", "name:string age:int Column1:long age1:string\n[\"ann\",30,3,\"30\"]")]
    [InlineData("count", "Count:long\n[4]")]
    [InlineData("where false | count", "Count:long\n[0]")]
    [InlineData("take 0", "name:string team:string age:int score:real")]
    [InlineData("order by age | project name", "name:string\n[\"bob\"]\n[\"ann\"]\n[\"dee\"]\n[\"cy\"]")]
    [InlineData("sort by age asc | project name", "name:string\n[\"cy\"]\n[\"dee\"]\n[\"ann\"]\n[\"bob\"]")]
    [InlineData("order by age asc nulls last | project name", "name:string\n[\"dee\"]\n[\"ann\"]\n[\"bob\"]\n[\"cy\"]")]
    [InlineData("order by team asc, name desc | project name", "name:string\n[\"dee\"]\n[\"cy\"]\n[\"ann\"]\n[\"bob\"]")]
    [InlineData("top 2 by age | project name, age", "name:string age:int\n[\"bob\",40]\n[\"ann\",30]")]
    [InlineData("top 1 by age asc nulls last | project name", "name:string\n[\"dee\"]")]
    [InlineData("distinct team", "team:string\n[\"a\"]\n[\"b\"]\n[\"\"]")]
    [InlineData("distinct team, big = age > 35 | take 2", "team:string big:bool\n[\"a\",false]\n[\"b\",true]")]
    [InlineData("project team | distinct *", "team:string\n[\"a\"]\n[\"b\"]\n[\"\"]")]
    [InlineData("summarize count() by team | order by count_, team asc", "team:string count_:long\n[\"a\",2]\n[\"\",1]\n[\"b\",1]")]
    [InlineData("summarize by team | count", "Count:long\n[3]")]
    [InlineData("summarize count(), sum(age), avg(age), min(age), max(name), dcount(team), countif(age > 25)", "count_:long sum_age:long avg_age:real min_age:int max_name:string dcount_team:long countif_:long\n[4,90,30,20,\"dee\",3,2]")]
    [InlineData("summarize sum(score), n = count() by team | order by team asc | take 2", "team:string sum_score:real n:long\n[\"\",0,1]\n[\"a\",5,2]")]
    [InlineData("where false | summarize count(), sum(age), avg(age), max(age), make_list(name), percentile(age, 50)", "count_:long sum_age:long avg_age:real max_age:int list_name:dynamic percentile_age_50:int\n[0,0,\"NaN\",null,[],null]")]
    [InlineData("where false | summarize count() by team", "team:string count_:long")]
    [InlineData("summarize round(avg(age), 1), Share = 100.0 * countif(team == 'a') / count()", "Column1:real Share:real\n[30,50]")]
    [InlineData("summarize arg_max(age, name, team)", "age:int name:string team:string\n[40,\"bob\",\"b\"]")]
    [InlineData("summarize arg_min(age, *) by team | where team == 'a'", "team:string age:int name:string score:real\n[\"a\",30,\"ann\",1.5]")]
    [InlineData("summarize (oldest, who) = arg_max(age, name)", "oldest:int who:string\n[40,\"bob\"]")]
    [InlineData("summarize make_set(team), make_list(age), make_list(name, 2)", "set_team:dynamic list_age:dynamic list_name:dynamic\n[[\"a\",\"b\",\"\"],[30,40,20],[\"ann\",\"bob\"]]")]
    [InlineData("summarize percentiles(age, 50, 95, 99.9)", "percentile_age_50:int percentile_age_95:int percentile_age_99_9:int\n[30,40,40]")]
    [InlineData("summarize take_any(name), any(team)", "name:string any_team:string\n[\"ann\",\"a\"]")]
    [InlineData("summarize sumif(age, team == 'a'), avgif(age, age < 35), dcountif(team, age > 25), maxif(age, team == 'a')", "sumif_age:long avgif_age:real dcountif_team:long maxif_age:int\n[30,25,2,30]")]
    [InlineData("summarize variance(age), stdev(score)", "variance_age:real stdev_score:real\n[100,1]")]
    [InlineData("summarize count() by bin(age, 20) | order by age asc", "age:long count_:long\n[null,1]\n[20,2]\n[40,1]")]
    [InlineData("summarize count() by age > 25, strlen(name) | count", "Count:long\n[3]")]
    [InlineData("as T | serialize | render columnchart with (title='x', ycolumns=age, score) | count", "Count:long\n[4]")]
    public async Task A_step_gives(string step, string table) => Assert.Equal(table, await LogQueryProbe.Table($"{People} | {step}"));

    [Theory]
    [InlineData("print 1, two = 2", "print_0:long two:long\n[1,2]")]
    [InlineData("print(1)", "print_0:long\n[1]")]
    [InlineData("range x from 1 to 7 step 3", "x:long\n[1]\n[4]\n[7]")]
    [InlineData("range x from 3 to 1 step -1 | summarize make_list(x)", "list_x:dynamic\n[[3,2,1]]")]
    [InlineData("range x from 1 to 0 step 1", "x:long")]
    [InlineData("range t from datetime(2026-01-01) to datetime(2026-01-02) step 12h | count", "Count:long\n[3]")]
    [InlineData("let x = 5; let y = x + 1; print y", "print_0:long\n[6]")]
    [InlineData("let T = range x from 1 to 3 step 1; let U = (T | where x > 1); U | count;", "Count:long\n[2]")]
    [InlineData("let a = 1;\n// what follows is a remark: | where\nprint a", "print_0:long\n[1]")]
    [InlineData("let names = dynamic(['a', 'b']); datatable (n: string) ['a', 'c'] | where n in (names)", "n:string\n[\"a\"]")]
    [InlineData("(range x from 1 to 3 step 1 | where x > 2) | extend y = x", "x:long y:long\n[3,3]")]
    [InlineData("union (print a = 1), (print a = 2, b = 'x')", "a:long b:string\n[1,\"\"]\n[2,\"x\"]")]
    [InlineData("print a = 1 | union (print a = 'x')", "a_long:long a_string:string\n[1,\"\"]\n[null,\"x\"]")]
    [InlineData("let A = print a = 1; let B = print a = 2; union withsource=Source A, B | order by a", "Source:string a:long\n[\"B\",2]\n[\"A\",1]")]
    [InlineData("union kind=inner (print a = 1, b = 2), (print b = 3)", "b:long\n[2]\n[3]")]
    [InlineData("print ['odd name'] = 1 | project ['odd name']", "odd name:long\n[1]")]
    [InlineData("print d = dynamic({'a': {'b': 1}}) | project d.a.b, d['a']", "d_a_b:dynamic d_a:dynamic\n[1,{\"b\":1}]")]
    [InlineData("print a = 1 | extend b = column_ifexists('a', 7), c = column_ifexists('z', 7)", "a:long b:long c:long\n[1,1,7]")]
    public async Task A_query_gives(string query, string table) => Assert.Equal(table, await LogQueryProbe.Table(query));

    [Theory]
    [InlineData("inner", "k:long a:string k1:long b:string\n[1,\"a1\",1,\"b1\"]\n[1,\"a1b\",1,\"b1\"]")]
    [InlineData("innerunique", "k:long a:string k1:long b:string\n[1,\"a1\",1,\"b1\"]")]
    [InlineData("leftouter", "k:long a:string k1:long b:string\n[1,\"a1\",1,\"b1\"]\n[1,\"a1b\",1,\"b1\"]\n[2,\"a2\",null,\"\"]\n[null,\"a0\",null,\"\"]")]
    [InlineData("rightouter", "k:long a:string k1:long b:string\n[1,\"a1\",1,\"b1\"]\n[1,\"a1b\",1,\"b1\"]\n[null,\"\",3,\"b3\"]\n[null,\"\",null,\"b0\"]")]
    [InlineData("fullouter", "k:long a:string k1:long b:string\n[1,\"a1\",1,\"b1\"]\n[1,\"a1b\",1,\"b1\"]\n[2,\"a2\",null,\"\"]\n[null,\"a0\",null,\"\"]\n[null,\"\",3,\"b3\"]\n[null,\"\",null,\"b0\"]")]
    [InlineData("leftsemi", "k:long a:string\n[1,\"a1\"]\n[1,\"a1b\"]")]
    [InlineData("leftanti", "k:long a:string\n[2,\"a2\"]\n[null,\"a0\"]")]
    [InlineData("rightsemi", "k:long b:string\n[1,\"b1\"]")]
    [InlineData("rightanti", "k:long b:string\n[3,\"b3\"]\n[null,\"b0\"]")]
    public async Task A_join_gives(string kind, string table) => Assert.Equal(table, await LogQueryProbe.Table(
        $"""
        let A = datatable (k: long, a: string) [1, 'a1', 1, 'a1b', 2, 'a2', long(null), 'a0'];
        let B = datatable (k: long, b: string) [1, 'b1', 3, 'b3', long(null), 'b0'];
        A | join kind={kind} B on k
        """));

    [Fact]
    public async Task A_join_compares_columns_of_different_names() => Assert.Equal(
        "a:long b:long\n[2,2]",
        await LogQueryProbe.Table("range a from 1 to 2 step 1 | join hint.strategy=broadcast kind=inner (range b from 2 to 3 step 1) on $left.a == $right.b"));

    [Fact]
    public async Task What_reads_a_table_is_told_the_time_the_equalities_and_the_columns()
    {
        var tables = Calls();
        await LogQueryProbe.Run(
            "Calls | extend d = Ms * 2 | where TimeGenerated between (datetime(2026-11-01) .. datetime(2026-11-02)) and Result == '200' and Ms in (1, 2) | where d > 1 and (Result == 'x' or Ms == 1) | project Ms",
            tables);
        var scan = Assert.Single(tables.Scans);
        Assert.Equal(new DateTime(2026, 11, 1, 0, 0, 0, DateTimeKind.Utc), scan.Range.From);
        Assert.Equal(new DateTime(2026, 11, 2, 0, 0, 0, DateTimeKind.Utc).AddTicks(1), scan.Range.Before);
        Assert.Equal(["Result", "Ms"], scan.Conditions.Select(condition => condition.Column.Name));
        Assert.Equal([LogValue.Of(1L), LogValue.Of(2L)], scan.Conditions[1].AnyOf);
        Assert.Equal(["TimeGenerated", "Result", "Ms"], scan.Columns.Select(column => column.Name));
        Assert.Null(scan.AtMost);
    }

    [Fact]
    public async Task What_follows_a_limit_or_an_aggregate_is_not_handed_down()
    {
        var tables = Calls();
        await LogQueryProbe.Run("Calls | take 5 | where Result == '200'", tables);
        await LogQueryProbe.Run("Calls | summarize count() by Result | where Result == '200'", tables);
        Assert.All(tables.Scans, scan => Assert.Empty(scan.Conditions));
        Assert.Equal([5L, null], tables.Scans.Select(scan => scan.AtMost));
    }

    [Fact]
    public async Task The_requests_time_span_narrows_every_table_even_when_storage_gives_more()
    {
        var tables = Calls();
        tables.IsCoarse = true;
        var day = new LogTimeRange(new DateTime(2026, 11, 1, 0, 0, 0, DateTimeKind.Utc), new DateTime(2026, 11, 2, 0, 0, 0, DateTimeKind.Utc));
        Assert.Equal("Count:long\n[24]", await LogQueryProbe.Table("Calls | count", tables, day));
        Assert.Equal("Count:long\n[12]", await LogQueryProbe.Table("Calls | where TimeGenerated >= datetime(2026-11-01T12:00:00Z) | count", tables, day));
        Assert.Equal("Count:long\n[0]", await LogQueryProbe.Table("Calls | where TimeGenerated >= datetime(2026-11-03) | count", tables, day));
        Assert.Equal(2, tables.Scans.Count);
    }

    [Fact]
    public async Task The_answer_carries_the_chart_and_what_it_took()
    {
        var tables = Calls();
        var result = (await LogQueryProbe.Run("Calls | summarize count() by Result | render timechart with (title='Calls a day')", tables)).Result!;
        Assert.Equal("""{"visualization":"timechart","title":"Calls a day"}""", LogQueryProbe.Json(result.Render!.WriteTo));
        Assert.Equal(100, result.Statistics.RowsRead);
        Assert.Contains("\"executionTime\"", LogQueryProbe.Json(result.Statistics.WriteTo), StringComparison.Ordinal);
    }

    private static MemoryLogTables Calls() => new MemoryLogTables().Add(
        new LogTable("Calls", [new("TimeGenerated", LogType.DateTime), new("Result", LogType.String), new("Ms", LogType.Int)]),
        Enumerable.Range(0, 100).Select(hour => new object?[] { new DateTime(2026, 10, 31, 0, 0, 0, DateTimeKind.Utc).AddHours(hour), hour % 3 == 0 ? "500" : "200", hour }));
}
