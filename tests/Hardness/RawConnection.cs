using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using Domicile.Tests.Conversations;

namespace Domicile.Tests.Hardness;

/// <summary>One TLS connection that says bytes as they are, several requests ahead of their answers.</summary>
internal sealed class RawConnection : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly TcpClient _socket;
    private readonly SslStream _stream;
    private byte[] _buffer = new byte[64 * 1024];
    private int _start;
    private int _end;

    private RawConnection(TcpClient socket, SslStream stream)
    {
        _socket = socket;
        _stream = stream;
    }

    /// <summary>Whether the server said that it will close, or did.</summary>
    public bool IsOver { get; private set; }

    public static async Task<RawConnection> Open(DemoResource resource, string authorityFile)
    {
        var socket = new TcpClient { NoDelay = true };
        await socket.ConnectAsync(resource.Host, resource.Port);
        var stream = new SslStream(socket.GetStream());
        await stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = resource.Host,
            CertificateChainPolicy = DemoResource.Trusting(authorityFile),
            ApplicationProtocols = [SslApplicationProtocol.Http11],
        });
        return new RawConnection(socket, stream);
    }

    /// <summary>Sends requests in one go and reads their answers; fewer when the server closes in between.</summary>
    /// <param name="requests">The requests; whether each is a HEAD tells how its answer ends.</param>
    public async Task<List<Answer>> Ask(IReadOnlyList<(byte[] Bytes, bool IsHead)> requests)
    {
        var answers = new List<Answer>(requests.Count);
        var writing = Write(requests);
        using var patience = new CancellationTokenSource(Patience);
        while (answers.Count < requests.Count && !IsOver && await Read(requests[answers.Count].IsHead, patience.Token) is { } answer)
        {
            answers.Add(answer);
        }

        if (IsOver)
        {
            _socket.Client.Shutdown(SocketShutdown.Both);
        }

        await writing;
        return answers;
    }

    /// <summary>Says something and waits for nothing.</summary>
    public async Task Say(byte[] bytes)
    {
        await _stream.WriteAsync(bytes);
        await _stream.FlushAsync();
    }

    /// <summary>The next answer, or null when the server closes without one.</summary>
    public async Task<Answer?> Read(bool isHead, CancellationToken cancel)
    {
        while (true)
        {
            if (await ReadHead(cancel) is not { } head)
            {
                return null;
            }

            var lines = head.Split("\r\n");
            var status = int.Parse(lines[0].Split(' ')[1], null);
            if (status is >= 100 and < 200)
            {
                continue;
            }

            var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
            foreach (var line in lines.Skip(1))
            {
                var colon = line.IndexOf(':', StringComparison.Ordinal);
                headers[line[..colon]] = line[(colon + 1)..].Trim();
            }

            IsOver |= headers.GetValueOrDefault("Connection") == "close";
            var length = isHead || status is 204 or 304 ? 0 : int.Parse(headers.GetValueOrDefault("Content-Length") ?? "0", null);
            while (_end - _start < length)
            {
                if (!await Fill(cancel))
                {
                    return null;
                }
            }

            var body = Encoding.UTF8.GetString(_buffer, _start, length);
            _start += length;
            return new Answer(status, body, headers);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync();
        _socket.Dispose();
    }

    private async Task Write(IReadOnlyList<(byte[] Bytes, bool IsHead)> requests)
    {
        try
        {
            await Say([.. requests.SelectMany(request => request.Bytes)]);
        }
        catch (Exception closed) when (closed is IOException or ObjectDisposedException or InvalidOperationException)
        {
            // The server may hang up before it has heard everything.
        }
    }

    private async Task<string?> ReadHead(CancellationToken cancel)
    {
        while (true)
        {
            var end = _buffer.AsSpan(_start, _end - _start).IndexOf("\r\n\r\n"u8);
            if (end >= 0)
            {
                var head = Encoding.Latin1.GetString(_buffer, _start, end);
                _start += end + 4;
                return head;
            }

            if (!await Fill(cancel))
            {
                return null;
            }
        }
    }

    private async Task<bool> Fill(CancellationToken cancel)
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
        }

        if (_end == _buffer.Length)
        {
            Array.Resize(ref _buffer, 2 * _buffer.Length);
        }

        try
        {
            var count = await _stream.ReadAsync(_buffer.AsMemory(_end), cancel);
            _end += count;
            IsOver |= count == 0;
            return count > 0;
        }
        catch (IOException)
        {
            // Closed without the farewell of TLS.
            IsOver = true;
            return false;
        }
    }
}
