using System.Net;
using System.Runtime.Versioning;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Domicile.Tests.Cli;

/// <summary>The administration origins of a server, as the commands see them, and the data directory that names them.</summary>
[UnsupportedOSPlatform("windows")]
internal sealed class FakeAdministration : IAsyncDisposable
{
    public const string Secret = "s3cret+of/the=administrator";
    public const string PrimaryKey = "cHJpbWFyeQ+/==";

    private readonly List<WebApplication> hosts = [];
    private readonly X509Certificate2 authority;
    private readonly X509Certificate2 certificate;

    private FakeAdministration()
    {
        Directory = System.IO.Directory.CreateTempSubdirectory("domicile-cli-").FullName;
        (authority, certificate) = Issue();
    }

    /// <summary>The data directory.</summary>
    public string Directory { get; }

    public Dictionary<string, List<Dictionary<string, string>>> Resources { get; } = [];

    /// <summary>Everything asked, as <c>role METHOD path</c>; the role of the token, or <c>basic</c>.</summary>
    public List<string> Asked { get; } = [];

    /// <summary>What the next page of a list of resources is said to be.</summary>
    public Func<string, string?> NextLink { get; set; } = _ => null;

    /// <summary>Answers every request but those for tokens, when set.</summary>
    public Func<HttpContext, Task>? Instead { get; set; }

    public IReadOnlyList<string> Endpoints => [.. hosts.Select(host => host.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single().Replace("127.0.0.1", "localhost", StringComparison.Ordinal))];

    public static async Task<FakeAdministration> Start(params string[] geographies)
    {
        var fake = new FakeAdministration();
        foreach (var geography in geographies)
        {
            fake.Resources[geography] = [];
            fake.Add(geography, "demo", Guid.NewGuid());
            fake.hosts.Add(await fake.Serve(geography));
        }

        await fake.WriteAdminFile(geographies, fake.Endpoints);
        return fake;
    }

    public string Add(string geography, string name, Guid id)
    {
        Resources[geography].Add(new()
        {
            ["id"] = id.ToString(),
            ["name"] = name,
            ["geography"] = geography,
            ["endpoint"] = $"https://{name}.example",
            ["createdOn"] = "2026-02-03T04:05:06.7+00:00",
        });
        return id.ToString();
    }

    public async Task WriteAdminFile(IEnumerable<string> geographies, IEnumerable<string> endpoints)
    {
        var path = Path.Combine(Directory, "admin.json");
        await File.WriteAllTextAsync(path, JsonSerializer.Serialize(new
        {
            credential = new { id = "administrator", secret = Secret },
            certificateAuthority = "ca.pem",
            geographies = geographies.Zip(endpoints, (name, endpoint) => new { name, endpoint }),
        }));
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await WriteAuthority(authority);
    }

    /// <summary>Puts an authority in the directory that vouched for nothing here.</summary>
    public async Task TrustSomeoneElse()
    {
        var (other, leaf) = Issue();
        using (other)
        using (leaf)
        {
            await WriteAuthority(other);
        }
    }

    public Task Stop() => Task.WhenAll(hosts.Select(host => host.StopAsync()));

    public async ValueTask DisposeAsync()
    {
        foreach (var host in hosts)
        {
            await host.DisposeAsync();
        }

        authority.Dispose();
        certificate.Dispose();
        System.IO.Directory.Delete(Directory, recursive: true);
    }

    private static (X509Certificate2 Authority, X509Certificate2 Leaf) Issue()
    {
        var from = TimeProvider.System.GetUtcNow().AddDays(-1);
        using var authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN=Test authority {Guid.NewGuid():N}", authorityKey, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        var authority = request.CreateSelfSigned(from, from.AddDays(365));
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var leaf = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        leaf.CertificateExtensions.Add(names.Build());
        using var signed = leaf.Create(authority, from, from.AddDays(300), RandomNumberGenerator.GetBytes(12));
        return (authority, signed.CopyWithPrivateKey(key));
    }

    private Task WriteAuthority(X509Certificate2 some) =>
        File.WriteAllTextAsync(Path.Combine(Directory, "ca.pem"), some.ExportCertificatePem());

    private async Task<WebApplication> Serve(string geography)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(certificate)));
        var app = builder.Build();
        var resources = Resources[geography];
        app.Use(async (context, next) =>
        {
            var sent = context.Request.Headers.Authorization.ToString();
            var expected = $"Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes($"administrator:{Secret}"))}";
            var path = context.Request.Path.Value!;
            var role = sent == expected && path == "/tokens" ? "basic"
                : sent.StartsWith($"Bearer token-{geography}-", StringComparison.Ordinal) ? sent.Split('-')[^1]
                : null;
            if (role is null)
            {
                context.Response.StatusCode = 401;
                return;
            }

            lock (Asked)
            {
                Asked.Add($"{role} {context.Request.Method} {path}");
            }

            if (role != "basic" && Instead is { } instead)
            {
                await instead(context);
                return;
            }

            await next(context);
        });
        app.MapPost("/tokens", async (HttpContext context) =>
        {
            var body = await context.Request.ReadFromJsonAsync<JsonElement>();
            var role = body.GetProperty("role").GetString();
            return Results.Json(
                new { token = $"token-{geography}-{role}", role, expiresOn = DateTimeOffset.UnixEpoch.AddMinutes(body.GetProperty("expiresInMinutes").GetInt32()) },
                statusCode: 201);
        });
        app.MapGet("/resources", (string? continuation) => Results.Json(new
        {
            value = continuation is null ? resources : [],
            nextLink = continuation is null ? NextLink(geography) : null,
        }));
        app.MapPost("/resources", async (HttpContext context) =>
        {
            var body = await context.Request.ReadFromJsonAsync<JsonElement>();
            var name = body.GetProperty("name").GetString()!;
            if (resources.Any(resource => resource["name"] == name))
            {
                return Results.Json(new { type = "/problems/x", title = "That name is taken.", status = 409, detail = "Choose another." }, contentType: "application/problem+json", statusCode: 409);
            }

            var id = body.TryGetProperty("id", out var given) ? given.GetGuid() : Guid.NewGuid();
            Add(geography, name, id);
            return Results.Json(resources[^1], statusCode: 201);
        });
        app.MapGet("/resources/{key}", (string key) => Find(key) is { } found ? Results.Json(found) : Results.NotFound());
        app.MapDelete("/resources/{key}", (string key) =>
        {
            resources.Remove(Find(key)!);
            return Results.NoContent();
        });
        app.MapGet("/resources/{key}/keys", () => Keys());
        app.MapPost("/resources/{key}/keys:regenerate", async (HttpContext context) =>
        {
            var body = await context.Request.ReadFromJsonAsync<JsonElement>();
            return body.GetProperty("keyType").GetString() is "Primary" or "Secondary" ? Keys() : Results.BadRequest();
        });
        app.MapGet("/resources/{key}/identities", (string key) => Results.Json(new { value = new[] { new { id = $"8:acs:{key}_1", createdOn = DateTimeOffset.UnixEpoch } } }));
        app.MapGet("/inventory", () => Results.Json(new
        {
            generatedOn = "today",
            kinds = new[] { new { kind = "chat.message", retention = "with its thread", fields = new[] { new { name = "Content", @sealed = true } } } },
        }));
        await app.StartAsync();
        return app;

        Dictionary<string, string>? Find(string key) => resources.FirstOrDefault(resource => resource["name"] == key || resource["id"] == key);

        static IResult Keys() => Results.Json(new
        {
            primaryKey = PrimaryKey,
            secondaryKey = "c2Vjb25kYXJ5",
            primaryConnectionString = $"endpoint=https://demo.example/;accesskey={PrimaryKey}",
            secondaryConnectionString = "endpoint=https://demo.example/;accesskey=c2Vjb25kYXJ5",
        });
    }
}
