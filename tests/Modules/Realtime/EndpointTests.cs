using Domicile.Modules.Chat;
using Domicile.Modules.Http;
using Domicile.Modules.Realtime;
using Domicile.Residency;
using Domicile.Tests.Support;

namespace Domicile.Tests.Modules.Realtime;

/// <summary>What one endpoint holds, and what becomes of clients that are silent, slow or gone; on a clock that the test turns.</summary>
public sealed class EndpointTests
{
    private readonly ManualClock _clock = new();
    private readonly Endpoint _endpoint;

    public EndpointTests()
    {
        _endpoint = NewEndpoint();
    }

    [Fact]
    public void A_socket_that_is_half_open_is_ended_when_nothing_was_heard_for_too_long()
    {
        var connection = Connect();
        _clock.Turn(RealtimeLimits.Silence);
        _endpoint.Tick();
        Assert.Null(connection.Ended);

        _clock.Turn(TimeSpan.FromSeconds(1));
        _endpoint.Tick();
        Assert.Equal(Ending.Silent, connection.Ended);
    }

    [Fact]
    public void A_client_that_pings_is_not_taken_for_silent()
    {
        var connection = Connect();
        for (var ping = 1; ping <= 10; ping++)
        {
            _clock.Turn(TimeSpan.FromSeconds(40));
            Assert.Null(connection.Hear($$"""5:{{ping}}+::{"name":"ping"}"""));
            _endpoint.Tick();
            Assert.Contains($"6:::{ping}+[\"pong\"]", connection.Take());
        }

        Assert.Null(connection.Ended);
    }

    [Fact]
    public void A_client_that_answers_nothing_is_dropped_with_the_reason_when_it_is_256_events_behind()
    {
        var connection = Connect();
        for (var count = 0; count < RealtimeLimits.EventsBehind; count++)
        {
            _endpoint.Offer(Event());
            connection.Take();
        }

        Assert.Null(connection.Ended);
        _endpoint.Offer(Event());
        Assert.Equal(Ending.Behind, connection.Ended);
        Assert.True(_endpoint.IsClear, "nothing of it is held any more");
    }

    [Fact]
    public void A_client_that_is_a_mebibyte_behind_is_dropped_however_few_events_that_are()
    {
        var connection = Connect();
        var large = Event(new string('x', 28_000));
        var fit = RealtimeLimits.BytesBehind / large.Text.Length;
        Assert.InRange(fit, 1, RealtimeLimits.EventsBehind - 1);
        for (var count = 0; count < fit; count++)
        {
            _endpoint.Offer(large);
        }

        Assert.Null(connection.Ended);
        _endpoint.Offer(large);
        Assert.Equal(Ending.Behind, connection.Ended);
    }

    [Fact]
    public void Who_was_dropped_for_being_behind_is_told_that_something_is_missing_when_it_comes_back()
    {
        Connect();
        for (var count = 0; count <= RealtimeLimits.EventsBehind; count++)
        {
            _endpoint.Offer(Event());
        }

        Assert.Contains("trouter.message_loss", string.Concat(Connect().Take()), StringComparison.Ordinal);
        Assert.DoesNotContain("trouter.message_loss", string.Concat(Connect().Take()), StringComparison.Ordinal);
    }

    [Fact]
    public void A_client_that_answers_is_never_behind_however_much_it_is_told()
    {
        var connection = Connect();
        for (var number = 1; number <= RealtimeLimits.EventsBehind * 3; number++)
        {
            _endpoint.Offer(Event());
            connection.Take();
            Assert.Null(connection.Hear($$"""3:::{"id":{{number}},"status":200}"""));
        }

        Assert.Null(connection.Ended);
        Assert.True(_endpoint.IsClear);
    }

    [Fact]
    public void Who_asks_and_never_takes_the_answers_is_ended()
    {
        var connection = Connect();
        for (var ping = 1; ping <= RealtimeLimits.Replies + 1; ping++)
        {
            connection.Hear($$"""5:{{ping}}+::{"name":"ping"}""");
        }

        Assert.Equal(Ending.Unread, connection.Ended);
    }

    [Fact]
    public void A_flood_of_packets_that_answer_nothing_ends_the_connection()
    {
        var connection = Connect();
        var endings = Enumerable.Range(0, RealtimeLimits.Packets + 1).Select(_ => connection.Hear("2::")).ToList();
        Assert.All(endings[..^1], Assert.Null);
        Assert.Equal(Ending.Flood, endings[^1]);
    }

    [Fact]
    public void What_was_told_and_not_answered_is_told_again_first_and_in_order_on_the_next_connection()
    {
        var connection = Connect();
        foreach (var text in (string[])["one", "two", "three"])
        {
            _endpoint.Offer(Event(text));
        }

        Assert.Equal(3, connection.Take().Count);
        Assert.Null(connection.Hear("""3:::{"id":1,"status":200}"""));
        _endpoint.Offer(Event("four"));
        _endpoint.Detach(connection);

        var again = Connect().Take();
        Assert.Equal(3, again.Count);
        Assert.Contains("two", again[0], StringComparison.Ordinal);
        Assert.Contains("three", again[1], StringComparison.Ordinal);
        Assert.Contains("four", again[2], StringComparison.Ordinal);
    }

    [Fact]
    public void Who_is_still_told_what_it_missed_has_not_answered_that()
    {
        _endpoint.CatchUpFrom(7);
        var connection = Connect();
        connection.Take();
        Assert.Equal((7, false), (_endpoint.AnsweredUpTo, _endpoint.IsClear));

        _endpoint.CaughtUp([Event()]);
        Assert.Single(connection.Take());
        Assert.False(_endpoint.IsClear);
        Assert.Null(connection.Hear("""3:::{"id":1,"status":200}"""));
        Assert.Equal((null, true), (_endpoint.AnsweredUpTo, _endpoint.IsClear));
    }

    [Fact]
    public void Who_is_away_for_too_long_is_forgotten_with_everything_that_waits()
    {
        var connection = Connect();
        _endpoint.Detach(connection);
        _endpoint.Offer(Event());
        _clock.Turn(RealtimeLimits.Away);
        Assert.False(_endpoint.Tick());
        _clock.Turn(TimeSpan.FromSeconds(1));
        Assert.True(_endpoint.Tick());
        Assert.True(_endpoint.IsGone);
        Assert.Null(_endpoint.AnsweredUpTo);
    }

    [Fact]
    public void A_token_that_expires_ends_the_connection()
    {
        var connection = Connect();
        for (var hour = 0; hour < 24; hour++)
        {
            _clock.Turn(TimeSpan.FromHours(1) - TimeSpan.FromSeconds(1));
            connection.Hear("2::");
            _endpoint.Tick();
            if (connection.Ended is { } ending)
            {
                Assert.Equal(Ending.Expired, ending);
                Assert.Equal(1, hour);
                return;
            }
        }

        Assert.Fail("It was never ended.");
    }

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("9::")]
    [InlineData("3:::")]
    [InlineData("3:::{")]
    [InlineData("3:::[]")]
    [InlineData("3:::{\"id\":\"one\"}")]
    [InlineData("5:::null")]
    [InlineData("5:1+::[]")]
    [InlineData("5:x+::{\"name\":\"ping\"}")]
    [InlineData("5:12345678901234567890+::{\"name\":\"ping\"}")]
    [InlineData("\uFFFD9\uFFFD2::")]
    public void What_is_no_packet_ends_the_connection_with_the_reason(string junk) => Assert.Equal(Ending.NoPacket, Connect().Hear(junk));

    [Theory]
    [InlineData("3:::{\"id\":-9223372036854775808,\"status\":200}")]
    [InlineData("3:::{\"id\":9223372036854775807,\"status\":200}")]
    [InlineData("3:::{\"id\":1,\"status\":200,\"headers\":{\"a\":[[[[]]]]}}")]
    public void An_answer_to_nothing_is_counted_and_harms_nobody(string packet)
    {
        var connection = Connect();
        Assert.Null(connection.Hear(packet));
        Assert.Null(connection.Ended);
    }

    private Endpoint NewEndpoint() => new(
        null!,
        new Caller.User(new SubjectRef(1), "8:acs:someone", []) { Pass = new TokenPass(_clock.GetUtcNow() + TimeSpan.FromHours(1.5), 0, "") },
        "endpoint",
        _clock);

    private PlayedConnection Connect()
    {
        var connection = new PlayedConnection(_endpoint, _clock);
        Assert.True(_endpoint.Attach(connection, _endpoint.User));
        return connection;
    }

    private static Outgoing Event(string name = "Someone") => new(
        EventText.Of(new ChatHappening.Typing
        {
            ThreadId = "19:thread@thread.v2",
            Version = 1,
            By = new ChatPerson("8:acs:someone", name),
            Audience = [new SubjectRef(2)],
        }),
        1);
}
