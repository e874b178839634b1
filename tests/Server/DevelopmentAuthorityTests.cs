using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Domicile.Server;

namespace Domicile.Tests.Server;

public sealed class DevelopmentAuthorityTests : IDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);
    private readonly string _directory = Directory.CreateTempSubdirectory("domicile-ca-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void The_first_start_makes_an_authority_without_a_word()
    {
        var made = DevelopmentAuthority.Open(_directory, TimeProvider.System);
        Assert.Null(made.Message);
        Assert.True(made.Certificate.HasPrivateKey);
        Assert.Equal(["ca.pem", "development-tls.pem"], Directory.GetFiles(_directory).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_authoritys_key_is_on_no_disk_and_the_servers_is_its_owners_only()
    {
        var made = DevelopmentAuthority.Open(_directory, TimeProvider.System);
        Assert.DoesNotContain("PRIVATE KEY", File.ReadAllText(made.AuthorityPath), StringComparison.Ordinal);
        var server = Path.Combine(_directory, DevelopmentAuthority.ServerFile);
        using var key = ECDsa.Create();
        key.ImportFromPem(File.ReadAllText(server));
        Assert.Equal(made.Certificate.GetECDsaPublicKey()!.ExportSubjectPublicKeyInfo(), key.ExportSubjectPublicKeyInfo());
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(server));
        }
    }

    [Fact]
    public void The_certificate_is_for_loopback_and_for_servers_and_not_for_long()
    {
        var certificate = DevelopmentAuthority.Open(_directory, TimeProvider.System).Certificate;
        var names = certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().Single();
        Assert.Equal(["localhost", "*.localhost"], names.EnumerateDnsNames());
        Assert.Equal(["127.0.0.1", "::1"], names.EnumerateIPAddresses().Select(address => address.ToString()));
        Assert.Equal("1.3.6.1.5.5.7.3.1", certificate.Extensions.OfType<X509EnhancedKeyUsageExtension>().Single().EnhancedKeyUsages[0].Value);
        Assert.True(certificate.NotAfter - certificate.NotBefore <= TimeSpan.FromDays(825));
        Assert.True(certificate.MatchesHostname("demo.localhost"));
        Assert.False(certificate.MatchesHostname("example.org"));
    }

    [Fact]
    public void The_authority_can_vouch_for_loopback_only()
    {
        using var authority = X509CertificateLoader.LoadCertificateFromFile(DevelopmentAuthority.Open(_directory, TimeProvider.System).AuthorityPath);
        var constraints = authority.Extensions.Single(extension => extension.Oid!.Value == "2.5.29.30");
        Assert.True(constraints.Critical);
        // RFC 5280 §4.2.1.10 by hand: [0] { { [2] "localhost" }, { [7] 127.0.0.0/8 }, { [7] ::1/128 } }.
        Assert.Equal(
            "303FA03D300B8209" + Convert.ToHexString("localhost"u8) + "300A8708" + "7F000000FF000000"
            + "30228720" + "00000000000000000000000000000001" + "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF",
            Convert.ToHexString(constraints.RawData));
        var basic = authority.Extensions.OfType<X509BasicConstraintsExtension>().Single();
        Assert.True(basic is { Critical: true, CertificateAuthority: true, HasPathLengthConstraint: true, PathLengthConstraint: 0 });
    }

    [Fact]
    public void The_next_start_finds_the_same_certificate()
    {
        var first = DevelopmentAuthority.Open(_directory, TimeProvider.System);
        var second = DevelopmentAuthority.Open(_directory, TimeProvider.System);
        Assert.Equal(first.Certificate.Thumbprint, second.Certificate.Thumbprint);
        Assert.Null(second.Message);
    }

    [Fact]
    public void A_certificate_that_ends_within_thirty_days_is_made_anew_and_that_is_said()
    {
        var clock = new TestClock(Now);
        var first = DevelopmentAuthority.Open(_directory, clock);
        var end = new DateTimeOffset(first.Certificate.NotAfter.ToUniversalTime(), TimeSpan.Zero);
        clock.Turn(end - Now - TimeSpan.FromDays(31));
        Assert.Null(DevelopmentAuthority.Open(_directory, clock).Message);
        clock.Turn(TimeSpan.FromDays(1.5));
        var second = DevelopmentAuthority.Open(_directory, clock);
        Assert.NotEqual(first.Certificate.Thumbprint, second.Certificate.Thumbprint);
        Assert.NotEqual(first.Certificate.Issuer, second.Certificate.Issuer);
        Assert.Contains(end.ToString("yyyy-MM-dd", null), second.Message, StringComparison.Ordinal);
        Assert.Contains(second.AuthorityPath, second.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ca.pem", null)]
    [InlineData("development-tls.pem", null)]
    [InlineData("development-tls.pem", "garbage")]
    [InlineData("ca.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")]
    public void Files_that_cannot_be_used_are_made_anew_and_that_is_said(string file, string? content)
    {
        DevelopmentAuthority.Open(_directory, TimeProvider.System);
        File.Delete(Path.Combine(_directory, file));
        if (content is not null)
        {
            File.WriteAllText(Path.Combine(_directory, file), content);
        }

        var anew = DevelopmentAuthority.Open(_directory, TimeProvider.System);
        Assert.NotNull(anew.Message);
        Assert.DoesNotContain('\n', anew.Message);
        Assert.Null(DevelopmentAuthority.Open(_directory, TimeProvider.System).Message);
    }

    [Fact]
    public void An_authority_of_another_directory_does_not_fit()
    {
        var other = Directory.CreateTempSubdirectory("domicile-ca-").FullName;
        DevelopmentAuthority.Open(_directory, TimeProvider.System);
        File.Copy(DevelopmentAuthority.Open(other, TimeProvider.System).AuthorityPath, Path.Combine(_directory, "ca.pem"), overwrite: true);
        Assert.Contains("did not belong together", DevelopmentAuthority.Open(_directory, TimeProvider.System).Message, StringComparison.Ordinal);
        Directory.Delete(other, recursive: true);
    }

    [Fact]
    public void A_directory_that_is_not_there_is_a_startup_fault() =>
        Assert.Throws<StartupException>(() => DevelopmentAuthority.Open(Path.Combine(_directory, "missing"), TimeProvider.System));

    [Fact]
    public async Task A_client_that_trusts_the_authority_connects_and_one_that_does_not_does_not()
    {
        await using var server = await EdgeServer.Start();
        await using var trusting = await server.Connect();
        Assert.Equal(SslApplicationProtocol.Http11, trusting.NegotiatedApplicationProtocol);
        using var distrusting = new HttpClient();
        await Assert.ThrowsAsync<HttpRequestException>(() => distrusting.GetAsync(new Uri($"https://localhost:{server.Port}/open"), TestContext.Current.CancellationToken));
    }
}
