namespace Domicile.Tests.Conversations;

/// <summary>Events, as a back end on Node hears them with the vendor's unmodified package.</summary>
[Trait("needs", "node")]
public sealed class EventScriptTests(EventScriptTests.BackEnd backEnd) : Conversation, IClassFixture<EventScriptTests.BackEnd>
{
    [Fact]
    public Task Events_in_the_EventGridSchema_are_read_by_the_unmodified_deserialiser() => GoesWell();

    [Fact]
    public Task Events_in_the_CloudEventSchemaV1_0_are_read_by_the_unmodified_deserialiser() => GoesWell();

    private protected override Task<ScriptSummary> Played() => backEnd.Played!;

    /// <summary>The script on a server of its own; whoever owns the resource subscribes when it asks.</summary>
    public sealed class BackEnd : IAsyncLifetime
    {
        private EventTests.Town? town;

        internal Task<ScriptSummary>? Played { get; private set; }

        public async ValueTask InitializeAsync()
        {
            town = new EventTests.Town();
            await town.InitializeAsync();
            Played = NodeScript.Play("events.mjs", town.Server, isBrowser: true, onPause: async pause =>
            {
                var (schema, target) = (pause.Split(' ')[0], pause.Split(' ')[1]);
                var made = (await town.TrySubscribe(target, $"node-{schema.Length}", schema)).Is(201).Json;
                Assert.Equal("Active", made.GetProperty("state").GetString());
            });
        }

        public ValueTask DisposeAsync() => town!.DisposeAsync();
    }
}
