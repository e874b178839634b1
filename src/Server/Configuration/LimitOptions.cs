namespace Domicile.Server;

/// <summary>What one client, or all of them together, may take of a node before a request is understood. What an operation takes is said on the operation.</summary>
internal sealed record LimitOptions
{
    [Setting("Connections open at once; more are closed as they come.", Minimum = "16", Maximum = "1000000")]
    public int Connections { get; init; } = 10_000;

    [Setting("Requests that one HTTP/2 connection may have open at once.", Minimum = "1", Maximum = "1000")]
    public int StreamsPerConnection { get; init; } = 100;

    [Setting("Time that a request's line and headers may take to arrive.", Minimum = "00:00:01", Maximum = "00:05:00")]
    public TimeSpan RequestHead { get; init; } = TimeSpan.FromSeconds(15);

    [Setting("Time that a TLS handshake may take.", Minimum = "00:00:01", Maximum = "00:05:00")]
    public TimeSpan Handshake { get; init; } = TimeSpan.FromSeconds(10);

    [Setting("Time after which a connection without a request is closed.", Minimum = "00:00:01", Maximum = "01:00:00")]
    public TimeSpan KeepAlive { get; init; } = TimeSpan.FromSeconds(130);

    [Setting("Bytes of the request line (method, target, version) at most.", Minimum = "1024", Maximum = "65536")]
    public int RequestLineBytes { get; init; } = 8 * 1024;

    [Setting("Bytes of all headers of a request together, at most.", Minimum = "4096", Maximum = "262144")]
    public int HeaderBytes { get; init; } = 32 * 1024;

    [Setting("Headers of a request, at most.", Minimum = "16", Maximum = "1000")]
    public int Headers { get; init; } = 100;

    [Setting("Bytes a second that a body must bring, measured after the grace time. Slower bodies are ended with 408.", Minimum = "1", Maximum = "1000000")]
    public int BodyBytesPerSecond { get; init; } = 240;

    [Setting("Grace time before the rate of a body is measured.", Minimum = "00:00:02", Maximum = "00:05:00")]
    public TimeSpan BodyGrace { get; init; } = TimeSpan.FromSeconds(5);

    [Setting("Time that requests under way have to end when the server stops; what is left is cut off.", Minimum = "00:00:00.1", Maximum = "00:05:00")]
    public TimeSpan Drain { get; init; } = TimeSpan.FromSeconds(4);
}
