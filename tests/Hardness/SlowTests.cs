using System.Diagnostics;
using System.Text;
using Domicile.Tests.Conversations;

namespace Domicile.Tests.Hardness;

/// <summary>Requests that do not arrive whole: cut off, or so slow that the server gives up. Nobody else waits for them, and they write nothing.</summary>
[Collection(nameof(HardnessCollection))]
public sealed class SlowTests : IAsyncLifetime
{
    private const int Connections = 30;
    private ServerProcess _server = null!;
    private Wire _wire = null!;
    private WireUser _ada = null!;
    private string _thread = "";

    public async ValueTask InitializeAsync()
    {
        _server = await ServerProcess.Start();
        _wire = new Wire(_server.Europe, _server.CertificateAuthority);
        _ada = await _wire.NewUser();
        _thread = await _wire.NewThread(_ada);
    }

    public async ValueTask DisposeAsync()
    {
        _wire.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task A_request_that_is_cut_off_anywhere_writes_nothing_and_hurts_nobody()
    {
        var whole = Request("a message that never arrives whole");
        var body = whole.AsSpan().IndexOf("\r\n\r\n"u8) + 4;
        var seed = Seed.Take();
        var chance = seed.For(0);
        using var store = new StoreWatch(Path.Combine(_server.Data, "europe"));
        var before = store.Read();
        for (var i = 0; i < 60; i++)
        {
            await using var connection = await RawConnection.Open(_server.Europe, _server.CertificateAuthority);
            await connection.Say(whole[..(i % 2 == 0 ? chance.Next(1, body) : chance.Next(body, whole.Length))]);
        }

        Assert.Null(store.Read().FaultAfter(before));
        await _wire.Say(_ada, _thread, "a whole one");
        Assert.DoesNotContain("fail:", _server.Output.Text, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("length", "full")]
    public async Task A_request_that_does_not_go_on_is_ended_and_the_others_do_not_wait_for_it()
    {
        var whole = Request("a message that never arrives whole");
        var body = whole.AsSpan().IndexOf("\r\n\r\n"u8) + 4;
        using var store = new StoreWatch(Path.Combine(_server.Data, "europe"));
        var slow = new List<(RawConnection Connection, bool HasHead)>();
        for (var i = 0; i < Connections; i++)
        {
            var connection = await RawConnection.Open(_server.Europe, _server.CertificateAuthority);
            await connection.Say(whole[..(i % 2 == 0 ? body - 10 : body + 10)]);
            slow.Add((connection, i % 2 == 1));
        }

        var watch = Stopwatch.StartNew();
        await _wire.Say(_ada, _thread, "not slow");
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(5), $"A message waited {watch.Elapsed} for those that are slow.");
        var before = store.Read();

        // The head may take 15 s; a body must bring 240 bytes a second after its first 5 s.
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(45));
        foreach (var (connection, hasHead) in slow)
        {
            var answer = await connection.Read(isHead: false, patience.Token);
            Assert.True(answer is null or { Status: 408 }, $"{answer?.Status} {answer?.Body}");
            if (answer is { Body.Length: > 0 } && hasHead)
            {
                answer.IsError(408);
            }

            await connection.DisposeAsync();
        }

        Assert.Null(store.Read().FaultAfter(before));
        Remark.Say($"{Connections} requests that did not go on were ended within {watch.Elapsed.TotalSeconds:0.0} s");
    }

    private byte[] Request(string text)
    {
        var body = Wire.Bytes(new { content = text });
        return
        [
            .. Encoding.ASCII.GetBytes(
                $"POST {Wire.Chat(_thread, "/messages")} HTTP/1.1\r\nHost: {_wire.Authority}\r\nAuthorization: Bearer {_ada.Token}\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n"),
            .. body,
        ];
    }
}
