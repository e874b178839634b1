using System.Net;
using Microsoft.AspNetCore.Connections;

namespace Domicile.Server;

/// <summary>
/// Takes the PROXY header off a connection before TLS starts, where the listener stands behind passthrough fronts. There the header is required:
/// a connection without one, or from anywhere but a front, ends. Elsewhere it is never looked for, or any client could say that it is another.
/// </summary>
/// <param name="next">TLS.</param>
/// <param name="clock">Times the wait for the header.</param>
internal sealed class ProxyProtocol(ConnectionDelegate next, TimeProvider clock)
{
    /// <summary>How long a front may take to send the header.</summary>
    /// <value>5 seconds.</value>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>Serves one connection.</summary>
    public Task Serve(ConnectionContext connection) =>
        connection.Features.Get<Listener>() is { Fronts.Count: > 0 } listener ? ServeBehindFront(connection, listener) : next(connection);

    private async Task ServeBehindFront(ConnectionContext connection, Listener listener)
    {
        if (connection.RemoteEndPoint is not IPEndPoint peer || !IsFront(peer.Address, listener.Fronts) || !await ReadHeader(connection))
        {
            connection.Abort();
            return;
        }

        await next(connection);
    }

    private static bool IsFront(IPAddress peer, IReadOnlyList<IPNetwork> fronts)
    {
        var address = peer.IsIPv4MappedToIPv6 ? peer.MapToIPv4() : peer;
        return fronts.Any(front => front.Contains(address));
    }

    private async Task<bool> ReadHeader(ConnectionContext connection)
    {
        using var late = new CancellationTokenSource(Patience, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, connection.ConnectionClosed);
        var input = connection.Transport.Input;
        try
        {
            while (true)
            {
                var read = await input.ReadAsync(either.Token);
                var outcome = ProxyHeader.Read(read.Buffer, out var client, out var length);
                if (outcome == ProxyHeader.Outcome.Whole)
                {
                    // The rest is the client's, and stays in the pipe for TLS.
                    input.AdvanceTo(read.Buffer.GetPosition(length));
                    connection.RemoteEndPoint = client ?? connection.RemoteEndPoint;
                    return true;
                }

                input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
                if (outcome == ProxyHeader.Outcome.Bad || read.IsCompleted || read.Buffer.Length >= ProxyHeader.MaxBytes)
                {
                    return false;
                }
            }
        }
        catch (Exception gone) when (gone is OperationCanceledException or IOException)
        {
            return false;
        }
    }
}
