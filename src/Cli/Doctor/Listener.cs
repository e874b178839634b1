using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace Domicile.Cli.Doctor;

/// <summary>Who, if anyone, listens on a port of this machine.</summary>
internal static class Listener
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>Whether the port could be taken now: bound for a moment, on both loopback addresses, and let go.</summary>
    /// <returns>None when it is free, else why not.</returns>
    public static SocketError? Bind(int port)
    {
        foreach (var address in new[] { IPAddress.Loopback, IPAddress.IPv6Loopback })
        {
            try
            {
                using var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
                socket.Bind(new IPEndPoint(address, port));
                socket.Listen(1);
            }
            catch (SocketException failure) when (failure.SocketErrorCode is SocketError.AddressNotAvailable or SocketError.AddressFamilyNotSupported)
            {
                // A machine without IPv6 has one address less to be taken on.
            }
            catch (SocketException failure)
            {
                return failure.SocketErrorCode;
            }
        }

        return null;
    }

    /// <summary>The certificate of whoever listens, when it is trusted for that name; null otherwise.</summary>
    /// <param name="host">The name to ask for.</param>
    /// <param name="port">The port.</param>
    /// <param name="authorities">The only authorities to trust; none for those of the system.</param>
    /// <param name="cancel">Gives up.</param>
    /// <param name="at">Where to connect to; null to look the name up.</param>
    public static async Task<X509Certificate2?> TrustedCertificate(string host, int port, X509Certificate2Collection? authorities, CancellationToken cancel, IPEndPoint? at = null)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        patience.CancelAfter(Patience);
        try
        {
            using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(at is null ? new DnsEndPoint(host, port) : at, patience.Token);
            await using var stream = new SslStream(new NetworkStream(socket));
            await stream.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = host,
                    CertificateChainPolicy = authorities is null ? null : AdminClient.TrustOnly(authorities),
                },
                patience.Token);
            return stream.RemoteCertificate is { } certificate ? new X509Certificate2(certificate) : null;
        }
        catch (Exception failure) when (failure is SocketException or IOException or AuthenticationException)
        {
            return null;
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return null;
        }
    }
}
