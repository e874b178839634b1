using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Domicile.Tests.Support;

namespace Domicile.Tests.Conversations;

/// <summary>
/// A whole resource is moved: from a source that behaves as ACS does and fails as it does, and from files. What is about what is written, and marked with an engine, is
/// moved onto PostgreSQL too.
/// </summary>
[Trait("needs", "node")]
public sealed class ImportTests : IAsyncLifetime
{
    private EphemeralServer _old = null!;
    private EphemeralServer _new = null!;
    private MovedTown _town = null!;
    private readonly string _folder = Directory.CreateTempSubdirectory("domicile-import-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _old = await EphemeralServer.Start();
        _new = TestContext.Current.Test!.Traits["engine"].Contains("either") ? await EphemeralServer.StartOnEitherEngine("India") : await EphemeralServer.Start("--geography", "India");
        _town = new MovedTown(_old);
        await _town.Prepare(_new);
    }

    public async ValueTask DisposeAsync()
    {
        _town.Dispose();
        await _old.DisposeAsync();
        await _new.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    [Trait("engine", "either")]
    [Trait("length", "full")]
    public Task Everything_comes_as_it_was_from_a_source_that_throttles_fails_and_hangs_up_whenever_the_run_is_killed() => MoveAll(threads: 40, messages: 75);

    [Fact]
    [Trait("engine", "either")]
    [Trait("length", "long")]
    public Task A_hundred_thousand_messages_in_a_thousand_threads_come_as_they_were_whenever_the_run_is_killed() => MoveAll(threads: 1_000, messages: 100);

    private async Task MoveAll(int threads, int messages)
    {
        await _town.Fill(threads, messages);
        await _town.Throttle();
        foreach (var (kind, percent) in ((string, int)[])[("tooMany", 5), ("unavailable", 5), ("connectionReset", 4), ("answerLost", 3)])
        {
            await _old.Fault(new { operation = "*", kind, percentOfRequests = percent, retryAfterSeconds = 0 });
        }

        await _old.Fault(new { operation = "ChatThread_ListChatMessages", kind = "latency", latencyMs = 50, percentOfRequests = 20 });
        var watch = Stopwatch.StartNew();
        var kills = 0;
        for (var patience = 1.5; ; patience *= 1.6)
        {
            // Killed at a moment that nothing knows of, more patiently each time, until a run comes to its end.
            if (await Run(TimeSpan.FromSeconds(patience + Random.Shared.NextDouble())) is { } ended)
            {
                Assert.True(ended.ExitCode == 0, ended.Output);
                break;
            }

            kills++;
        }

        Assert.InRange(kills, 1, 100);
        Hardness.Remark.Say($"{_town.Messages} messages in {threads} threads moved{(ServerProcess.OnPostgres ? " onto PostgreSQL" : "")} in {watch.Elapsed.TotalSeconds:0} s, killed {kills} times");
        await _old.Ask(HttpMethod.Delete, "/test/faults", expected: 204);
        await _town.Unthrottle();
        await AssertSameOnBothSides(threads);

        // What an application stored stays good: the same program, told only another connection string, is told the same.
        await AssertAnApplicationSeesNoDifference();

        // Again: nothing is new, nothing is doubled.
        var again = (await Run(null))!.Value;
        Assert.True(again.ExitCode == 0, again.Output);
        Assert.Contains("Moved 0 messages that were not here, and changed 0 that were.", again.Output, StringComparison.Ordinal);
        await AssertSameOnBothSides(threads);
    }

    [Fact]
    [Trait("engine", "either")]
    public async Task A_later_run_brings_what_was_written_edited_deleted_read_and_changed_since()
    {
        await _town.Fill(3, 40);
        Assert.Equal(0, (await Run(null))!.Value.ExitCode);
        await _town.GoOn();
        var later = (await Run(null))!.Value;
        Assert.True(later.ExitCode == 0, later.Output);
        Assert.Contains("Moved 4 messages that were not here, and changed 2 that were.", later.Output, StringComparison.Ordinal);
        await AssertSameOnBothSides(3);
        await AssertAnApplicationSeesNoDifference();
    }

    [Fact]
    [Trait("engine", "embedded")]
    public async Task A_difference_is_found_named_in_the_report_and_ends_the_command_with_1()
    {
        await _town.Fill(2, 30);
        Assert.Equal(0, (await Run(null))!.Value.ExitCode);

        // Behind the back of the run a message is edited on the new side.
        await _town.EditOn(_new, 0);
        var (code, output) = (await Run(null))!.Value;
        Assert.Equal(1, code);
        Assert.Contains("1 of 2 threads differ", output, StringComparison.Ordinal);
        var report = JsonElement.Parse(await File.ReadAllTextAsync(Path.Combine(_folder, "state", "report.json"), Cancel));
        var thread = Assert.Single(report.GetProperty("threads").EnumerateArray(), thread => !thread.GetProperty("isSame").GetBoolean());
        Assert.Equal(_town.Threads[0], thread.GetProperty("id").GetString());
        Assert.Contains("changed here since it came", thread.GetProperty("refused")[0].GetString(), StringComparison.Ordinal);
        Assert.Contains("messages are not the same", thread.GetProperty("differences").EnumerateArray().Select(each => each.GetString()));
        var page = await File.ReadAllTextAsync(Path.Combine(_folder, "state", "report.html"), Cancel);
        Assert.Contains("<span class=\"differs\">differs</span>", page, StringComparison.Ordinal);
        Assert.Contains(_town.People[0].Id, page, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("engine", "embedded")]
    public async Task A_message_that_was_written_here_since_stays_and_one_that_came_too_late_is_told_of()
    {
        await _town.Fill(1, 10);
        Assert.Equal(0, (await Run(null))!.Value.ExitCode);
        var live = await _town.SayOn(_new, 0, "written on the new side");
        await _town.SayOn(_old, 0, "written on the old side before", beforeId: long.Parse(live, null));
        var (code, output) = (await Run(null))!.Value;
        Assert.Equal(1, code);
        Assert.Contains("1 of 1 threads differ", output, StringComparison.Ordinal);
        Assert.Contains("written on the new side", await _town.ReadOn(_new, 0), StringComparison.Ordinal);
    }

    [Fact]
    [Trait("engine", "embedded")]
    public async Task Who_was_erased_here_does_not_come_back_with_a_later_run()
    {
        await _town.Fill(2, 20);
        Assert.Equal(0, (await Run(null))!.Value.ExitCode);
        var gone = _town.People[0].Id;
        using var wire = _town.NewWire();
        (await wire.AsApplication(HttpMethod.Delete, $"/identities/{Uri.EscapeDataString(gone)}?api-version={Wire.IdentityVersion}")).Is(204);
        await _town.SayOn(_old, 0, "after the erasure");
        Assert.Equal(1, (await Run(null))!.Value.ExitCode);
        (await wire.AsApplication(HttpMethod.Get, $"/identities/{Uri.EscapeDataString(gone)}?api-version=2025-06-30")).IsError(404);
        Assert.DoesNotContain("after the erasure", await _town.ReadOn(_new, 0, 1), StringComparison.Ordinal);
    }

    [Fact]
    [Trait("engine", "embedded")]
    public async Task A_dry_run_counts_and_writes_nothing()
    {
        await _town.Fill(2, 25);
        var (code, output) = (await Run(null, "--dry-run"))!.Value;
        Assert.True(code == 0, output);
        Assert.Contains($"{_town.People.Count} users, 2 threads, {_town.Messages} messages would be moved. Nothing was written.", output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(_folder, "state")));
        using var wire = _town.NewWire();
        (await wire.AsApplication(HttpMethod.Get, $"/identities/{Uri.EscapeDataString(_town.People[0].Id)}?api-version=2025-06-30")).IsError(404);
    }

    [Fact]
    [Trait("engine", "embedded")]
    public async Task Threads_that_are_older_than_any_rule_are_not_deleted_for_that_unless_it_is_asked_for()
    {
        await _town.Fill(2, 10);
        Assert.Equal(0, (await Run(null))!.Value.ExitCode);
        await _new.Ask(HttpMethod.Post, "/test/clock:turn", new { forwardSeconds = 400 * 86_400 });

        // The first thread has a policy of its own, of 90 days.
        Assert.Equal([_town.Threads[1]], await ThreadsHere());
        await Run(null, "--idle-threads-days", "30");
        await _new.Ask(HttpMethod.Post, "/test/clock:turn", new { forwardSeconds = 40 * 86_400 });
        Assert.Empty(await ThreadsHere());
    }

    [Fact]
    [Trait("engine", "either")]
    public async Task A_resource_that_was_exported_is_the_same_where_the_file_is_imported()
    {
        await _town.Fill(4, 60);
        await _town.Erase();
        var file = Path.Combine(_folder, "whole.jsonl");
        await _old.Command("export", file, "--resource", "old", "--reason", "a test");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, OperatingSystem.IsWindows() ? default : File.GetUnixFileMode(file));
        var moved = await _new.Command("import", "file", file, "--resource", "new", "--state", Path.Combine(_folder, "file-state"));
        Assert.Contains("Everything is the same on both sides: 4 threads", moved, StringComparison.Ordinal);
        await AssertSameOnBothSides(4);
        await AssertAnApplicationSeesNoDifference(reader: 1);

        // It is what its schema says, so that others can read and write one.
        var lines = await File.ReadAllLinesAsync(file, Cancel);
        var schema = JsonSchema.Read(Path.Combine(Repository.Root, "docs", "transfer.schema.json"));
        Assert.All(lines, line => Assert.Empty(schema.Faults(JsonElement.Parse(line))));
        Assert.NotEmpty(schema.Faults(JsonElement.Parse(lines[0].Replace("\"source\"", "\"sauce\"", StringComparison.Ordinal))));

        // Cut off anywhere, or altered, it is refused before anything is written.
        foreach (var (name, damaged) in ((string, string[])[])[("cut", lines[..^3]), ("gap", [.. lines[..5], .. lines[6..]]), ("half", [.. lines[..4], lines[4][..20], .. lines[5..]]), ("none", [])])
        {
            var path = Path.Combine(_folder, $"{name}.jsonl");
            await File.WriteAllLinesAsync(path, damaged, Cancel);
            var (code, output) = await Try(_new, "import", "file", path, "--resource", "new", "--state", Path.Combine(_folder, name));
            Assert.Equal(1, code);
            Assert.Contains(path, output, StringComparison.Ordinal);
        }
    }

    [Fact]
    [Trait("engine", "embedded")]
    public async Task A_resource_with_another_id_is_refused_with_the_command_that_makes_the_right_one()
    {
        await _town.Fill(1, 1);
        var (code, output) = (await Run(null, "--resource", "demo"))!.Value;
        Assert.Equal(2, code);
        Assert.Contains($"resource create NAME --geography India --id {_town.Resource}", output, StringComparison.Ordinal);
    }

    /// <summary>Runs the import, and kills it when it takes longer than that.</summary>
    /// <returns>Null when it was killed.</returns>
    private async Task<(int ExitCode, string Output)?> Run(TimeSpan? killedAfter, params string[] more)
    {
        var start = Command(_new, [
            "import", "acs", "--users", _town.UsersFile(_folder), "--certificate-authority", _old.CertificateAuthority, "--state", Path.Combine(_folder, "state"), "--at-once", "8",
            .. more.Contains("--resource") ? more : ["--resource", "new", .. more]]);
        start.Environment["ACS_CONNECTION_STRING"] = _town.OldConnectionString;
        using var process = Process.Start(start)!;
        var output = new CapturedOutput();
        var drained = Task.WhenAll(output.Drain(process.StandardOutput.BaseStream), output.Drain(process.StandardError.BaseStream));
        if (killedAfter is { } limit && await Task.WhenAny(process.WaitForExitAsync(Cancel), Task.Delay(limit, Cancel)) is var first && !process.HasExited)
        {
            await first;
            process.Kill();
            await process.WaitForExitAsync(Cancel);
            await drained;
            return null;
        }

        await process.WaitForExitAsync(Cancel);
        await drained;
        return (process.ExitCode, output.Text);
    }

    private async Task<IEnumerable<string>> ThreadsHere() =>
        (await _town.Export(_new, _folder)).Where(line => line.ContainsKey("thread")).Select(line => (string)line["thread"]!["id"]!);

    private static ProcessStartInfo Command(EphemeralServer server, params string[] arguments) =>
        new("dotnet", [Repository.Program, .. arguments, "--data", server.Directory]) { RedirectStandardOutput = true, RedirectStandardError = true };

    private static async Task<(int Code, string Output)> Try(EphemeralServer server, params string[] arguments)
    {
        using var process = Process.Start(Command(server, arguments))!;
        var output = new CapturedOutput();
        await Task.WhenAll(output.Drain(process.StandardOutput.BaseStream), output.Drain(process.StandardError.BaseStream), process.WaitForExitAsync(Cancel));
        return (process.ExitCode, output.Text);
    }

    /// <summary>Both resources are exported, and what is written is the same, line by line: ids, times, versions, order, content. Only what names a record within its store may differ.</summary>
    private async Task AssertSameOnBothSides(int threads)
    {
        var (before, after) = (await _town.Export(_old, _folder), await _town.Export(_new, _folder));
        Assert.Equal(threads, before.Count(line => line.ContainsKey("thread")));
        var (here, there) = (Comparable(after), Comparable(before));
        Assert.Equal(there.Keys, here.Keys);
        foreach (var (thread, lines) in there)
        {
            Assert.Equal(lines.Split('\n'), here[thread].Split('\n'));
        }

        var ids = after.Where(line => line.ContainsKey("message")).Select(line => (string)line["message"]!["id"]!).Count();
        Assert.Equal(_town.Messages, ids);
    }

    /// <summary>By thread, because the two stores have them in different orders.</summary>
    private static SortedDictionary<string, string> Comparable(IReadOnlyList<JsonObject> lines)
    {
        var threads = new SortedDictionary<string, string>(StringComparer.Ordinal);
        var current = "";
        foreach (var line in lines)
        {
            if (line["thread"] is JsonObject thread)
            {
                current = (string)thread["id"]!;
                foreach (var participant in thread["participants"]!.AsArray())
                {
                    participant!.AsObject().Remove("addedBy");
                    participant.AsObject().Remove("removedBy");
                    Round(participant.AsObject(), "addedOn");
                    Round(participant.AsObject(), "removedOn");
                    if (participant.AsObject().ContainsKey("removedOn"))
                    {
                        // Nor how those were called who are not in it any more.
                        participant.AsObject().Remove("displayName");
                    }
                }

                threads[current] = thread.ToJsonString();
            }
            else if (line["message"] is JsonObject message)
            {
                message.Remove("identity");
                threads[current] += "\n" + message.ToJsonString();
            }
        }

        return threads;

        // ACS does not tell when somebody was added: the message that tells of it is a moment apart.
        static void Round(JsonObject of, string name)
        {
            if (of.Remove(name, out var time))
            {
                of[name] = time is null ? null : ((string)time!)[..15];
            }
        }
    }

    private async Task AssertAnApplicationSeesNoDifference(int reader = 0)
    {
        var threads = await _town.ThreadsOf(reader);
        var (before, after) = (await Told(_old, _town.OldConnectionString, threads, reader), await Told(_new, _town.NewConnectionString, threads, reader));
        Assert.NotEmpty(threads);
        Assert.Equal(before, after);
    }

    private async Task<string> Told(EphemeralServer server, string connectionString, IReadOnlyList<string> threads, int reader)
    {
        await NodePackages.Ready();
        var start = new ProcessStartInfo("node", [Path.Combine(Repository.Scripts, "stored-ids.mjs")]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["NODE_EXTRA_CA_CERTS"] = server.CertificateAuthority;
        start.Environment["CONNECTION_STRING"] = connectionString;
        start.Environment["STORED"] = JsonSerializer.Serialize(new { user = _town.People[reader].Id, threads = threads.Take(5) });
        using var node = Process.Start(start)!;
        var (output, errors) = (new CapturedOutput(), new CapturedOutput());
        await Task.WhenAll(output.Drain(node.StandardOutput.BaseStream), errors.Drain(node.StandardError.BaseStream), node.WaitForExitAsync(Cancel));
        Assert.True(node.ExitCode == 0, output.Text + errors.Text);
        return output.Text.Split('\n').Single(line => line.StartsWith("#told ", StringComparison.Ordinal));
    }
}
