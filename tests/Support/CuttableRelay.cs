using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Domicile.Tests.Support;

/// <summary>A line to a server that a test can cut: what is sent gets through, and then the answer is lost with the connection.</summary>
internal sealed class CuttableRelay : IAsyncDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<Socket, Socket> _lines = new();
    private readonly int _target;
    private readonly Task _accepting;
    private volatile byte[]? _cutAfter;
    private volatile TaskCompletionSource _flowing = Flowing();
    private int _cuts;

    public CuttableRelay(int target)
    {
        _target = target;
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen();
        _accepting = Accept();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    /// <summary>How often an answer was cut off.</summary>
    public int Cuts => Volatile.Read(ref _cuts);

    /// <summary>Cuts each connection that sends this text, before the answer to it is passed back; null for none.</summary>
    public void CutAnswersTo(string? text) => _cutAfter = text is null ? null : System.Text.Encoding.ASCII.GetBytes(text);

    /// <summary>Whether nobody gets through any more; connections that are there stay until <see cref="CutAll"/>.</summary>
    public bool IsDown { get; set; }

    /// <summary>From now on nothing passes, and no connection ends either, as when a router forgets them.</summary>
    public void Stall() => _flowing = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Everything that was kept passes.</summary>
    public void Flow() => _flowing.TrySetResult();

    /// <summary>Cuts every connection now.</summary>
    public void CutAll()
    {
        foreach (var (client, server) in _lines)
        {
            client.Dispose();
            server.Dispose();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        CutAll();
        await _accepting;
        _stop.Dispose();
    }

    private static TaskCompletionSource Flowing()
    {
        var flowing = new TaskCompletionSource();
        flowing.SetResult();
        return flowing;
    }

    private async Task Accept()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptAsync(_stop.Token);
                if (IsDown)
                {
                    client.Dispose();
                    continue;
                }

                _ = Relay(client);
            }
        }
        catch (Exception ended) when (ended is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The relay is being closed.
        }
    }

    private async Task Relay(Socket client)
    {
        using var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        using (client)
        {
            _lines.TryAdd(client, server);
            var line = new Line();
            try
            {
                await server.ConnectAsync(IPAddress.Loopback, _target, _stop.Token);
                await Task.WhenAny(Pass(client, server, line, isQuestion: true), Pass(server, client, line, isQuestion: false));
            }
            catch (Exception ended) when (ended is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                // One end is gone; so is the other.
            }

            _lines.TryRemove(client, out _);
        }
    }

    private async Task Pass(Socket from, Socket to, Line line, bool isQuestion)
    {
        var buffer = new byte[16_384];
        try
        {
            while (await from.ReceiveAsync(buffer, _stop.Token) is > 0 and var length)
            {
                if (isQuestion && _cutAfter is { } text && buffer.AsSpan(0, length).IndexOf(text) >= 0)
                {
                    line.IsCut = true;
                }
                else if (!isQuestion && line.IsCut)
                {
                    // The server has done it: this would have been the answer.
                    Interlocked.Increment(ref _cuts);
                    return;
                }

                await _flowing.Task.WaitAsync(_stop.Token);
                await to.SendAsync(buffer.AsMemory(0, length), _stop.Token);
            }
        }
        catch (Exception ended) when (ended is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The other side of the line, or the test, closed it.
        }
    }

    private sealed class Line
    {
        private volatile bool _isCut;

        public bool IsCut
        {
            get => _isCut;
            set => _isCut = value;
        }
    }
}
