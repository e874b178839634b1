using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Domicile.Tests.Cli.Transfer;

/// <summary>An ACS resource that says what no Domicile says: people of Teams, telephone numbers, attachments, types that are not known, histories with gaps, links elsewhere.</summary>
internal sealed class FakeAcs : IAsyncDisposable
{
    public static readonly Guid Resource = new("0f8fad5b-d9cb-469f-a165-70867728950e");
    public static readonly byte[] Key = [1, 2, 3, 4];
    private readonly WebApplication _host;
    private readonly X509Certificate2 _certificate;

    private FakeAcs(WebApplication host, X509Certificate2 certificate) => (_host, _certificate) = (host, certificate);

    /// <summary>What is answered to GET of a path by a user; what is not here is 404.</summary>
    public Dictionary<(string User, string Path), string> Answers { get; } = [];

    /// <summary>Answers in place of the rest when it returns true.</summary>
    public Func<HttpContext, Task<bool>> Instead { get; set; } = _ => Task.FromResult(false);

    /// <summary>Everything asked, as <c>METHOD path</c>.</summary>
    public List<string> Asked { get; } = [];

    /// <summary>The most requests that were there at the same time.</summary>
    public int MostAtOnce { get; private set; }

    public X509Certificate2Collection Authorities => [X509CertificateLoader.LoadCertificate(_certificate.RawData)];

    public Uri Endpoint => new(_host.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single().Replace("127.0.0.1", "localhost", StringComparison.Ordinal));

    public static string User(int number) => $"8:acs:{Resource:D}_00000000-0000-0000-0000-{number:D12}";

    public static async Task<FakeAcs> Start()
    {
        var from = TimeProvider.System.GetUtcNow().AddDays(-1);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        var certificate = request.CreateSelfSigned(from, from.AddDays(300));
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(certificate)));
        var host = builder.Build();
        var fake = new FakeAcs(host, certificate);
        var now = 0;
        host.Run(async context =>
        {
            lock (fake.Asked)
            {
                fake.Asked.Add($"{context.Request.Method} {context.Request.Path}");
                fake.MostAtOnce = Math.Max(fake.MostAtOnce, ++now);
            }

            try
            {
                await fake.Answer(context);
            }
            finally
            {
                lock (fake.Asked)
                {
                    now--;
                }
            }
        });
        await host.StartAsync();
        return fake;
    }

    /// <summary>How often something was asked.</summary>
    public int CountOf(string asked)
    {
        lock (Asked)
        {
            return Asked.Count(each => each == asked);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        _certificate.Dispose();
    }

    private async Task Answer(HttpContext context)
    {
        if (await Instead(context))
        {
            return;
        }

        var path = Uri.UnescapeDataString(context.Request.Path.Value!);
        if (path.EndsWith("/:issueAccessToken", StringComparison.Ordinal))
        {
            await Json(context, $$"""{"token":"{{path.Split('/')[2]}}","expiresOn":"2100-01-01T00:00:00Z"}""");
        }
        else if (Answers.TryGetValue((context.Request.Headers.Authorization.ToString().Replace("Bearer ", "", StringComparison.Ordinal), path), out var answer))
        {
            await Json(context, answer);
        }
        else
        {
            context.Response.StatusCode = 404;
            await Json(context, """{"error":{"code":"NotFound","message":"There is none."}}""");
        }
    }

    public static async Task Json(HttpContext context, string text)
    {
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(text);
    }
}
