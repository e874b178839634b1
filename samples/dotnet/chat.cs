// Two people talk, over HTTP alone: what Azure.Communication.Identity and Azure.Communication.Chat do, step by step.
// Needs CONNECTION_STRING, and SSL_CERT_FILE with the server's certificate authority.
using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

var connection = Environment.GetEnvironmentVariable("CONNECTION_STRING") ?? throw new InvalidOperationException("Set CONNECTION_STRING to what ./domicile serve printed.");
var parts = connection.Split(';').Select(part => part.Split('=', 2)).ToDictionary(pair => pair[0].ToLowerInvariant(), pair => pair[1]);
var (endpoint, key) = (new Uri(parts["endpoint"]), Convert.FromBase64String(parts["accesskey"]));
using var http = new HttpClient { BaseAddress = endpoint };
const string identity = "api-version=2023-10-01", chat = "api-version=2025-03-15";

var (ada, bo) = (await Person("Ada"), await Person("Bo"));
var created = await AsUser(ada, HttpMethod.Post, $"/chat/threads?{chat}", new JsonObject
{
    ["topic"] = "Lunch",
    ["participants"] = new JsonArray([.. new[] { ada, bo }.Select(person => new JsonObject
    {
        ["communicationIdentifier"] = new JsonObject { ["communicationUser"] = new JsonObject { ["id"] = person.Id } },
        ["displayName"] = person.Name,
    })]),
});
var messages = $"/chat/threads/{Uri.EscapeDataString((string)created["chatThread"]!["id"]!)}/messages?{chat}";
await Say(ada, "Lunch at noon?");
await Say(bo, "I will be there.");

// From the newest to the oldest. A list that is longer goes on at its nextLink.
var told = await AsUser(bo, HttpMethod.Get, messages);
foreach (var message in told["value"]!.AsArray().Where(message => (string?)message!["type"] == "text").Reverse())
{
    Console.WriteLine($"{message!["senderDisplayName"]}: {message["content"]!["message"]}");
}

async Task<(string Id, string Token, string Name)> Person(string name)
{
    var made = await AsApplication(HttpMethod.Post, $"/identities?{identity}", new JsonObject { ["createTokenWithScopes"] = new JsonArray("chat") });
    return ((string)made["identity"]!["id"]!, (string)made["accessToken"]!["token"]!, name);
}

Task Say((string Id, string Token, string Name) who, string content) =>
    AsUser(who, HttpMethod.Post, messages, new JsonObject { ["content"] = content, ["type"] = "text", ["senderDisplayName"] = who.Name });

// A request of the application: signed with the access key over method, path and query, date, host and the hash of the body.
Task<JsonNode> AsApplication(HttpMethod method, string target, JsonNode body)
{
    var content = Encoding.UTF8.GetBytes(body.ToJsonString());
    var (date, hash) = (DateTimeOffset.UtcNow.ToString("R", CultureInfo.InvariantCulture), Convert.ToBase64String(SHA256.HashData(content)));
    var signature = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes($"{method}\n{target}\n{date};{endpoint.Authority};{hash}"));
    var request = Request(method, target, content);
    request.Headers.Add("x-ms-date", date);
    request.Headers.Add("x-ms-content-sha256", hash);
    request.Headers.TryAddWithoutValidation("Authorization", $"HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={Convert.ToBase64String(signature)}");
    return Answer(request);
}

// A request of a user, with their token.
Task<JsonNode> AsUser((string Id, string Token, string Name) who, HttpMethod method, string target, JsonNode? body = null)
{
    var request = Request(method, target, body is null ? null : Encoding.UTF8.GetBytes(body.ToJsonString()));
    request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", who.Token);
    return Answer(request);
}

static HttpRequestMessage Request(HttpMethod method, string target, byte[]? content) => new(method, target)
{
    Content = content is null ? null : new ByteArrayContent(content) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } },
};

async Task<JsonNode> Answer(HttpRequestMessage request)
{
    using var answer = await http.SendAsync(request);
    var text = await answer.Content.ReadAsStringAsync();
    return answer.IsSuccessStatusCode ? JsonNode.Parse(text)! : throw new HttpRequestException($"{request.Method} {request.RequestUri}: {(int)answer.StatusCode} {text}");
}
