using System.Buffers.Text;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace Domicile.Bench.EndToEnd;

/// <summary>A lean client's connection: HTTP/1.1 over TLS, kept alive, one request in flight.</summary>
internal sealed class LeanConnection(SslStream stream) : IAsyncDisposable
{
    private byte[] _buffer = new byte[8 * 1024];

    /// <summary>What trusts one authority.</summary>
    /// <param name="file">Its certificate.</param>
    public static X509ChainPolicy Trust(string file)
    {
        var trust = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        trust.CustomTrustStore.ImportFromPemFile(file);
        return trust;
    }

    /// <summary>Connects to a port of this machine.</summary>
    /// <param name="port">The port.</param>
    /// <param name="name">The name that the server must have.</param>
    /// <param name="trust">What is trusted.</param>
    /// <param name="asFront">Whether it is a node behind a front, to which it speaks as that.</param>
    public static async Task<LeanConnection> Open(int port, string name, X509ChainPolicy trust, bool asFront = false)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Loopback, port);
        if (asFront)
        {
            await socket.SendAsync(AcsClient.FrontLine);
        }

        var stream = new SslStream(new NetworkStream(socket, ownsSocket: true));
        await stream.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions { TargetHost = name, CertificateChainPolicy = trust, ApplicationProtocols = [SslApplicationProtocol.Http11] });
        return new LeanConnection(stream);
    }

    /// <summary>Asks, and waits for the whole answer.</summary>
    /// <returns>The status, and the body until the next request.</returns>
    public async Task<(int Status, ReadOnlyMemory<byte> Body)> Ask(byte[] request)
    {
        await stream.WriteAsync(request);
        for (var length = 0; ;)
        {
            if (length == _buffer.Length)
            {
                Array.Resize(ref _buffer, _buffer.Length * 2);
            }

            var read = await stream.ReadAsync(_buffer.AsMemory(length));
            length += read > 0 ? read : throw new IOException("The server ended the connection.");
            if (Look(_buffer.AsSpan(0, length)) is var (status, from, to))
            {
                return (status, _buffer.AsMemory(from..to));
            }
        }
    }

    public ValueTask DisposeAsync() => stream.DisposeAsync();

    /// <summary>Status and body of an answer that is there as a whole. Without a length there is no body: neither server answers in chunks.</summary>
    private static (int Status, int From, int To)? Look(ReadOnlySpan<byte> answer)
    {
        if (answer.IndexOf("\r\n\r\n"u8) is not (var head and >= 0) || !Utf8Parser.TryParse(answer["HTTP/1.1 ".Length..], out int status, out _))
        {
            return null;
        }

        var (from, length) = (head + 4, 0);
        if (answer[..head].IndexOf("Content-Length: "u8) is var at and >= 0 && !Utf8Parser.TryParse(answer[(at + 16)..], out length, out _))
        {
            return null;
        }

        return answer.Length >= from + length ? (status, from, from + length) : null;
    }
}
