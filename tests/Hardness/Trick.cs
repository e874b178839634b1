using System.Text;
using Domicile.Modules.Http;

namespace Domicile.Tests.Hardness;

/// <summary>A request that is wrong, or odd, in one way.</summary>
/// <param name="Operation">The operation that it is about.</param>
/// <param name="Name">What is wrong with it.</param>
/// <param name="Method">The method.</param>
/// <param name="Target">Path and query, as they are sent.</param>
/// <param name="Body">The body; null for none.</param>
internal sealed record Trick(Operation Operation, string Name, string Method, string Target, byte[]? Body)
{
    /// <summary>Whether nothing but a refusal will do. Else it may be carried out, as long as nothing fails.</summary>
    public bool MustBeRefused { get; init; }

    /// <summary>Whether it is so little HTTP that the web server may refuse it before there is a contract: without a body, or by hanging up.</summary>
    public bool IsHardlyHttp { get; init; }

    /// <summary>Whether it is sent on a connection of its own.</summary>
    public bool IsAlone { get; init; }

    /// <summary>Replaces the credential; null leaves the right one, an empty list sends none.</summary>
    public IReadOnlyList<string>? Authorizations { get; init; }

    /// <summary>Further headers, or others in place of Host, Content-Type and Content-Length.</summary>
    public IReadOnlyList<(string Name, string Value)> Headers { get; init; } = [];

    /// <summary>The request as it stands, for what no client would say; written with the place of the credential and the host open.</summary>
    public Func<string, string, byte[]>? Raw { get; init; }

    public override string ToString() => $"{Operation.Name}: {Name} ({Method} {(Target.Length > 200 ? Target[..200] + "…" : Target)})";

    /// <summary>The bytes of HTTP/1.1.</summary>
    public byte[] Bytes(string host, IEnumerable<(string Name, string Value)> credential)
    {
        if (Raw is not null)
        {
            return Raw(host, string.Concat(credential.Select(header => $"{header.Name}: {header.Value}\r\n")));
        }

        var head = new StringBuilder($"{Method} {Target} HTTP/1.1\r\n");
        var usual = new List<(string Name, string Value)> { ("Host", host) };
        if (Body is not null)
        {
            usual.Add(("Content-Type", Method == "PATCH" ? "application/merge-patch+json" : "application/json"));
            usual.Add(("Content-Length", Body.Length.ToString(null, null)));
        }
        else if (Method is "POST" or "PUT" or "PATCH")
        {
            usual.Add(("Content-Length", "0"));
        }

        foreach (var (name, value) in usual.Where(header => Headers.All(other => !other.Name.Equals(header.Name, StringComparison.OrdinalIgnoreCase))).Concat(credential).Concat(Headers))
        {
            head.Append(null, $"{name}: {value}\r\n");
        }

        return [.. Encoding.Latin1.GetBytes(head.Append("\r\n").ToString()), .. Body ?? []];
    }
}
