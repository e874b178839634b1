using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;

namespace Domicile.Tests.Conversations;

/// <summary>How the clients sign a request with an access key, written down once more from the contract (WIRE 1.3).</summary>
/// <param name="Method">HTTP method.</param>
/// <param name="Target">Path and query as they are signed.</param>
/// <param name="Host">Host, with its port when that is not the scheme's own.</param>
/// <param name="Date">The value of <c>x-ms-date</c>.</param>
/// <param name="ContentHash">Base64 of the SHA-256 of the body.</param>
internal sealed record AccessKeySignature(string Method, string Target, string Host, string Date, string ContentHash)
{
    public const string UsualHeaders = "x-ms-date;host;x-ms-content-sha256";

    public string Value(byte[] key, string signedHeaders = UsualHeaders)
    {
        var values = signedHeaders.Split(';').Select(name => name switch
        {
            "x-ms-date" => Date,
            "host" => Host,
            "x-ms-content-sha256" => ContentHash,
            _ => "",
        });
        var text = $"{Method}\n{Target}\n{string.Join(';', values)}";
        return Convert.ToBase64String(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(text)));
    }

    public string Authorization(byte[] key, string signedHeaders = UsualHeaders) =>
        $"HMAC-SHA256 SignedHeaders={signedHeaders}&Signature={Value(key, signedHeaders)}";

    public static string Hash(byte[] body) => Convert.ToBase64String(SHA256.HashData(body));

    public static string At(DateTimeOffset time) => time.ToString("R", CultureInfo.InvariantCulture);

    /// <summary>
    /// What the JavaScript signer makes of a target: the query decoded and written anew by the rules of HTML forms, where
    /// a space is a plus sign and all but letters, digits and <c>* - . _</c> is percent-encoded.
    /// </summary>
    public static string FormEncoded(string target)
    {
        if (target.Split('?', 2) is not [var path, var query])
        {
            return target;
        }

        var pairs = query.Split('&', StringSplitOptions.RemoveEmptyEntries).Select(pair => pair.Split('=', 2))
            .Select(pair => $"{Encode(pair[0])}={Encode(pair.Length > 1 ? pair[1] : "")}");
        return $"{path}?{string.Join('&', pairs)}";
    }

    private static string Encode(string encoded)
    {
        var written = new StringBuilder();
        foreach (var each in Encoding.UTF8.GetBytes(WebUtility.UrlDecode(encoded)))
        {
            _ = (char)each switch
            {
                ' ' => written.Append('+'),
                '*' or '-' or '.' or '_' => written.Append((char)each),
                var letter when char.IsAsciiLetterOrDigit(letter) => written.Append(letter),
                _ => written.Append(CultureInfo.InvariantCulture, $"%{each:X2}"),
            };
        }

        return written.ToString();
    }
}
