using System.Text;

namespace Domicile.Tests.Conversations;

/// <summary>What every answer carries, and the shape of failures.</summary>
public sealed class ErrorAnswerTests(SharedServer shared)
{
    private const string Create = $"/identities?api-version={Wire.IdentityVersion}";

    [Fact]
    public async Task Every_answer_echoes_the_clients_request_id_and_has_one_of_its_own()
    {
        using var wire = await shared.Wire();
        var ids = new HashSet<string>();
        var id = Guid.NewGuid().ToString();
        void Named(HttpRequestMessage request) => request.Headers.Add("x-ms-client-request-id", id);

        foreach (var answer in new[]
        {
            (await wire.AsApplication(HttpMethod.Post, Create, (object?)null, Named)).Is(201),
            (await wire.AsApplication(HttpMethod.Post, "/identities?api-version=1", (object?)null, Named)).IsError(400),
            (await wire.Send(HttpMethod.Post, Create, [], Named)).IsError(401),
            (await wire.AsApplication(HttpMethod.Get, "/nothing", (object?)null, Named)).IsError(400, 404),
        })
        {
            Assert.Equal(id, answer.Header("x-ms-client-request-id"));
            Assert.True(ids.Add(answer.Header("x-ms-request-id")!), "Every request has an id of its own.");
        }
    }

    [Theory]
    [InlineData("a b")]
    [InlineData("<script>alert(1)</script>")]
    public async Task A_request_id_of_any_sort_does_no_harm(string id)
    {
        using var wire = await shared.Wire();

        var answer = await wire.AsApplication(
            HttpMethod.Post, Create, (object?)null, request => request.Headers.TryAddWithoutValidation("x-ms-client-request-id", id));

        Assert.True(answer.Status is 201 or 400, answer.Body);
    }

    [Theory]
    [InlineData("GET", "/nothing")]
    [InlineData("GET", "/chat")]
    [InlineData("POST", "/identities/x/:unknownAction")]
    [InlineData("GET", "/.well-known/nothing")]
    [InlineData("GET", "/connection-strings.json")]
    [InlineData("GET", "/../../connection-strings.json")]
    [InlineData("GET", "/%2e%2e/%2e%2e/ca.pem")]
    public async Task A_path_that_does_not_exist_is_not_found(string method, string path)
    {
        using var wire = await shared.Wire();

        var answer = await wire.AsApplication(new HttpMethod(method), $"{path}?api-version={Wire.IdentityVersion}");

        answer.IsError(404);
    }

    [Theory]
    [InlineData("PUT", "/identities")]
    [InlineData("PATCH", "/identities")]
    [InlineData("DELETE", "/identities")]
    public async Task A_method_that_a_path_does_not_take_is_refused(string method, string path)
    {
        using var wire = await shared.Wire();

        var answer = await wire.AsApplication(new HttpMethod(method), $"{path}?api-version={Wire.IdentityVersion}");

        answer.IsError(404, 405);
    }

    [Fact]
    public async Task The_administration_is_not_on_a_resources_origin()
    {
        using var wire = await shared.Wire();
        var user = await wire.NewUser();

        foreach (var path in new[] { "/health/ready", "/health", "/metrics", "/audit", "/resources", "/geographies", "/admin", "/inventory" })
        {
            (await wire.Send(HttpMethod.Get, path)).IsError(401, 403, 404);
            (await wire.AsApplication(HttpMethod.Get, path)).IsError(400, 401, 403, 404);
            (await wire.AsUser(user.Token, HttpMethod.Get, path)).IsError(400, 401, 403, 404);
        }
    }

    [Fact]
    public async Task Nothing_is_redirected()
    {
        using var wire = await shared.Wire();

        foreach (var path in new[] { "/", "//", "/identities/", "/chat/threads/", "/CHAT/threads", "/chat//threads" })
        {
            var answer = await wire.Send(HttpMethod.Get, $"{path}?api-version={Wire.ChatVersion}");
            Assert.False(answer.Status is >= 300 and < 400, $"{path}: {answer.Status}");
        }
    }

    [Fact]
    public async Task An_answer_says_nothing_of_the_software_behind_it()
    {
        using var wire = await shared.Wire();

        var answer = await wire.AsApplication(HttpMethod.Post, Create);

        Assert.Null(answer.Header("Server"));
        Assert.Null(answer.Header("X-Powered-By"));
    }

    [Fact]
    public async Task A_host_that_is_not_the_resources_is_sent_away()
    {
        using var wire = await shared.Wire();

        var answer = await wire.SendBytes(Encoding.ASCII.GetBytes(
            $"GET /chat/threads?api-version={Wire.ChatVersion} HTTP/1.1\r\nHost: contoso.europe.example.org\r\nConnection: close\r\n\r\n"));

        Assert.True(answer.Status is 400 or 401 or 404 or 421, $"{answer.Status} {answer.Body}");
    }

    [Theory]
    [InlineData("GARBAGE\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\n\r\n")]
    [InlineData("GET / HTTP/9.9\r\nHost: localhost\r\n\r\n")]
    [InlineData("GET /\u0001 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")]
    [InlineData("POST /identities HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n")]
    [InlineData("POST /identities HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab")]
    [InlineData("POST /identities HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\nConnection: close\r\n\r\nzz\r\n")]
    [InlineData("GET /chat/threads/%00%ff%zz?api-version=%zz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")]
    public async Task What_is_hardly_HTTP_is_the_callers_error_and_the_server_goes_on(string request)
    {
        using var wire = await shared.Wire();

        var answer = await wire.SendBytes(Encoding.Latin1.GetBytes(request.Replace("localhost", wire.Authority, StringComparison.Ordinal)));

        Assert.True(answer.Status is 0 or (>= 400 and < 500) or 505, $"{answer.Status} {answer.Body}");
        (await wire.AsApplication(HttpMethod.Post, Create)).Is(201);
    }
}
