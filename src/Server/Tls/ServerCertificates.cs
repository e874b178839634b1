using System.Collections.Frozen;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Logging;

namespace Domicile.Server;

/// <summary>
/// Answers a TLS handshake: with the development certificate for any name, or with the production certificate of the name that was asked for.
/// For a name that it does not serve there is no certificate, and the handshake ends there.
/// </summary>
internal sealed partial class ServerCertificates : IDisposable
{
    /// <summary>How often the files are looked at for a change.</summary>
    /// <value>30 seconds.</value>
    public static readonly TimeSpan ReloadPeriod = TimeSpan.FromSeconds(30);

    private readonly IReadOnlyList<CertificateFiles> _files;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;
    private readonly ITimer? _timer;
    private readonly Lock _reloading = new();
    private readonly Loaded?[] _loaded;
    private readonly byte[]?[] _refused;
    private volatile FrozenDictionary<string, Loaded> _byName = FrozenDictionary<string, Loaded>.Empty;
    private readonly SslServerAuthenticationOptions? _forAnyName;

    private ServerCertificates(SslServerAuthenticationOptions? forAnyName, IReadOnlyList<CertificateFiles> files, TimeProvider clock, ILogger log)
    {
        _forAnyName = forAnyName;
        _files = files;
        _clock = clock;
        _log = log;
        _loaded = new Loaded?[files.Count];
        _refused = new byte[]?[files.Count];
        if (files.Count > 0)
        {
            LoadAll();
            _timer = clock.CreateTimer(static certificates => ((ServerCertificates)certificates!).Reload(), this, ReloadPeriod, ReloadPeriod);
        }
    }

    /// <summary>One certificate for whatever name is asked for, and for addresses.</summary>
    public static ServerCertificates ForDevelopment(DevelopmentCertificate certificate, ILogger log) =>
        new(Options(new PemCertificate(certificate.Certificate, [])), [], TimeProvider.System, log);

    /// <summary>The certificates that the files hold, now and after each change of the files.</summary>
    /// <exception cref="StartupException">A file cannot be used; every such file is named.</exception>
    public static ServerCertificates FromFiles(IReadOnlyList<CertificateFiles> files, TimeProvider clock, ILogger log) => new(null, files, clock, log);

    /// <summary>Picks what a handshake is answered with, and notes on the connection whose name it was.</summary>
    /// <exception cref="AuthenticationException">The name is not served here.</exception>
    public ValueTask<SslServerAuthenticationOptions> Answer(TlsHandshakeCallbackContext handshake)
    {
        if (_forAnyName is not null)
        {
            return new(_forAnyName);
        }

        if (Find(handshake.ClientHelloInfo.ServerName) is not { } loaded)
        {
            throw new AuthenticationException("No certificate for the name that was asked for.");
        }

        handshake.Connection.Features.Set(loaded.Name);
        return new(loaded.Options);
    }

    /// <summary>The certificate for a name; null when the name is not served.</summary>
    public X509Certificate2? CertificateFor(string serverName) => Find(serverName)?.Certificate;

    /// <summary>Looks at the files again. What cannot be used leaves the certificate in use as it is, and is logged once.</summary>
    public void Reload()
    {
        lock (_reloading)
        {
            var changed = false;
            for (var i = 0; i < _files.Count; i++)
            {
                var files = _files[i];
                byte[]? digest = null;
                try
                {
                    var (certificate, key) = Contents(files);
                    digest = Digest(certificate, key);
                    if (_loaded[i]!.Digest.AsSpan().SequenceEqual(digest) || (_refused[i] is { } refused && refused.AsSpan().SequenceEqual(digest)))
                    {
                        continue;
                    }

                    // The old one is not disposed: connections may still be using it. It goes when they do.
                    _loaded[i] = Load(files, certificate, key, digest);
                    _refused[i] = null;
                    changed = true;
                    LogReloaded(files.CertificatePath, _loaded[i]!.Certificate.NotAfter.ToUniversalTime());
                }
                catch (Exception bad) when (bad is IOException or UnauthorizedAccessException or CryptographicException or StartupException)
                {
                    digest ??= [];
                    if (_refused[i] is null || !_refused[i].AsSpan().SequenceEqual(digest))
                    {
                        _refused[i] = digest;
                        LogKept(files.CertificatePath, bad.Message);
                    }
                }
            }

            if (changed)
            {
                Publish();
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _timer?.Dispose();

    private void LoadAll()
    {
        var wrong = new List<string>();
        for (var i = 0; i < _files.Count; i++)
        {
            var files = _files[i];
            try
            {
                var (certificate, key) = Contents(files);
                _loaded[i] = Load(files, certificate, key, Digest(certificate, key));
            }
            catch (StartupException bad)
            {
                wrong.Add(bad.Message);
            }
            catch (Exception bad) when (bad is IOException or UnauthorizedAccessException)
            {
                wrong.Add($"The certificate of {files.Geography} cannot be read: {bad.Message}");
            }
            catch (CryptographicException bad)
            {
                wrong.Add($"{files.CertificatePath} and {files.KeyPath} are not a PEM certificate and its unencrypted key: {bad.Message}");
            }
        }

        if (wrong.Count > 0)
        {
            throw new StartupException(string.Join('\n', wrong));
        }

        Publish();
    }

    private void Publish()
    {
        var byName = new Dictionary<string, Loaded>(StringComparer.OrdinalIgnoreCase);
        foreach (var loaded in _loaded)
        {
            foreach (var name in PemCertificate.NamesOf(loaded!.Certificate))
            {
                // Two files for one name: the one that lasts longer.
                if (!byName.TryGetValue(name, out var other) || other.Certificate.NotAfter < loaded.Certificate.NotAfter)
                {
                    byName[name] = loaded;
                }
            }
        }

        _byName = byName.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);
    }

    private Loaded? Find(string serverName)
    {
        if (serverName.Length == 0)
        {
            return null;
        }

        var names = _byName;
        if (names.TryGetValue(serverName, out var exact))
        {
            return exact;
        }

        // A wildcard stands for exactly one label (RFC 6125 §6.4.3).
        var dot = serverName.IndexOf('.', StringComparison.Ordinal);
        return dot > 0 && names.TryGetValue(string.Concat("*", serverName.AsSpan(dot)), out var wildcard) ? wildcard : null;
    }

    private static (string Certificate, string Key) Contents(CertificateFiles files) =>
        (File.ReadAllText(files.CertificatePath), File.ReadAllText(files.KeyPath));

    // Contents and not timestamps: mounted secrets change by moving a link that is not the file's own, and old dates come with restored files.
    private static byte[] Digest(string certificate, string key) => SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(certificate + "\0" + key));

    private Loaded Load(CertificateFiles files, string certificateText, string keyText, byte[] digest)
    {
        var pem = PemCertificate.Read(certificateText, keyText);
        var names = PemCertificate.NamesOf(pem.Certificate);
        var end = pem.Certificate.NotAfter.ToUniversalTime();
        string? fault = null;
        if (names.Count == 0)
        {
            fault = $"{files.CertificatePath} names no DNS names. Use a certificate with subject alternative names.";
        }
        else if (names.FirstOrDefault(name => !IsBelow(name, files.Domain)) is { } foreign)
        {
            // A certificate that spans two geographies would let one answer for the other.
            fault = $"{files.CertificatePath} is for {foreign}, which is not {files.Domain} or below it. Use a certificate for names of {files.Geography} alone.";
        }
        else if (end <= _clock.GetUtcNow().UtcDateTime)
        {
            fault = $"{files.CertificatePath} ended on {end:yyyy-MM-dd}. Renew it.";
        }

        if (fault is not null)
        {
            pem.Certificate.Dispose();
            throw new StartupException(fault);
        }

        return new Loaded(pem.Certificate, Options(pem), new ServedName(files.Geography), digest);
    }

    private static bool IsBelow(string name, string domain)
    {
        var plain = name.StartsWith("*.", StringComparison.Ordinal) ? name.AsSpan(2) : name;
        return plain.Equals(domain, StringComparison.OrdinalIgnoreCase)
            || (plain.Length > domain.Length && plain[^(domain.Length + 1)] == '.' && plain.EndsWith(domain, StringComparison.OrdinalIgnoreCase));
    }

    // One set of options per certificate, made once: session resumption and the native context hang on it.
    private static SslServerAuthenticationOptions Options(PemCertificate pem) => new()
    {
        ServerCertificateContext = SslStreamCertificateContext.Create(pem.Certificate, pem.Chain, offline: true),
        ApplicationProtocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11],
        EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
        ClientCertificateRequired = false,
        CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
    };

    [LoggerMessage(1101, LogLevel.Information, "The certificate {Path} was reloaded; it is good until {End:o}")]
    private partial void LogReloaded(string path, DateTime end);

    [LoggerMessage(1102, LogLevel.Error, "The changed certificate {Path} cannot be used, so the one in use stays: {Reason}")]
    private partial void LogKept(string path, string reason);

    private sealed record Loaded(X509Certificate2 Certificate, SslServerAuthenticationOptions Options, ServedName Name, byte[] Digest);
}
