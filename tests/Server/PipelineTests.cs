using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Domicile.Server;

namespace Domicile.Tests.Server;

public sealed class PipelineTests
{
    private const string V = "api-version=" + EdgeServer.Version;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("1.1")]
    [InlineData("2.0")]
    public async Task A_signed_request_is_answered(string version)
    {
        await using var server = await EdgeServer.Start();
        using var client = server.Client(version: Version.Parse(version));
        using var request = server.Signed(HttpMethod.Post, $"/identities?{V}", """{"createTokenWithScopes":["chat"]}""");
        request.Version = Version.Parse(version);
        request.VersionPolicy = HttpVersionPolicy.RequestVersionExact;
        using var response = await client.SendAsync(request, Cancel);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(Version.Parse(version), response.Version);
        var echoed = await Read(response);
        Assert.Equal("""{"createTokenWithScopes":["chat"]}""", echoed.Body);
        Assert.Equal(EdgeServer.Version, echoed.ApiVersion);
        Assert.Equal($"https://localhost:{server.Port}", echoed.Origin);
        Assert.Equal("application/json", response.Content.Headers.ContentType?.ToString());
        Assert.NotNull(response.Content.Headers.ContentLength);
        Assert.True(response.Headers.CacheControl?.NoStore);
        Assert.Equal("nosniff", Assert.Single(response.Headers.GetValues("x-content-type-options")));
        Assert.True(Guid.TryParse(Assert.Single(response.Headers.GetValues("x-ms-request-id")), out _));
        Assert.False(response.Headers.Contains("Server"));
    }

    [Fact]
    public async Task The_secondary_key_is_as_good()
    {
        await using var server = await EdgeServer.Start();
        using var client = server.Client();
        using var response = await client.SendAsync(server.Signed(HttpMethod.Get, $"/identities/a?{V}", key: EdgeServer.Secondary), Cancel);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task A_body_that_was_changed_on_the_way_is_refused()
    {
        await using var server = await EdgeServer.Start();
        using var client = server.Client();
        using var response = await client.SendAsync(server.Signed(HttpMethod.Post, $"/identities?{V}", """{"a":2}""", signedBody: """{"a":1}"""), Cancel);
        await AssertError(response, HttpStatusCode.Unauthorized, "Unauthorized", "x-ms-content-sha256");
        Assert.Equal("HMAC-SHA256, Bearer", string.Join(", ", response.Headers.WwwAuthenticate));
    }

    [Fact]
    public async Task A_signature_for_another_host_is_refused()
    {
        await using var server = await EdgeServer.Start();
        using var client = server.Client();
        using var response = await client.SendAsync(server.Signed(HttpMethod.Get, $"/identities/a?{V}", signedHost: "localhost:1"), Cancel);
        await AssertError(response, HttpStatusCode.Unauthorized, "Unauthorized", "either access key");
    }

    [Fact]
    public async Task A_request_for_a_foreign_host_is_misdirected()
    {
        await using var server = await EdgeServer.Start();
        foreach (var path in new[] { "/open", "/nothing" })
        {
            var answer = await server.Say($"GET {path} HTTP/1.1\r\nHost: rebound.example:{server.Port}\r\nConnection: close\r\n\r\n");
            Assert.StartsWith("HTTP/1.1 421 ", answer, StringComparison.Ordinal);
            Assert.Contains("\"code\":\"MisdirectedRequest\"", answer, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_port_without_a_resource_is_misdirected()
    {
        await using var server = await EdgeServer.Start();
        var port = server.Host.Listeners.AddLoopback(new Listener(EdgeServer.Loopback(0)));
        using var client = server.Client(port);
        using var response = await client.GetAsync("/open", Cancel);
        Assert.Equal(HttpStatusCode.MisdirectedRequest, response.StatusCode);
    }

    [Theory]
    [InlineData("", "MissingApiVersionParameter")]
    [InlineData("?api-version=", "MissingApiVersionParameter")]
    [InlineData("?api-version=2019-01-01", "UnsupportedApiVersionValue")]
    [InlineData("?api-version=2023-10-01%20", "UnsupportedApiVersionValue")]
    [InlineData("?api-version=2023-10-01&api-version=2022-06-01", "InvalidQueryParameter")]
    [InlineData("?api-version=2023-10-01&API-VERSION=2023-10-01", "InvalidQueryParameter")]
    public async Task A_version_that_the_operation_does_not_have_is_refused(string query, string code)
    {
        await using var server = await EdgeServer.Start();
        using var client = server.Client();
        using var response = await client.SendAsync(server.Signed(HttpMethod.Get, "/identities/a" + query), Cancel);
        await AssertError(response, HttpStatusCode.BadRequest, code, "api-version");
    }

    [Fact]
    public async Task The_name_of_the_version_parameter_may_be_written_in_any_case()
    {
        await using var server = await EdgeServer.Start();
        using var client = server.Client();
        using var response = await client.SendAsync(server.Signed(HttpMethod.Get, $"/identities/a?x=1&Api-Version={EdgeServer.Version}"), Cancel);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task A_body_at_the_limit_is_taken_and_one_byte_more_is_not()
    {
        await using var server = await EdgeServer.Start();
        foreach (var version in new[] { HttpVersion.Version11, HttpVersion.Version20 })
        {
            using var client = server.Client(version: version);
            foreach (var chunked in new[] { false, true })
            {
                foreach (var (length, status) in new[] { (1000, HttpStatusCode.OK), (1001, HttpStatusCode.RequestEntityTooLarge), (100_000, HttpStatusCode.RequestEntityTooLarge) })
                {
                    using var request = new HttpRequestMessage(HttpMethod.Post, "/open") { Content = new StringContent(new string('a', length)), Version = version };
                    request.Headers.TransferEncodingChunked = chunked && version == HttpVersion.Version11;
                    if (chunked)
                    {
                        request.Content = new ChunkedContent(length);
                    }

                    using var response = await client.SendAsync(request, Cancel);
                    Assert.Equal(status, response.StatusCode);
                    if (status == HttpStatusCode.OK)
                    {
                        Assert.Equal(length, (await Read(response)).Body.Length);
                    }
                }
            }
        }
    }

    [Fact]
    public async Task A_body_that_is_too_long_is_refused_without_being_read()
    {
        await using var server = await EdgeServer.Start();
        var answer = await server.Say($"POST /open HTTP/1.1\r\nHost: localhost:{server.Port}\r\nContent-Length: 1000000000\r\n\r\nabc");
        Assert.StartsWith("HTTP/1.1 413 ", answer, StringComparison.Ordinal);
        Assert.Contains("\r\nConnection: close\r\n", answer, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("1000 bytes", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Content-Length: 900000\r\n\r\n", "")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\nDBBA0\r\n", "\r\n0\r\n\r\n")]
    public async Task A_client_that_sends_all_of_a_body_that_is_too_long_before_it_listens_hears_why(string framing, string end)
    {
        await using var server = await EdgeServer.Start();
        for (var time = 0; time < 20; time++)
        {
            var answer = await server.Say($"POST /open HTTP/1.1\r\nHost: localhost:{server.Port}\r\n{framing}{new string('a', 900_000)}{end}");
            Assert.StartsWith("HTTP/1.1 413 ", answer, StringComparison.Ordinal);
            Assert.Contains("1000 bytes", answer, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_client_that_waits_for_permission_to_send_is_refused_before_it_sends()
    {
        await using var server = await EdgeServer.Start();
        var answer = await server.Say($"POST /identities?{V} HTTP/1.1\r\nHost: localhost:{server.Port}\r\nContent-Length: 10\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 401 ", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_preflight_is_answered_without_a_credential()
    {
        await using var server = await EdgeServer.Start();
        using var client = server.Client();
        using var request = new HttpRequestMessage(HttpMethod.Options, $"/chat/threads/x/messages?{V}");
        request.Headers.Add("Origin", "https://app.example");
        request.Headers.Add("Access-Control-Request-Method", "POST");
        request.Headers.Add("Access-Control-Request-Headers", "authorization,content-type");
        using var response = await client.SendAsync(request, Cancel);
        Assert.Equal(HttpStatusCode.NoContent, response.StatusCode);
        Assert.Equal("*", Header(response, "Access-Control-Allow-Origin"));
        Assert.Contains("PATCH", Header(response, "Access-Control-Allow-Methods"), StringComparison.Ordinal);
        foreach (var header in new[] { "authorization", "content-type", "accept", "x-ms-client-request-id", "x-ms-useragent", "repeatability-request-id", "x-skypetoken", "x-ms-migration", "traceparent" })
        {
            Assert.Contains(header, Header(response, "Access-Control-Allow-Headers").Split(", "));
        }

        Assert.Equal("7200", Header(response, "Access-Control-Max-Age"));
        Assert.False(response.Headers.Contains("Access-Control-Allow-Credentials"));
    }

    [Fact]
    public async Task An_answer_to_a_page_can_be_read_by_it_even_when_it_is_a_failure()
    {
        await using var server = await EdgeServer.Start();
        using var client = server.Client();
        foreach (var path in new[] { "/open", "/chat/threads", "/nothing" })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { { "Origin", "https://app.example" } } };
            using var response = await client.SendAsync(request, Cancel);
            Assert.Equal("*", Header(response, "Access-Control-Allow-Origin"));
            Assert.Contains("x-ms-error-code", Header(response, "Access-Control-Expose-Headers"), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_administration_origin_is_not_for_pages()
    {
        await using var server = await EdgeServer.Start();
        using var client = server.Client(server.AdministrationPort);
        using var request = new HttpRequestMessage(HttpMethod.Options, "/admin/things");
        request.Headers.Add("Origin", "https://app.example");
        request.Headers.Add("Access-Control-Request-Method", "GET");
        using var response = await client.SendAsync(request, Cancel);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, response.StatusCode);
        Assert.False(response.Headers.Contains("Access-Control-Allow-Origin"));
    }

    [Fact]
    public async Task A_request_that_stops_halfway_through_its_head_is_ended()
    {
        await using var server = await EdgeServer.Start((_, parts) => parts with { Limits = new LimitOptions { RequestHead = TimeSpan.FromSeconds(1) } });
        var watch = Stopwatch.StartNew();
        var answer = await server.Say($"GET /open HTTP/1.1\r\nHost: localhost:{server.Port}\r\nX-Half");
        Assert.StartsWith("HTTP/1.1 408 ", answer, StringComparison.Ordinal);
        Assert.InRange(watch.Elapsed, TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task A_body_that_stops_halfway_is_ended()
    {
        await using var server = await EdgeServer.Start((_, parts) => parts with { Limits = new LimitOptions { BodyGrace = TimeSpan.FromSeconds(2) } });
        var answer = await server.Say($"POST /open HTTP/1.1\r\nHost: localhost:{server.Port}\r\nContent-Length: 100\r\n\r\nhalf");
        Assert.StartsWith("HTTP/1.1 408 ", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/identities/8%3Aacs%3Ares_user", "8:acs:res_user")]
    [InlineData("/identities/8:acs:res_user", "8:acs:res_user")]
    [InlineData("/identities/4%3A%2B15551234", "4:+15551234")]
    [InlineData("/identities/a%2Fb", "a%2Fb")]
    [InlineData("/identities/%252e", "%2e")]
    [InlineData("/identities/a%20b", "a b")]
    [InlineData("/identities/%C3%A9", "é")]
    [InlineData("/identities/x/%2e%2e/y", "y")]
    public async Task Ids_in_the_path_arrive_decoded(string path, string id)
    {
        await using var server = await EdgeServer.Start();
        using var client = server.Client();
        var target = $"{path}?{V}";
        using var request = server.Signed(HttpMethod.Get, target);
        // Uri would tidy some of these up; the server must see them as they are.
        request.RequestUri = new Uri($"https://localhost:{server.Port}{target}", new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
        using var response = await client.SendAsync(request, Cancel);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(id, (await Read(response)).Id);
    }

    [Theory]
    [InlineData("/open%00", "400")]
    [InlineData("/%2e%2e/%2e%2e/admin/things", "404")]
    [InlineData("/../../etc/passwd", "404")]
    [InlineData("/identities%2Fa", "404")]
    [InlineData("/open/.%00./x", "400")]
    [InlineData("/%2fadmin/things", "404")]
    [InlineData("/open%", "404")]
    [InlineData("/\\open", "404")]
    [InlineData("open", "405")]
    [InlineData("*", "405")]
    public async Task Tricks_with_the_path_lead_nowhere(string target, string status)
    {
        await using var server = await EdgeServer.Start();
        var answer = await server.Say($"GET {target} HTTP/1.1\r\nHost: localhost:{server.Port}\r\nConnection: close\r\n\r\n");
        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("POST /open HTTP/1.1\r\nHost: H\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("POST /open HTTP/1.1\r\nHost: H\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd")]
    [InlineData("POST /open HTTP/1.1\r\nHost: H\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n")]
    [InlineData("GET /open HTTP/1.1\r\nHost: H\r\nHost: other\r\n\r\n")]
    [InlineData("GET /open HTTP/1.1\r\n\r\n")]
    [InlineData("GET /open HTTP/1.1\r\nHost : H\r\n\r\n")]
    [InlineData("garbage\r\n\r\n")]
    public async Task What_is_not_HTTP_is_a_bad_request_or_carries_nothing_on(string request)
    {
        await using var server = await EdgeServer.Start();
        var answer = await server.Say(request.Replace("Host: H", $"Host: localhost:{server.Port}", StringComparison.Ordinal));
        // RFC 9112 §6.1 lets a server take Transfer-Encoding over Content-Length if it closes the connection afterwards.
        var isClosedAfterwards = answer.StartsWith("HTTP/1.1 200 ", StringComparison.Ordinal) && answer.Contains("Connection: close", StringComparison.OrdinalIgnoreCase);
        Assert.True(answer.StartsWith("HTTP/1.1 400 ", StringComparison.Ordinal) || isClosedAfterwards, answer);
    }

    [Theory]
    [InlineData("POST", "/identities/8%3Aacs%3Aa_b/:issueAccessToken?" + V, "Issue")]
    [InlineData("POST", "/calling/callConnections/abc:play", "Play")]
    [InlineData("POST", "//access/entra/:exchangeAccessToken?api-version=2025-03-02-preview", "Exchange")]
    [InlineData("GET", "/OPEN", "GetOpen")]
    [InlineData("GET", "/open/", "GetOpen")]
    public async Task Colons_and_doubled_slashes_find_their_operation(string method, string target, string operation)
    {
        await using var server = await EdgeServer.Start();
        using var client = server.Client();
        using var request = server.Signed(HttpMethod.Parse(method), target);
        request.RequestUri = new Uri($"https://localhost:{server.Port}{target}", new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
        using var response = await client.SendAsync(request, Cancel);
        Assert.Equal(operation, (await Read(response)).Operation);
    }

    [Fact]
    public async Task An_unknown_path_is_404_and_another_method_405_with_what_is_allowed()
    {
        await using var server = await EdgeServer.Start();
        using var client = server.Client();
        using var missing = await client.GetAsync("/nothing", Cancel);
        await AssertError(missing, HttpStatusCode.NotFound, "NotFound", "nothing at this path");
        using var wrong = await client.PutAsync("/open", null, Cancel);
        await AssertError(wrong, HttpStatusCode.MethodNotAllowed, "MethodNotAllowed", "method");
        Assert.Equal(["GET", "HEAD", "POST"], wrong.Content.Headers.Allow.Order());
    }

    [Fact]
    public async Task HEAD_answers_as_GET_does_without_the_body()
    {
        await using var server = await EdgeServer.Start();
        using var client = server.Client();
        using var get = await client.GetAsync("/open?q=1", Cancel);
        using var head = await client.SendAsync(new HttpRequestMessage(HttpMethod.Head, "/open?q=1"), Cancel);
        Assert.Equal(HttpStatusCode.OK, head.StatusCode);
        Assert.Equal(get.Content.Headers.ContentLength, head.Content.Headers.ContentLength);
        Assert.Empty(await head.Content.ReadAsByteArrayAsync(Cancel));
    }

    [Fact]
    public async Task OPTIONS_without_a_page_says_what_methods_there_are()
    {
        await using var server = await EdgeServer.Start();
        using var client = server.Client();
        using var response = await client.SendAsync(new HttpRequestMessage(HttpMethod.Options, "/open"), Cancel);
        Assert.Equal(HttpStatusCode.NoContent, response.StatusCode);
        Assert.Contains("PATCH", response.Content.Headers.Allow);
    }

    [Theory]
    [InlineData("3f2504e0-4f89-11d3-9a0c-0305e82c3301", true)]
    [InlineData("a b", false)]
    [InlineData("tab\there", false)]
    [InlineData("~!", true)]
    public async Task The_clients_request_id_comes_back_when_it_is_a_token(string id, bool comesBack)
    {
        await using var server = await EdgeServer.Start();
        using var client = server.Client();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/nothing");
        request.Headers.TryAddWithoutValidation("x-ms-client-request-id", id);
        using var response = await client.SendAsync(request, Cancel);
        Assert.Equal(comesBack, response.Headers.TryGetValues("x-ms-client-request-id", out var values) && values.Single() == id);
    }

    [Fact]
    public async Task A_request_id_beyond_128_characters_does_not_come_back()
    {
        await using var server = await EdgeServer.Start();
        using var client = server.Client();
        foreach (var (length, comesBack) in new[] { (128, true), (129, false) })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/open") { Headers = { { "x-ms-client-request-id", new string('x', length) } } };
            using var response = await client.SendAsync(request, Cancel);
            Assert.Equal(comesBack, response.Headers.Contains("x-ms-client-request-id"));
        }
    }

    [Fact]
    public async Task A_user_of_DefaultAzureCredential_is_told_what_to_do()
    {
        await using var server = await EdgeServer.Start();
        using var client = server.Client();
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/identities?{V}") { Headers = { Authorization = new AuthenticationHeaderValue("Bearer", "eyJ0.e30.x") } };
        using var response = await client.SendAsync(request, Cancel);
        await AssertError(response, HttpStatusCode.Unauthorized, "Unauthorized", "domicile resource keys show");
    }

    [Theory]
    [InlineData(null, HttpStatusCode.Unauthorized)]
    [InlineData("Bearer chatter", HttpStatusCode.OK)]
    [InlineData("bearer chatter", HttpStatusCode.OK)]
    [InlineData("Bearer talker", HttpStatusCode.Forbidden)]
    [InlineData("Bearer other", HttpStatusCode.Unauthorized)]
    [InlineData("Bearer ", HttpStatusCode.Unauthorized)]
    [InlineData("chatter", HttpStatusCode.Unauthorized)]
    public async Task A_users_operation_takes_a_users_token_with_its_scope(string? authorization, HttpStatusCode status)
    {
        await using var server = await EdgeServer.Start();
        using var client = server.Client();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/chat/threads");
        if (authorization is not null)
        {
            request.Headers.TryAddWithoutValidation("Authorization", authorization);
        }

        using var response = await client.SendAsync(request, Cancel);
        Assert.Equal(status, response.StatusCode);
        Assert.Equal(status == HttpStatusCode.Unauthorized, response.Headers.WwwAuthenticate.Count == 1);
    }

    [Fact]
    public async Task An_access_key_on_a_users_operation_is_told_what_to_do()
    {
        await using var server = await EdgeServer.Start();
        using var client = server.Client();
        using var response = await client.SendAsync(server.Signed(HttpMethod.Get, "/chat/threads"), Cancel);
        await AssertError(response, HttpStatusCode.Unauthorized, "Unauthorized", ":issueAccessToken");
    }

    [Fact]
    public async Task Administration_and_resources_do_not_exist_on_each_others_origin()
    {
        await using var server = await EdgeServer.Start();
        using var resource = server.Client();
        using var administration = server.Client(server.AdministrationPort);
        resource.DefaultRequestHeaders.Authorization = administration.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "owner");
        Assert.Equal(HttpStatusCode.NotFound, (await resource.GetAsync("/admin/things", Cancel)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await resource.GetAsync("/health/live", Cancel)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await administration.GetAsync("/open", Cancel)).StatusCode);
        using var answered = await administration.GetAsync("/admin/things", Cancel);
        Assert.Equal("Europe", (await Read(answered)).Id);
    }

    [Theory]
    [InlineData("owner", HttpStatusCode.OK)]
    [InlineData("reader", HttpStatusCode.Forbidden)]
    [InlineData("nobody", HttpStatusCode.Unauthorized)]
    [InlineData(null, HttpStatusCode.Unauthorized)]
    public async Task An_administrators_operation_takes_a_token_with_its_role(string? token, HttpStatusCode status)
    {
        await using var server = await EdgeServer.Start();
        using var client = server.Client(server.AdministrationPort);
        client.DefaultRequestHeaders.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        using var response = await client.GetAsync("/admin/things", Cancel);
        Assert.Equal(status, response.StatusCode);
        Assert.Equal(status == HttpStatusCode.OK ? "application/json" : "application/problem+json", response.Content.Headers.ContentType?.MediaType);
    }

    [Theory]
    [InlineData("first:se:cret", HttpStatusCode.OK)]
    [InlineData("first:wrong", HttpStatusCode.Unauthorized)]
    [InlineData(":se:cret", HttpStatusCode.Unauthorized)]
    [InlineData("firstsecret", HttpStatusCode.Unauthorized)]
    public async Task The_first_credential_is_taken_as_id_and_secret(string pair, HttpStatusCode status)
    {
        await using var server = await EdgeServer.Start();
        using var client = server.Client(server.AdministrationPort);
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(pair)));
        using var response = await client.PostAsync("/admin/tokens", null, Cancel);
        Assert.Equal(status, response.StatusCode);
    }

    [Fact]
    public async Task The_administration_origin_answers_no_foreign_name()
    {
        await using var server = await EdgeServer.Start();
        var answer = await server.Say("GET /health/live HTTP/1.1\r\nHost: rebound.example\r\nConnection: close\r\n\r\n", server.AdministrationPort);
        Assert.StartsWith("HTTP/1.1 421 ", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/fault")]
    [InlineData("/late-fault")]
    public async Task A_fault_of_ours_is_a_500_that_tells_nothing_but_its_id(string path)
    {
        await using var server = await EdgeServer.Start();
        using var client = server.Client();
        using var response = await client.GetAsync(path + "?secret=query", Cancel);
        await AssertError(response, HttpStatusCode.InternalServerError, "InternalServerError", Header(response, "x-ms-request-id"));
        Assert.DoesNotContain("secret", await response.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        Assert.Contains(server.Log.Lines, line => line.StartsWith("Error 1202", StringComparison.Ordinal) && line.Contains(Header(response, "x-ms-request-id"), StringComparison.Ordinal));
        Assert.DoesNotContain(server.Log.Lines, line => line.Contains("secret", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_store_that_cannot_be_written_is_a_503_that_asks_for_patience()
    {
        await using var server = await EdgeServer.Start();
        using var client = server.Client();
        using var response = await client.GetAsync("/unavailable", Cancel);
        await AssertError(response, HttpStatusCode.ServiceUnavailable, "ServiceUnavailable", "Try again");
        Assert.NotNull(response.Headers.RetryAfter?.Delta);
        Assert.Contains(server.Log.Lines, line => line.Contains("disk is full", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_client_that_goes_away_is_no_fault_of_ours()
    {
        await using var server = await EdgeServer.Start();
        using (var gone = new CancellationTokenSource())
        using (var client = server.Client())
        {
            var slow = client.GetAsync("/slow", gone.Token);
            await server.Entered.Task.WaitAsync(TimeSpan.FromSeconds(10), Cancel);
            await gone.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => slow);
        }

        var line = await Eventually(() => server.Log.Lines.FirstOrDefault(line => line.Contains(" 1201 Slow", StringComparison.Ordinal)));
        Assert.Contains("answered 499", line, StringComparison.Ordinal);
        Assert.DoesNotContain(server.Log.Lines, line => line.StartsWith("Error", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_problem_says_when_to_try_again()
    {
        await using var server = await EdgeServer.Start();
        using var client = server.Client();
        using var response = await client.GetAsync("/busy", Cancel);
        await AssertError(response, HttpStatusCode.TooManyRequests, "TooManyRequests", "Later.");
        Assert.Equal(TimeSpan.FromSeconds(2), response.Headers.RetryAfter?.Delta);
    }

    [Fact]
    public async Task Our_own_paths_answer_with_problem_details()
    {
        await using var server = await EdgeServer.Start();
        using var client = server.Client();
        using var response = await client.GetAsync("/ours", Cancel);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.ToString());
        using var body = JsonDocument.Parse(await response.Content.ReadAsStringAsync(Cancel));
        Assert.Equal("/problems/test/a", body.RootElement.GetProperty("type").GetString());
        Assert.Equal(422, body.RootElement.GetProperty("status").GetInt32());
        Assert.Equal(["a", "b"], body.RootElement.GetProperty("errors").EnumerateArray().Select(error => error.GetProperty("target").GetString()));
    }

    [Fact]
    public async Task The_log_has_the_template_and_nothing_that_the_client_sent()
    {
        await using var server = await EdgeServer.Start();
        using var client = server.Client();
        using var request = server.Signed(HttpMethod.Get, $"/identities/canary-path?{V}&q=canary-query");
        request.Headers.Add("x-ms-client-request-id", "canary-header");
        using var response = await client.SendAsync(request, Cancel);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        var line = await Eventually(() => server.Log.Lines.FirstOrDefault(line => line.Contains(" 1201 ", StringComparison.Ordinal)));
        Assert.Contains("Get (GET /identities/{id}) answered 200", line, StringComparison.Ordinal);
        Assert.DoesNotContain(server.Log.Lines, text => text.Contains("canary", StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_origin_added_while_running_is_served_and_one_removed_is_not()
    {
        await using var server = await EdgeServer.Start();
        var port = server.Host.Listeners.AddLoopback(new Listener(EdgeServer.Loopback(0)));
        server.Serve(port);
        using var client = server.Client(port);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/open", Cancel)).StatusCode);
        Assert.Contains(port, server.Host.Listeners.Ports);
        Assert.True(server.Host.Listeners.Remove(port));
        using var late = server.Client(port);
        await Assert.ThrowsAsync<HttpRequestException>(() => late.GetAsync("/open", Cancel));
        Assert.Equal(port, server.Host.Listeners.AddLoopback(new Listener(EdgeServer.Loopback(port))));
        Assert.Equal(HttpStatusCode.OK, (await late.GetAsync("/open", Cancel)).StatusCode);
    }

    [Fact]
    public async Task Both_loopback_addresses_are_listened_on()
    {
        await using var server = await EdgeServer.Start();
        foreach (var address in System.Net.Sockets.Socket.OSSupportsIPv6 ? new[] { "127.0.0.1", "[::1]" } : ["127.0.0.1"])
        {
            using var client = new HttpClient(server.Handler());
            Assert.Equal(HttpStatusCode.OK, (await client.GetAsync(new Uri($"https://{address}:{server.Port}/open"), Cancel)).StatusCode);
        }
    }

    [Fact]
    public async Task A_port_in_use_is_named_and_nothing_is_left_listening()
    {
        await using var server = await EdgeServer.Start();
        await using var other = await EdgeServer.Start();
        var refused = Assert.Throws<StartupException>(() => other.Host.Listeners.AddLoopback(new Listener(EdgeServer.Loopback(server.Port))));
        Assert.Contains($"Port {server.Port} of 127.0.0.1 is in use. Stop the program", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refused.Message);
        Assert.DoesNotContain(server.Port, other.Host.Listeners.Ports);
    }

    [Fact]
    public async Task A_stop_lets_requests_end_and_takes_no_more()
    {
        await using var server = await EdgeServer.Start();
        using var client = server.Client();
        using var administration = server.Client(server.AdministrationPort);
        Assert.Equal(HttpStatusCode.OK, (await administration.GetAsync("/health/ready", Cancel)).StatusCode);
        var slow = client.GetAsync("/slow", Cancel);
        await server.Entered.Task.WaitAsync(TimeSpan.FromSeconds(10), Cancel);
        var stopping = server.Host.Stop(CancellationToken.None);
        Assert.False(server.Host.Readiness.IsReady);
        await Task.Delay(200, Cancel);
        server.Release.TrySetResult();
        using var response = await slow;
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        await stopping.WaitAsync(TimeSpan.FromSeconds(20), Cancel);
        using var late = server.Client();
        await Assert.ThrowsAsync<HttpRequestException>(() => late.GetAsync("/open", Cancel));
    }

    [Fact]
    public async Task A_stop_does_not_wait_longer_than_it_says()
    {
        await using var server = await EdgeServer.Start((_, parts) => parts with { Limits = new LimitOptions { Drain = TimeSpan.FromSeconds(1) } });
        using var client = server.Client();
        var slow = client.GetAsync("/slow", Cancel);
        await server.Entered.Task.WaitAsync(TimeSpan.FromSeconds(10), Cancel);
        var watch = Stopwatch.StartNew();
        await server.Host.Stop(CancellationToken.None);
        Assert.InRange(watch.Elapsed, TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(4));
        await Assert.ThrowsAsync<HttpRequestException>(() => slow);
    }

    [Fact]
    public async Task Plain_HTTP_on_the_TLS_port_gets_nothing()
    {
        await using var server = await EdgeServer.Start();
        using var client = new HttpClient();
        await Assert.ThrowsAsync<HttpRequestException>(() => client.GetAsync(new Uri($"http://localhost:{server.Port}/open"), Cancel));
    }

    private static async Task<Echoed> Read(HttpResponseMessage response) =>
        await response.Content.ReadFromJsonAsync(EdgeJson.Default.Echoed, Cancel) ?? throw new InvalidOperationException("No echo.");

    private static string Header(HttpResponseMessage response, string name) => string.Join(", ", response.Headers.GetValues(name));

    private static async Task AssertError(HttpResponseMessage response, HttpStatusCode status, string code, string message)
    {
        Assert.Equal(status, response.StatusCode);
        Assert.Equal("application/json", response.Content.Headers.ContentType?.ToString());
        Assert.Equal(code, Header(response, "x-ms-error-code"));
        using var body = JsonDocument.Parse(await response.Content.ReadAsStringAsync(Cancel));
        Assert.Equal(code, body.RootElement.GetProperty("error").GetProperty("code").GetString());
        Assert.Contains(message, body.RootElement.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    private static async Task<string> Eventually(Func<string?> ask)
    {
        for (var i = 0; i < 100; i++)
        {
            if (ask() is { } answer)
            {
                return answer;
            }

            await Task.Delay(20, Cancel);
        }

        throw new TimeoutException("It did not come.");
    }

    private sealed class ChunkedContent(int length) : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            stream.WriteAsync(Encoding.ASCII.GetBytes(new string('a', length))).AsTask();

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
