using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Domicile.Modules.Http;
using Domicile.Residency;
using Microsoft.AspNetCore.Http;

namespace Domicile.Server;

/// <summary>
/// Checks that a request was signed with one of a resource's access keys:
/// HMAC-SHA256 over <c>METHOD\nPATH_AND_QUERY\nVALUES</c>, VALUES being those of the signed headers, in order, joined by <c>;</c>.
/// The target is the one on the wire, never one that was decoded; as a second try it is the one with its query form-encoded anew,
/// because that is what the JavaScript clients sign whatever they send.
/// Identical requests sign identically within a second and can be replayed within the window: a replay cache would break real clients.
/// </summary>
internal sealed class AccessKeySignature(TimeProvider clock)
{
    /// <summary>How far a request's date may be from this server's clock, either way.</summary>
    /// <value>15 minutes.</value>
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(15);

    /// <summary>The scheme of the Authorization header.</summary>
    public const string Scheme = "HMAC-SHA256";

    private const string DateHeader = "x-ms-date";
    private const string HostHeader = "host";
    private const string HashHeader = "x-ms-content-sha256";
    private const int MaxSignedHeaders = 16;
    private const int OnStack = 1024;

    /// <summary>Whether the request's Authorization header is of this scheme.</summary>
    public static bool IsPresented(IHeaderDictionary headers) =>
        headers.Authorization is [{ } only] && IsPresented(only);

    private static bool IsPresented(string authorization) =>
        authorization.Length > Scheme.Length && authorization[Scheme.Length] == ' ' && authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase);

    /// <summary>Checks everything but the body, which may not have arrived.</summary>
    /// <param name="method">The request's method.</param>
    /// <param name="rawTarget">Path and query as they stand in the request.</param>
    /// <param name="headers">The request's headers.</param>
    /// <param name="keys">The resource's keys; any of them will do.</param>
    /// <param name="key">Which of the keys made the signature; -1 when none did.</param>
    /// <returns>Null when the signature is good, otherwise what is wrong.</returns>
    public Problem? Check(string method, string rawTarget, IHeaderDictionary headers, IReadOnlyList<byte[]> keys, out int key)
    {
        key = -1;
        if (headers.Authorization is not [{ } authorization] || !IsPresented(authorization))
        {
            return HttpProblems.NoAccessKeySignature;
        }

        if (!TryParse(authorization.AsSpan(Scheme.Length).Trim(' '), out var names, out var signature))
        {
            return HttpProblems.MalformedSignature;
        }

        Span<byte> presented = stackalloc byte[HMACSHA256.HashSizeInBytes];
        if (!Convert.TryFromBase64Chars(signature, presented, out var presentedLength) || presentedLength != presented.Length)
        {
            return HttpProblems.MalformedSignature;
        }

        if (headers[HashHeader] is not [{ Length: > 0 }] || headers[DateHeader] is not [{ } date] || headers.Host is not [{ Length: > 0 }])
        {
            return HttpProblems.MissingSignedHeader;
        }

        if (!DateTimeOffset.TryParseExact(date, "r", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var signedAt)
            || (clock.GetUtcNow() - signedAt).Duration() > Window)
        {
            return HttpProblems.SignatureDate;
        }

        return CheckMessage(method, rawTarget, headers, names, presented, keys, out key);
    }

    /// <summary>Checks the body against the hash that was signed.</summary>
    /// <returns>Null when it is the one, otherwise what is wrong.</returns>
    public static Problem? CheckBody(IHeaderDictionary headers, ReadOnlySpan<byte> body)
    {
        Span<byte> stated = stackalloc byte[SHA256.HashSizeInBytes];
        Span<byte> computed = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(body, computed);
        return headers[HashHeader] is [{ } text] && Convert.TryFromBase64String(text, stated, out var length) && length == stated.Length
            && CryptographicOperations.FixedTimeEquals(stated, computed)
            ? null
            : HttpProblems.WrongContentHash;
    }

    private static Problem? CheckMessage(
        string method, string rawTarget, IHeaderDictionary headers, ReadOnlySpan<char> names, ReadOnlySpan<byte> presented, IReadOnlyList<byte[]> keys,
        out int key)
    {
        key = -1;
        if (ValueBytes(headers, names, out var valueBytes) is { } problem)
        {
            return problem;
        }

        var question = rawTarget.IndexOf('?', StringComparison.Ordinal);
        var queryLength = question < 0 ? 0 : rawTarget.Length - question - 1;
        var before = method.Length + 2;
        var first = before + Encoding.UTF8.GetMaxByteCount(rawTarget.Length) + valueBytes;
        var size = Math.Max(first, before + Encoding.UTF8.GetMaxByteCount(rawTarget.Length - queryLength) + FormUrlEncoding.MaxBytes(queryLength) + valueBytes) + queryLength;

        byte[]? rented = null;
        var memory = size <= OnStack ? stackalloc byte[OnStack] : (rented = ArrayPool<byte>.Shared.Rent(size));
        try
        {
            var scratch = memory[^queryLength..];
            var message = memory[..^queryLength];
            var length = Encoding.UTF8.GetBytes(method, message);
            message[length++] = (byte)'\n';
            var target = length;
            length += Encoding.UTF8.GetBytes(rawTarget, message[length..]);
            length += WriteValues(headers, names, message[length..]);
            if (TryMatch(message[..length], presented, keys, out key))
            {
                return null;
            }

            if (question < 0)
            {
                return HttpProblems.WrongSignature;
            }

            length = target + Encoding.UTF8.GetBytes(rawTarget.AsSpan(0, question), message[target..]);
            var encoded = FormUrlEncoding.Reencode(rawTarget.AsSpan(question + 1), scratch, message[(length + 1)..]);
            if (encoded > 0)
            {
                message[length] = (byte)'?';
                length += encoded + 1;
            }

            length += WriteValues(headers, names, message[length..]);
            return TryMatch(message[..length], presented, keys, out key) ? null : HttpProblems.WrongSignature;
        }
        finally
        {
            if (rented is not null)
            {
                ArrayPool<byte>.Shared.Return(rented);
            }
        }
    }

    // Every key is tried, whichever fits, so that the time taken tells nothing about them.
    private static bool TryMatch(ReadOnlySpan<byte> message, ReadOnlySpan<byte> presented, IReadOnlyList<byte[]> keys, out int key)
    {
        Span<byte> computed = stackalloc byte[HMACSHA256.HashSizeInBytes];
        key = -1;
        for (var i = 0; i < keys.Count; i++)
        {
            HMACSHA256.HashData(keys[i], message, computed);
            key = CryptographicOperations.FixedTimeEquals(computed, presented) ? i : key;
        }

        return key >= 0;
    }

    /// <summary>Takes <c>SignedHeaders=a;b;c&amp;Signature=BASE64</c> apart.</summary>
    private static bool TryParse(ReadOnlySpan<char> parameters, out ReadOnlySpan<char> names, out ReadOnlySpan<char> signature)
    {
        const string NamesPart = "SignedHeaders=";
        const string SignaturePart = "Signature=";
        names = default;
        signature = default;
        foreach (var range in parameters.Split('&'))
        {
            var part = parameters[range];
            if (part.StartsWith(NamesPart, StringComparison.OrdinalIgnoreCase) && names.IsEmpty)
            {
                names = part[NamesPart.Length..];
            }
            else if (part.StartsWith(SignaturePart, StringComparison.OrdinalIgnoreCase) && signature.IsEmpty)
            {
                signature = part[SignaturePart.Length..];
            }
            else
            {
                return false;
            }
        }

        return !names.IsEmpty && !signature.IsEmpty;
    }

    /// <summary>Checks that what must be signed is, that each header is there once, and counts the bytes that the values take at most.</summary>
    private static Problem? ValueBytes(IHeaderDictionary headers, ReadOnlySpan<char> names, out int bytes)
    {
        bytes = 1;
        var count = 0;
        var (date, host, hash) = (0, 0, 0);
        foreach (var range in names.Split(';'))
        {
            var name = names[range];
            if (name.IsEmpty || ++count > MaxSignedHeaders)
            {
                return HttpProblems.MalformedSignature;
            }

            date += name.Equals(DateHeader, StringComparison.OrdinalIgnoreCase) ? 1 : 0;
            host += name.Equals(HostHeader, StringComparison.OrdinalIgnoreCase) ? 1 : 0;
            hash += name.Equals(HashHeader, StringComparison.OrdinalIgnoreCase) ? 1 : 0;
            if (headers[NameOf(name)] is not [{ } value])
            {
                return HttpProblems.MissingSignedHeader;
            }

            bytes += Encoding.UTF8.GetMaxByteCount(value.Length) + 1;
        }

        return (date, host, hash) == (1, 1, 1) ? null : HttpProblems.UnsignedHeader;
    }

    private static int WriteValues(IHeaderDictionary headers, ReadOnlySpan<char> names, Span<byte> destination)
    {
        // Each value has its separator in front of it: a line feed the first, a semicolon the others.
        var length = 0;
        foreach (var range in names.Split(';'))
        {
            destination[length] = length++ == 0 ? (byte)'\n' : (byte)';';
            var name = names[range];
            var value = headers[NameOf(name)][0]!;
            length += name.Equals(HostHeader, StringComparison.OrdinalIgnoreCase)
                ? WriteHost(value, destination[length..])
                : Encoding.UTF8.GetBytes(value, destination[length..]);
        }

        return length;
    }

    // The client signs its URL's host: lower case, and without the port when it is the scheme's own.
    private static int WriteHost(string value, Span<byte> destination)
    {
        const string DefaultPort = ":443";
        var host = value.EndsWith(DefaultPort, StringComparison.Ordinal) ? value.AsSpan(0, value.Length - DefaultPort.Length) : value;
        var length = Encoding.UTF8.GetBytes(host, destination);
        Ascii.ToLowerInPlace(destination[..length], out _);
        return length;
    }

    // The names that every client signs cost no string.
    private static string NameOf(ReadOnlySpan<char> name) =>
        name.Equals(DateHeader, StringComparison.OrdinalIgnoreCase) ? DateHeader
        : name.Equals(HostHeader, StringComparison.OrdinalIgnoreCase) ? HostHeader
        : name.Equals(HashHeader, StringComparison.OrdinalIgnoreCase) ? HashHeader
        : name.ToString();
}
