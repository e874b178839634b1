namespace Domicile.Server;

/// <summary>Where metrics and traces go. The addresses of OTLP: https://opentelemetry.io/docs/specs/otlp/.</summary>
internal sealed record TelemetryOptions
{
    /// <summary>Protobuf over HTTP/1.1.</summary>
    public const string Http = "http";

    /// <summary>gRPC, over HTTP/2.</summary>
    public const string Grpc = "grpc";

    [Setting("The collector to which metrics and traces are sent (OTLP), as its origin; without one nothing is sent. It is https, unless the collector is on this machine. What is sent has names of operations, states, counts and times, and no identifiers.", Example = "\"https://collector.europe.example.org:4318\"")]
    public string? Collector { get; init; }

    [Setting("File with what the collector is shown in the Authorization header on its first line, such as Bearer and a token, readable by the server's user only; without one nothing is shown.", IsPath = true, Example = "\"/etc/domicile/collector.authorization\"")]
    public string? AuthorizationFile { get; init; }

    [Setting("How the collector is spoken to: http (protobuf over HTTP/1.1; its port is 4318 by custom) or grpc (4317).")]
    public string Protocol { get; init; } = Http;

    [Setting("How often metrics are sent.", Minimum = "00:00:01", Maximum = "01:00:00")]
    public TimeSpan Interval { get; init; } = TimeSpan.FromMinutes(1);

    [Setting("Of how many in a hundred requests a trace is sent; chosen by chance.", Minimum = "0", Maximum = "100")]
    public int TracePercent { get; init; } = 100;

    /// <summary>What the collector is shown; null for nothing.</summary>
    /// <param name="place">Where in the configuration this is.</param>
    /// <exception cref="StartupException">The file cannot be read, others may read it, or it holds nothing that a header may.</exception>
    public string? Authorization(string place)
    {
        if (AuthorizationFile is null)
        {
            return null;
        }

        var shown = SecretLine.Read(AuthorizationFile, $"{place}.authorizationFile");
        return shown.All(letter => letter is >= ' ' and <= '~') && shown.Trim().Length == shown.Length
            ? shown
            : throw new StartupException($"{place}.authorizationFile: the first line of {AuthorizationFile} is no header value: printable ASCII, without spaces around it.");
    }

    /// <summary>What is wrong with these settings.</summary>
    /// <param name="place">Where in the configuration this is.</param>
    public IEnumerable<string> Faults(string place)
    {
        if (Protocol is not (Http or Grpc))
        {
            yield return $"{place}.protocol must be {Http} or {Grpc}.";
        }

        if (AuthorizationFile is not null && Collector is null)
        {
            yield return $"{place}.authorizationFile is for a collector, and {place}.collector names none.";
        }

        if (Collector is not null && !IsOrigin(Collector))
        {
            yield return $"{place}.collector must be an origin such as https://collector.europe.example.org:4318, without a path, a query or a credential.";
        }
        else if (Collector is not null && new Uri(Collector) is { Scheme: "http", IsLoopback: false })
        {
            yield return $"{place}.collector must be https: only a collector on this machine may be spoken to in plain text.";
        }
    }

    private static bool IsOrigin(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "https" or "http" && uri.Host.Length > 0 && uri is { PathAndQuery: "/", Fragment: "", UserInfo: "" };
}
