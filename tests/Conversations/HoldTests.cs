using System.Text.Json;

namespace Domicile.Tests.Conversations;

/// <summary>What people meet when something of theirs is under a hold, on the unmodified clients; the holds are placed with the command.</summary>
[Trait("needs", "node")]
public sealed class HoldTests : Conversation, IClassFixture<HoldTests.Held>
{
    private readonly Held _held;

    public HoldTests(Held held)
    {
        _held = held;
    }

    [Fact]
    public Task Under_a_hold_people_go_on_talking_and_take_nothing_back() => GoesWell();

    [Fact]
    public async Task The_holds_are_listed_with_their_reasons_while_they_stand_and_the_audit_log_has_both_ends()
    {
        await Played();
        var listed = Assert.Single(_held.Listed.EnumerateArray());
        Assert.Equal(("chat.thread", "Case 4711", false), (listed.GetProperty("covers").GetString(), listed.GetProperty("reason").GetString(), listed.GetProperty("isDue").GetBoolean()));
        Assert.StartsWith("19:", listed.GetProperty("name").GetString(), StringComparison.Ordinal);
        Assert.Empty(_held.After.EnumerateArray());
        Assert.Contains("restricted.read", _held.Acts, StringComparison.Ordinal);
        Assert.Contains("hold.placed", _held.Acts, StringComparison.Ordinal);
        Assert.Contains("hold.released", _held.Acts, StringComparison.Ordinal);
        Assert.Contains("Case 4711", _held.Acts, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_the_hold_keeps_of_somebody_who_was_erased_is_shown_to_who_may_place_holds_until_it_is_released()
    {
        await Played();
        var records = _held.Restricted.EnumerateArray().ToList();
        Assert.All(records, record => Assert.Equal(_held.Erased, Assert.Single(record.GetProperty("identifiers").EnumerateArray()).GetProperty("value").GetString()));
        var said = Assert.Single(records, record => record.GetProperty("kind").GetString() == "chat.message" && record.GetProperty("fields").GetProperty("content").ValueKind == JsonValueKind.String);
        Assert.Equal(("what cy said", _held.Erased), (said.GetProperty("fields").GetProperty("content").GetString(), said.GetProperty("fields").GetProperty("sender").GetString()));
        Assert.Single(records, record => record.GetProperty("kind").GetString() == "chat.participant");
        Assert.Empty(_held.RestrictedAfter.EnumerateArray());
    }

    private protected override Task<ScriptSummary> Played() => _held.Played!;

    /// <summary>The script with its holds, on a server of its own.</summary>
    public sealed class Held : IAsyncLifetime
    {
        private ServerProcess? _server;

        internal Task<ScriptSummary>? Played { get; private set; }

        internal JsonElement Listed { get; private set; }

        internal JsonElement After { get; private set; }

        internal string Erased { get; private set; } = "";

        internal JsonElement Restricted { get; private set; }

        internal JsonElement RestrictedAfter { get; private set; }

        internal string Acts { get; private set; } = "";

        public async ValueTask InitializeAsync()
        {
            var server = _server = await ServerProcess.Start();
            Played = NodeScript.Play("holds.mjs", server, onPause: async pause =>
            {
                var (what, which) = (pause.Split(' ')[0], pause.Split(' ')[1]);
                if (what == "place")
                {
                    await Command("hold", "add", "demo", "--thread", which, "--reason", "Case 4711", "--review-on", $"{DateTime.UtcNow.AddYears(1):yyyy-MM-dd}");
                    Listed = await Command("hold", "list", "demo");
                    return;
                }

                if (what == "read")
                {
                    Erased = which;
                    Restricted = await Kept(records => records.GetArrayLength() > 1);
                    return;
                }

                await server.Command("hold", "release", "demo", which, "--geography", "Europe", "--data", server.Data);
                After = await Command("hold", "list", "demo");
                RestrictedAfter = await Kept(records => records.GetArrayLength() == 0);
                var file = Path.Combine(server.Data, "exported.jsonl");
                await server.Command("audit", "export", file, "--geography", "Europe", "--data", server.Data);
                Acts = await File.ReadAllTextAsync(file);
            });

            async Task<JsonElement> Kept(Func<JsonElement, bool> isThere)
            {
                JsonElement kept = default;
                await Eventually.Holds(async () => isThere(kept = await Command("hold", "restricted", "demo")), TimeSpan.FromMinutes(1), () => $"{kept}");
                return kept;
            }

            async Task<JsonElement> Command(params string[] command) => JsonElement.Parse(await server.Command([.. command, "--geography", "Europe", "--data", server.Data, "--json"]));
        }

        public async ValueTask DisposeAsync()
        {
            if (_server is not null)
            {
                await _server.DisposeAsync();
            }
        }
    }
}
