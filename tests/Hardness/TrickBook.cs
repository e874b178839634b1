using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Domicile.Modules.Http;

namespace Domicile.Tests.Hardness;

/// <summary>
/// Walks every operation and every field of its good request, and makes of each all the wrong requests that it knows to make. What they are filled with
/// differs from walk to walk.
/// </summary>
internal sealed class TrickBook(Scene scene, Scene foreign, Random chance)
{
    private const int LongestTarget = 8 * 1024;

    private static readonly string[] HostileIds =
    [
        "%00", "a%00b", "%ff%fe", "%c0%ae%c0%ae", "%F0%9F%98%80", "%2F", "a%2Fb", "%5C", "%25", "%zz", "%", "*", "'%20OR%201=1--", "%22", "{threadId}", "~", "-1",
        "9223372036854775808", "18446744073709551616", "NaN", "%0d%0aSet-Cookie:x", "%E2%80%AE", "a;b", "a%20", "%20", "\u00fc",
    ];

    // What another operation's path may be made of, and what may be a name.
    private static readonly string[] DoubtfulIds = ["..", ".", "%2e%2e", "%2e%2e%2f%2e%2e", "..%2f", "..;", "....", "", "null", "undefined", "0"];

    private static readonly string[] HostileTexts =
    [
        "", " ", "\u0000", "\u0001\u001f", "a\u0000b", "\uFEFF", "\u202E\u2066", "e\u0301", "\U0001F600", "\uFFFF", "<script>alert(1)</script>", "'; DROP TABLE chat_message; --",
        "{{7*7}}", "${jndi:ldap://x}", "../../root.key", "%00", "null", "true", "0", "NaN", "8:acs:", "8:acs:x_y", "4:+1555", "28:orgid:x", "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59.9999999-14:00", "2026-02-30T00:00:00Z", "-1", "1e400", "99999999999999999999",
    ];

    private static readonly string[] WrongForText = ["1", "true", "[]", "{}", "[\"x\"]", "{\"a\":\"b\"}", "1e400"];
    private static readonly string[] WrongForNumber = ["\"x\"", "true", "[]", "{}", "1.5", "1e400", "99999999999999999999", "2147483648", "-2147483649", "\"\""];
    private static readonly string[] WrongForObject = ["1", "true", "\"x\"", "[]", "[{}]"];
    private static readonly string[] WrongForArray = ["1", "true", "\"x\"", "{}"];
    private static readonly string[] BadJson = ["{", "}", "[", "{]", "nul", "tru", "'a'", "{a:1}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "//", "/**/{}", "{} {}", "{}x", "\u00a0{}", "<a/>", "a=b", "NaN", "-", "\"", "\"\\x\"", "\"\\ud800", "01", "+1", ".5"];

    /// <summary>Every trick on one operation, once. Their number and order are always the same.</summary>
    public IReadOnlyList<Trick> On(Operation operation)
    {
        var sample = Interface.Sample(operation.Name);
        Trick[] all = [.. Versions(operation, sample), .. Paths(operation, sample), .. Queries(operation, sample), .. Credentials(operation, sample), .. OddHeaders(operation, sample),
            .. HardlyHttp(operation, sample), .. sample.Type is null ? [] : Bodies(operation, sample), .. sample.Type is null ? [] : Fields(operation, sample)];
        return [.. all.Select(trick => trick with { IsHardlyHttp = trick.IsHardlyHttp || IsRefusedByTheWebServer(trick) })];
    }

    /// <summary>A null in the path and bytes that are no UTF-8 in the head are refused by the web server itself, before anyone could say in which shape.</summary>
    private static bool IsRefusedByTheWebServer(Trick trick) =>
        trick.Target.Split('?')[0].Contains("%00", StringComparison.Ordinal) || !Ascii.IsValid(trick.Target)
        || trick.Headers.Any(header => !Ascii.IsValid(header.Value)) || trick.Authorizations?.Any(value => !Ascii.IsValid(value)) == true;

    private Trick Good(Operation operation, Sample sample, string name) =>
        new(operation, name, operation.Method, scene.Target(operation, sample), sample.Body is null ? null : Encoding.UTF8.GetBytes(scene.Fill(sample.Body)))
        {
            Headers = [.. sample.Headers.Select(header => (header.Name, scene.Fill(header.Value)))],
        };

    private IEnumerable<Trick> Versions(Operation operation, Sample sample)
    {
        if (operation.Versions.Count == 0)
        {
            yield break;
        }

        var good = Good(operation, sample, "");
        var version = $"api-version={Scene.VersionOf(operation, sample)}";
        foreach (var wrong in new[] { "", "api-version=", "api-version=1", "api-version=2099-01-01", "api-version=latest", "api-version=%00", "api-version=%zz", $"{version}%20", $"{version}&{version}", $"{version}&API-Version=x", $"api_version={version}", $"api-version={new string('9', chance.Next(1, 4000))}" })
        {
            yield return good with { Name = "api-version", Target = good.Target.Replace(version, wrong, StringComparison.Ordinal), MustBeRefused = true };
        }

        yield return good with { Name = "another name for api-version", Target = good.Target.Replace("api-version", "API-VERSION", StringComparison.Ordinal) };
    }

    private IEnumerable<Trick> Paths(Operation operation, Sample sample)
    {
        var good = Good(operation, sample, "");
        var path = scene.Path(operation);
        var parts = operation.Path.Split('/');
        var filled = path.Split('/');
        for (var i = 0; i < parts.Length; i++)
        {
            if (!parts[i].StartsWith('{'))
            {
                continue;
            }

            var isOwnName = parts[i] is "{setting}" or "{alert}" or "{alert}:silence";
            Trick With(string id) => good with { Name = $"{parts[i]} in the path", Target = string.Join('/', filled.Select((part, at) => at == i ? parts[i].Contains("}:", StringComparison.Ordinal) ? id + part[part.LastIndexOf(':')..] : id : part)) + good.Target[path.Length..] };
            foreach (var id in HostileIds)
            {
                // To forget a registration that is not there is fine, whatever it is called; and these names are the caller's own.
                yield return With(id) with { MustBeRefused = operation.Name != "Realtime_Unregister" && !isOwnName };
            }

            foreach (var id in DoubtfulIds)
            {
                yield return With(id);
            }

            yield return With(new string('a', chance.Next(300, 3_000)));
            yield return With(Random(chance.Next(1, 60)));
            yield return With(filled[i].ToUpperInvariant());
            yield return With(filled[i] + "0");
            yield return With(Uri.EscapeDataString(Uri.UnescapeDataString(filled[i]) + "\u0000"));
            // Message ids are instants, so another geography may have one of the same.
            yield return With(foreign.Path(operation).Split('/')[i]) with { Name = "an id of another geography", MustBeRefused = !isOwnName && parts[i] is not ("{messageId}" or "{registrationId}") };
        }

        foreach (var (name, odd) in new[] { ("slash at the end", path + "/"), ("two slashes", "/" + path), ("slashes within", path.Replace("/", "//", StringComparison.Ordinal)), ("upper case", path.ToUpperInvariant()), ("something more", path + "/x"), ("dots", path + "/.."), ("a fragment", path + "#x"), ("semicolon", path + ";x=y"), ("backslash", path.Replace('/', '\\')[1..].Insert(0, "/")), ("a percent", path + "%"), ("dots before", "/x/.." + path), ("out of the root", "/../.." + path) })
        {
            yield return good with { Name = $"path with {name}", Target = odd + good.Target[path.Length..], IsHardlyHttp = name is "a fragment" or "out of the root" };
        }

        foreach (var method in new[] { "PUT", "OPTIONS", "HEAD", "TRACE", "PROPFIND", "X", operation.Method.ToLowerInvariant() })
        {
            // The methods that another operation of the same path has are its own business.
            if (!Interface.Operations.Any(other => other.Path == operation.Path && other.Method == method))
            {
                yield return good with { Name = $"method {method}", Method = method };
            }
        }
    }

    private IEnumerable<Trick> Queries(Operation operation, Sample sample)
    {
        var good = Good(operation, sample, "");
        var separator = good.Target.Contains('?', StringComparison.Ordinal) ? "&" : "?";
        foreach (var (name, _) in sample.Query)
        {
            foreach (var text in (string[])[.. HostileTexts.Select(Uri.EscapeDataString), .. HostileIds, new string('1', chance.Next(20, 5_000)), chance.Next().ToString(CultureInfo.InvariantCulture)])
            {
                var target = good.Target.Split('?') is [var path, var query]
                    ? $"{path}?{string.Join('&', query.Split('&').Select(pair => pair.StartsWith(name + "=", StringComparison.Ordinal) ? $"{name}={text}" : pair))}"
                    : good.Target;
                yield return good with { Name = $"{name} in the query", Target = target, IsHardlyHttp = text.Contains('\u00fc', StringComparison.Ordinal) };
            }

            yield return good with { Name = $"{name} twice", Target = $"{good.Target}&{name}=x" };
        }

        foreach (var more in new[] { "before=x", "before=-1", "before=9223372036854775807.9223372036854775807", "before=.", "skip=2147483647", "skip=-1", "continuation=", "continuation=%00", "a[]=1&a[]=2", "=", "&&&", "%00=%00", "%ff", "?", "x=%f0%28%8c%28" })
        {
            yield return good with { Name = "something more in the query", Target = good.Target + separator + more };
        }

        yield return good with { Name = "many parameters", Target = good.Target + separator + string.Concat(Enumerable.Range(0, chance.Next(100, 900)).Select(i => $"a{i}=&")) };
    }

    private IEnumerable<Trick> Credentials(Operation operation, Sample sample)
    {
        if (operation.Access.Kind == AccessKind.Open)
        {
            yield break;
        }

        var good = Good(operation, sample, "credential") with { MustBeRefused = true };
        foreach (var odd in new[]
        {
            "", " ", "Bearer", "Bearer ", "Bearer  ", "bearer x", "Bearer x.y.z", "Bearer ..", "Bearer \u00ff\u00fe", "Basic", "Basic !!!", "Basic Og==", "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes(Random(2_000))),
            "Negotiate x", "HMAC-SHA256", "HMAC-SHA256 ", "HMAC-SHA256 SignedHeaders=&Signature=", "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=AAAA",
            "HMAC-SHA256 SignedHeaders=host;host;host&Signature=AAAA", "HMAC-SHA256 Signature=x&Signature=y&SignedHeaders=host", "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=\u00ff",
            "HMAC-SHA256 SignedHeaders=" + new string(';', 3_000) + "&Signature=AAAA", "Bearer " + new string('a', 12_000), "Bearer eyJhbGciOiJub25lIn0.e30.",
        })
        {
            yield return good with { Authorizations = [odd] };
        }

        yield return good with { Authorizations = [] };
        yield return good with { Authorizations = ["Bearer x", "Bearer y"] };
        if (operation.Access.Kind == AccessKind.Application)
        {
            foreach (var (name, value) in new[] { ("x-ms-date", "yesterday"), ("x-ms-date", "Sat, 01 Jan 0001 00:00:00 GMT"), ("x-ms-date", "Fri, 31 Dec 9999 23:59:59 GMT"), ("x-ms-date", ""), ("x-ms-content-sha256", "x"), ("x-ms-content-sha256", ""), ("x-ms-content-sha256", Convert.ToBase64String(new byte[32])) })
            {
                yield return good with { Name = name, Headers = [.. good.Headers, (name, value)] };
            }
        }
    }

    private IEnumerable<Trick> OddHeaders(Operation operation, Sample sample)
    {
        var good = Good(operation, sample, "header");
        foreach (var (name, value) in new[]
        {
            ("Content-Type", "text/plain"), ("Content-Type", ""), ("Content-Type", "application/json; charset=utf-16"), ("Content-Type", new string('x', 3_000)), ("Content-Encoding", "gzip"), ("Accept", "\u00ff"),
            ("Accept-Charset", "x"), ("If-Match", "*"), ("Range", "bytes=0-"), ("Cookie", new string('a', 4_000)), ("x-ms-client-request-id", Random(200)), ("x-ms-client-request-id", "\u00e9\u00ff"),
            ("X-Forwarded-For", "' OR 1"), ("X-Forwarded-Host", "evil.example"), ("X-HTTP-Method-Override", "DELETE"), ("Origin", "null"), ("Origin", "https://evil.example"), ("traceparent", "00-x"),
            ("Upgrade", "h2c"), ("Connection", "keep-alive, Upgrade"), ("TE", "trailers"), ("Max-Forwards", "0"), ("Forwarded", "host=x;;;"), ("repeatability-first-sent", "x"),
        })
        {
            yield return good with { Name = $"header {name}", Headers = [.. good.Headers.Where(header => header.Name != name), (name, value)] };
        }

        if (sample.Headers is [var (repeated, _)])
        {
            foreach (var value in new[] { "x", "", new string('0', 3_000), "{}" })
            {
                yield return good with { Name = $"header {repeated}", Headers = [(repeated, value)], MustBeRefused = value.Length > 1_000 };
            }
        }

        yield return good with { Name = "another host", Headers = [.. good.Headers, ("Host", "contoso.europe.example.org")], MustBeRefused = true };
        yield return good with { Name = "two hosts", Headers = [.. good.Headers, ("Host", "a"), ("Host", "b")], MustBeRefused = true, IsHardlyHttp = true, IsAlone = true };
        yield return good with { Name = "many headers", Headers = [.. good.Headers, .. Enumerable.Range(0, 60).Select(i => ($"x-{i}", Random(20)))] };
    }

    /// <summary>What no client says. One or two of all in a walk: each needs a connection of its own.</summary>
    private IEnumerable<Trick> HardlyHttp(Operation operation, Sample sample)
    {
        var good = Good(operation, sample, "") with { MustBeRefused = true, IsHardlyHttp = true, IsAlone = true };
        var start = $"{good.Method} {good.Target} HTTP/1.1\r\n";
        byte[] Of(string head, string host, string credential, string rest) => Encoding.Latin1.GetBytes($"{head}Host: {host}\r\n{credential}{rest}");
        (string Name, Func<string, string, byte[]> Raw)[] all =
        [
            ("content-length −1", (host, credential) => Of(start, host, credential, "Content-Length: -1\r\n\r\n")),
            ("content-length x", (host, credential) => Of(start, host, credential, "Content-Length: x\r\n\r\n")),
            ("content-length too large for a number", (host, credential) => Of(start, host, credential, "Content-Length: 99999999999999999999\r\n\r\n")),
            ("two content-lengths", (host, credential) => Of(start, host, credential, "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab")),
            ("an unknown coding", (host, credential) => Of(start, host, credential, "Transfer-Encoding: gzip\r\nConnection: close\r\n\r\nab")),
            ("a chunk of no size", (host, credential) => Of(start, host, credential, "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\nab\r\n0\r\n\r\n")),
            ("a chunk of a huge size", (host, credential) => Of(start, host, credential, "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\nffffffffffffffff\r\nab\r\n")),
            ("a chunk without its end", (host, credential) => Of(start, host, credential, "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nabcd\r\n0\r\n\r\n")),
            ("no host", (_, credential) => Encoding.Latin1.GetBytes($"{start}{credential}\r\n")),
            ("a header without a name", (host, credential) => Of(start, host, credential, ": x\r\n\r\n")),
            ("a header with a space in its name", (host, credential) => Of(start, host, credential, "a b: x\r\n\r\n")),
            ("a folded header", (host, credential) => Of(start, host, credential, "a: x\r\n y\r\n\r\n")),
            ("a header with a null", (host, credential) => Of(start, host, credential, "a: \0\r\n\r\n")),
            ("a huge header", (host, credential) => Of(start, host, credential, $"a: {new string('x', 60_000)}\r\n\r\n")),
            ("too many headers", (host, credential) => Of(start, host, credential, string.Concat(Enumerable.Range(0, 200).Select(i => $"a{i}: x\r\n")) + "\r\n")),
            ("a huge target", (host, credential) => Of($"{good.Method} {good.Target}{(good.Target.Contains('?', StringComparison.Ordinal) ? '&' : '?')}{new string('a', LongestTarget)} HTTP/1.1\r\n", host, credential, "\r\n")),
            ("a space in the target", (host, credential) => Of($"{good.Method} {good.Target} x HTTP/1.1\r\n", host, credential, "\r\n")),
            ("a null in the target", (host, credential) => Of($"{good.Method} {good.Target}\0 HTTP/1.1\r\n", host, credential, "\r\n")),
            ("another's target", (host, credential) => Of($"{good.Method} http://evil.example{good.Target} HTTP/1.1\r\n", host, credential, "Connection: close\r\n\r\n")),
            ("a target of an authority", (host, credential) => Of($"CONNECT {host} HTTP/1.1\r\n", host, credential, "Connection: close\r\n\r\n")),
            ("a star for a target", (host, credential) => Of($"{good.Method} * HTTP/1.1\r\n", host, credential, "Connection: close\r\n\r\n")),
            ("another protocol", (host, credential) => Of($"{good.Method} {good.Target} HTTQ/1.1\r\n", host, credential, "\r\n")),
            ("no protocol", (host, credential) => Of($"{good.Method} {good.Target}\r\n", host, credential, "\r\n")),
            ("garbage", (_, _) => Encoding.Latin1.GetBytes(Random(300) + "\r\n\r\n")),
            ("bytes", (_, _) => Bytes(300)),
        ];
        foreach (var at in (int[])[chance.Next(all.Length), chance.Next(all.Length)])
        {
            yield return good with { Name = all[at].Name, Raw = all[at].Raw };
        }
    }

    private IEnumerable<Trick> Bodies(Operation operation, Sample sample)
    {
        var good = Good(operation, sample, "") with { MustBeRefused = true };
        var text = Encoding.UTF8.GetString(good.Body!);
        foreach (var bad in BadJson)
        {
            yield return good with { Name = "no JSON", Body = Encoding.UTF8.GetBytes(bad) };
        }

        foreach (var other in new[] { "[]", "1", "\"x\"", "true", "null", "[{}]" })
        {
            yield return good with { Name = "JSON, but no object", Body = Encoding.UTF8.GetBytes(other) };
        }

        yield return good with { Name = "no body", Body = null, MustBeRefused = !sample.NeedsNoBody };
        yield return good with { Name = "an empty object", Body = "{}"u8.ToArray(), MustBeRefused = false };
        yield return good with { Name = "spaces", Body = Encoding.UTF8.GetBytes(new string(' ', chance.Next(1, 100))) };
        for (var i = 0; i < 6; i++)
        {
            yield return good with { Name = "truncated", Body = good.Body![..chance.Next(1, text.TrimEnd().Length)] };
            byte[] broken = [.. good.Body];
            broken[chance.Next(broken.Length)] = (byte)chance.Next(0x80, 0x100);
            yield return good with { Name = "invalid UTF-8", Body = broken };
            byte[] changed = [.. good.Body];
            changed[chance.Next(changed.Length)] = (byte)chance.Next(0, 0x20);
            yield return good with { Name = "a control character", Body = changed, MustBeRefused = false };
            byte[] swapped = [.. good.Body];
            swapped[chance.Next(swapped.Length)] ^= (byte)(1 << chance.Next(7));
            yield return good with { Name = "a flipped bit", Body = swapped, MustBeRefused = false };
        }

        yield return good with { Name = "another encoding", Body = Encoding.Unicode.GetBytes(text) };
        yield return good with { Name = "something behind", Body = [.. good.Body!, (byte)'x'] };
        foreach (var depth in new[] { 33, 200, 1_500 })
        {
            yield return good with { Name = "deep nesting", Body = Encoding.UTF8.GetBytes($"{{\"unknown\":{new string('[', depth)}{new string(']', depth)},{text.TrimStart()[1..]}") };
            yield return good with { Name = "deep nesting without an end", Body = Encoding.UTF8.GetBytes(new string(chance.Next(2) == 0 ? '[' : '{', depth)) };
        }

        yield return good with { Name = "unknown members", Body = Encoding.UTF8.GetBytes($"{{\"unknown\":{{\"a\":[1,null,\"x\"]}},{text.TrimStart()[1..]}"), MustBeRefused = false };
        yield return good with { Name = "oversized", Body = [.. good.Body!, .. Encoding.UTF8.GetBytes(new string(' ', operation.BodyLimit + 1 - good.Body!.Length))], IsAlone = true };
    }

    private IEnumerable<Trick> Fields(Operation operation, Sample sample)
    {
        var good = Good(operation, sample, "");
        var root = JsonNode.Parse(good.Body!)!;
        foreach (var path in PathsOf(root, []))
        {
            var at = string.Join('/', path);
            var node = Find(root, path)!;
            var kind = node.GetValueKind();
            Trick With(string name, string json, bool mustBeRefused = false) =>
                good with { Name = $"{at}: {name}", Body = Encoding.UTF8.GetBytes(Written(root, path, json)), MustBeRefused = mustBeRefused };
            var isFraction = kind == JsonValueKind.Number && node.ToJsonString().Contains('.', StringComparison.Ordinal);
            foreach (var wrong in kind switch { JsonValueKind.String => WrongForText, JsonValueKind.Number => WrongForNumber, JsonValueKind.Array => WrongForArray, JsonValueKind.Object => WrongForObject, _ => [] })
            {
                // Where a fraction may stand, any number may.
                yield return With("a wrong type", wrong, mustBeRefused: !(isFraction && double.TryParse(wrong, CultureInfo.InvariantCulture, out _)));
            }

            yield return With("null", "null");
            if (path[^1] is string)
            {
                yield return good with { Name = $"{at}: twice", Body = Encoding.UTF8.GetBytes(Written(root, path, node.ToJsonString(), twice: true)), MustBeRefused = true };
                yield return good with { Name = $"{at}: left out", Body = Encoding.UTF8.GetBytes(Written(root, path, null)) };
            }

            if (kind == JsonValueKind.String)
            {
                foreach (var hostile in HostileTexts)
                {
                    yield return With("a hostile text", JsonSerializer.Serialize(hostile));
                }

                yield return With("half a character", "\"\\ud800\"", mustBeRefused: true);
                yield return With("half a character", "\"a\\udc00b\"", mustBeRefused: true);
                yield return With("a long text", JsonSerializer.Serialize(new string('x', chance.Next(250, 4_000))));
                yield return With("a long text of long characters", JsonSerializer.Serialize(string.Concat(Enumerable.Repeat("\U0001F600", chance.Next(100, 1_000)))));
                yield return With("an id of another geography", JsonSerializer.Serialize(foreign.Member));
                yield return With("an id of one that is not there", JsonSerializer.Serialize(scene.Member[..^4] + "0000"));
            }
            else if (kind == JsonValueKind.Number)
            {
                foreach (var number in new[] { "0", "-1", "1", "2147483647", "-2147483648", "61" })
                {
                    yield return With("another number", number);
                }
            }
            else if (kind == JsonValueKind.Array)
            {
                yield return With("nothing in it", "[]");
                yield return With("null in it", "[null]");
                yield return With("too much in it", $"[{string.Join(',', Enumerable.Repeat(node.AsArray() is [{ } first, ..] ? first.ToJsonString() : "\"x\"", chance.Next(2, 40)))}]");
            }
            else if (kind == JsonValueKind.Object)
            {
                yield return With("nothing in it", "{}");
                yield return With("half a character for a name", "{\"\\ud800\":\"x\"}");
                yield return With("many members", $"{{{string.Join(',', Enumerable.Range(0, chance.Next(2, 200)).Select(i => $"\"n{i}\":\"v\""))}}}");
                yield return With("another sort of person", chance.Next(3) switch { 0 => """{"phoneNumber":{"value":"+1"}}""", 1 => """{"microsoftTeamsUser":{"userId":"x"}}""", _ => """{"microsoftTeamsApp":{"appId":null},"communicationUser":null}""" });
            }
        }
    }

    private static IEnumerable<object[]> PathsOf(JsonNode node, object[] path)
    {
        IEnumerable<(object Step, JsonNode? Node)> inner = node switch
        {
            JsonObject members => members.Select(member => ((object)member.Key, member.Value)),
            JsonArray elements => elements.Select((element, i) => ((object)i, element)),
            _ => [],
        };
        foreach (var (step, child) in inner)
        {
            if (child is not null)
            {
                object[] at = [.. path, step];
                yield return at;
                foreach (var deeper in PathsOf(child, at))
                {
                    yield return deeper;
                }
            }
        }
    }

    private static JsonNode? Find(JsonNode root, object[] path) => path.Aggregate((JsonNode?)root, (node, step) => step is int at ? node![at] : node![(string)step]);

    /// <summary>The body with other JSON, which need not be any, in one place; without the member when there is none.</summary>
    private static string Written(JsonNode root, object[] path, string? json, bool twice = false)
    {
        const string Place = "the place of the trick";
        var copy = root.DeepClone();
        var parent = Find(copy, path[..^1])!;
        if (path[^1] is int at)
        {
            parent[at] = Place;
            return copy.ToJsonString().Replace($"\"{Place}\"", json, StringComparison.Ordinal);
        }

        var name = (string)path[^1];
        if (json is null)
        {
            parent.AsObject().Remove(name);
            return copy.ToJsonString();
        }

        parent[name] = Place;
        return copy.ToJsonString().Replace($"\"{Place}\"", twice ? $"{json},{JsonSerializer.Serialize(name)}:{json}" : json, StringComparison.Ordinal);
    }

    private string Random(int length) => string.Create(length, chance, static (text, chance) =>
    {
        for (var i = 0; i < text.Length; i++)
        {
            text[i] = "abcdefghijklmnopqrstuvwxyz0123456789-_.~"[chance.Next(40)];
        }
    });

    private byte[] Bytes(int length)
    {
        var bytes = new byte[length];
        chance.NextBytes(bytes);
        return bytes;
    }
}
