using System.Net;
using System.Net.Sockets;
using Domicile.Server;

namespace Domicile.Tests.Server;

/// <summary>Base ports for servers of tests, below those that the system gives out by itself; each is given once.</summary>
internal static class PortRange
{
    private const int First = 12_000;
    private const int Last = 31_000;
    private const int Apart = 200;
    private static int _given;

    /// <summary>A port from which on 200 are not used by any other test, and those that a server takes first are free.</summary>
    public static int Base()
    {
        while (true)
        {
            var number = Interlocked.Increment(ref _given) + (Environment.ProcessId % 50);
            var port = First + (number * Apart % (Last - First));
            if (Enumerable.Range(port, 8).Concat(Enumerable.Range(port + 100, 4)).All(Listeners.IsFreeLoopback))
            {
                return port;
            }
        }
    }

    /// <summary>Takes a port as another program would.</summary>
    public static Socket Take(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
        socket.Listen();
        return socket;
    }
}
