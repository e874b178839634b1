using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;

namespace Domicile.Server;

/// <summary>
/// The addresses that the node listens on. They come and go while it runs: Kestrel sees one endpoint, the switchboard, and this hands it the
/// connections of every socket that is open at the moment. So a port that is taken is an exception to whoever asked for it, and nothing else stops.
/// </summary>
internal sealed partial class Listeners : IConnectionListenerFactory, IConnectionListenerFactorySelector, IConnectionListener
{
    // Connections accepted and not yet taken by Kestrel; beyond that the kernel's queue holds them.
    private const int Waiting = 64;
    private const int Backlog = 512;
    private const int PortAttempts = 16;
    private static readonly TimeSpan PauseWhenOutOfSockets = TimeSpan.FromMilliseconds(100);

    private readonly Channel<ConnectionContext> _accepted = Channel.CreateBounded<ConnectionContext>(new BoundedChannelOptions(Waiting) { SingleReader = true });
    private readonly Dictionary<int, List<Open>> _open = [];
    private readonly Lock _changing = new();
    private readonly SocketConnectionContextFactory _connections;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;
    private bool _closed;

    public Listeners(TimeProvider clock, ILoggerFactory loggers)
    {
        _clock = clock;
        _log = loggers.CreateLogger<Listeners>();
        _connections = new SocketConnectionContextFactory(new SocketConnectionFactoryOptions(), loggers.CreateLogger("Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets"));
    }

    /// <summary>What Kestrel is told to listen on.</summary>
    public static EndPoint Switchboard { get; } = new SwitchboardEndPoint();

    EndPoint IConnectionListener.EndPoint => Switchboard;

    /// <summary>Looks whether an address could be listened on at this moment, and leaves it.</summary>
    /// <exception cref="StartupException">It could not.</exception>
    public static void CheckFree(IPEndPoint address) => Bind(address).Dispose();

    /// <summary>The same for a port of the loopback addresses, as <see cref="AddLoopback"/> listens.</summary>
    /// <exception cref="StartupException">It could not.</exception>
    public static void CheckFreeLoopback(int port)
    {
        CheckFree(new IPEndPoint(IPAddress.Loopback, port));
        TryBindLoopbackV6(port)?.Dispose();
    }

    /// <summary>Whether a port of the loopback addresses could be listened on at this moment.</summary>
    public static bool IsFreeLoopback(int port)
    {
        try
        {
            CheckFreeLoopback(port);
            return true;
        }
        catch (StartupException)
        {
            return false;
        }
    }

    /// <summary>Starts to listen on one address.</summary>
    /// <returns>The port, which differs from the one asked for when that was 0.</returns>
    /// <exception cref="StartupException">The address cannot be had.</exception>
    public int Add(Listener listener)
    {
        var socket = Bind(listener.Address);
        return Start([(socket, listener)]);
    }

    /// <summary>Starts to listen on a port of the loopback addresses: 127.0.0.1, and ::1 where the machine has it.</summary>
    /// <param name="listener">What is said there; its address gives the port.</param>
    /// <returns>The port, which differs from the one asked for when that was 0.</returns>
    /// <exception cref="StartupException">The port cannot be had on both.</exception>
    public int AddLoopback(Listener listener)
    {
        for (var attempt = 1; ; attempt++)
        {
            var v4 = Bind(new IPEndPoint(IPAddress.Loopback, listener.Address.Port));
            var port = ((IPEndPoint)v4.LocalEndPoint!).Port;
            try
            {
                var both = new List<(Socket, Listener)> { (v4, listener) };
                if (TryBindLoopbackV6(port) is { } v6)
                {
                    both.Add((v6, listener));
                }

                return Start(both);
            }
            catch (StartupException) when (listener.Address.Port == 0 && attempt < PortAttempts)
            {
                // The free port of one address family was taken in the other: take another.
                v4.Dispose();
            }
            catch
            {
                v4.Dispose();
                throw;
            }
        }
    }

    /// <summary>Stops to listen on a port. Connections that are open stay until they end.</summary>
    /// <returns>Whether anything listened there.</returns>
    public bool Remove(int port)
    {
        List<Open>? gone;
        lock (_changing)
        {
            _open.Remove(port, out gone);
        }

        gone?.ForEach(open => open.Socket.Dispose());
        return gone is not null;
    }

    /// <summary>The ports that are listened on.</summary>
    public IReadOnlyCollection<int> Ports
    {
        get
        {
            lock (_changing)
            {
                return [.. _open.Keys];
            }
        }
    }

    bool IConnectionListenerFactorySelector.CanBind(EndPoint endpoint) => endpoint is SwitchboardEndPoint;

    ValueTask<IConnectionListener> IConnectionListenerFactory.BindAsync(EndPoint endpoint, CancellationToken cancellationToken) => new(this);

    async ValueTask<ConnectionContext?> IConnectionListener.AcceptAsync(CancellationToken cancellationToken)
    {
        while (await _accepted.Reader.WaitToReadAsync(cancellationToken))
        {
            if (_accepted.Reader.TryRead(out var connection))
            {
                return connection;
            }
        }

        return null;
    }

    async ValueTask IConnectionListener.UnbindAsync(CancellationToken cancellationToken)
    {
        Task[] loops;
        lock (_changing)
        {
            _closed = true;
            var all = _open.Values.SelectMany(open => open).ToList();
            all.ForEach(open => open.Socket.Dispose());
            loops = [.. all.Select(open => open.Loop)];
            _open.Clear();
        }

        // Kestrel goes on taking connections until this completes, so what was accepted is served; unless there is no time left.
        await Task.WhenAll(loops).WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _accepted.Writer.TryComplete();
    }

    ValueTask IAsyncDisposable.DisposeAsync()
    {
        lock (_changing)
        {
            _closed = true;
            foreach (var open in _open.Values.SelectMany(open => open))
            {
                open.Socket.Dispose();
            }

            _open.Clear();
        }

        _accepted.Writer.TryComplete();
        while (_accepted.Reader.TryRead(out var connection))
        {
            connection.Abort();
        }

        _connections.Dispose();
        return ValueTask.CompletedTask;
    }

    private int Start(List<(Socket Socket, Listener Listener)> sockets)
    {
        var port = ((IPEndPoint)sockets[0].Socket.LocalEndPoint!).Port;
        lock (_changing)
        {
            if (_closed)
            {
                foreach (var (socket, _) in sockets)
                {
                    socket.Dispose();
                }

                throw new StartupException($"The server is stopping and does not listen on port {port} any more.");
            }

            if (!_open.TryGetValue(port, out var open))
            {
                _open.Add(port, open = []);
            }

            open.AddRange(sockets.Select(pair => new Open(pair.Socket, Accept(pair.Socket, pair.Listener))));
        }

        return port;
    }

    private async Task Accept(Socket socket, Listener listener)
    {
        // Not on the thread of whoever opened the port.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        while (true)
        {
            try
            {
                var accepted = await socket.AcceptAsync();
                accepted.NoDelay = true;
                var connection = _connections.Create(accepted);
                connection.Features.Set(listener);
                if (!_accepted.Writer.TryWrite(connection))
                {
                    await _accepted.Writer.WriteAsync(connection);
                }
            }
            catch (Exception ended) when (ended is ObjectDisposedException or ChannelClosedException or SocketException { SocketErrorCode: SocketError.OperationAborted })
            {
                return;
            }
            catch (SocketException broken) when (broken.SocketErrorCode is SocketError.TooManyOpenSockets or SocketError.NoBufferSpaceAvailable)
            {
                LogOutOfSockets(broken.SocketErrorCode);
                await Task.Delay(PauseWhenOutOfSockets, _clock);
            }
            catch (SocketException)
            {
                // The client was gone before its connection was taken.
            }
        }
    }

    private static Socket? TryBindLoopbackV6(int port)
    {
        if (!Socket.OSSupportsIPv6)
        {
            return null;
        }

        try
        {
            return Bind(new IPEndPoint(IPAddress.IPv6Loopback, port));
        }
        catch (StartupException none) when (none.InnerException is SocketException { SocketErrorCode: SocketError.AddressNotAvailable or SocketError.AddressFamilyNotSupported })
        {
            // The kernel knows IPv6 and the machine has no ::1, as in many containers.
            return null;
        }
    }

    private static Socket Bind(IPEndPoint address)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (address.Address.Equals(IPAddress.IPv6Any))
            {
                socket.DualMode = true;
            }

            socket.Bind(address);
            socket.Listen(Backlog);
            return socket;
        }
        catch (SocketException refused)
        {
            socket.Dispose();
            throw new StartupException(refused.SocketErrorCode switch
            {
                SocketError.AddressAlreadyInUse =>
                    $"Port {address.Port} of {address.Address} is in use. Stop the program that has it (another Domicile?), or choose another port.",
                SocketError.AccessDenied =>
                    $"Port {address.Port} of {address.Address} may not be used by this user. Choose a port above 1023, or give the program the capability CAP_NET_BIND_SERVICE.",
                SocketError.AddressNotAvailable =>
                    $"This machine does not have the address {address.Address}. Listen on one that it has, or on 0.0.0.0.",
                _ => $"Port {address.Port} of {address.Address} cannot be listened on: {refused.Message}.",
            }, refused);
        }
    }

    [LoggerMessage(1111, LogLevel.Error, "No connection can be accepted for now: {Reason}. Raise the limit of open files.")]
    private partial void LogOutOfSockets(SocketError reason);

    private sealed record Open(Socket Socket, Task Loop);

    private sealed class SwitchboardEndPoint : EndPoint
    {
        public override string ToString() => "switchboard";
    }
}
