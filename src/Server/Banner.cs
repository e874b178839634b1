namespace Domicile.Server;

/// <summary>What a server says when it is ready.</summary>
internal static class Banner
{
    public static async Task WriteProduction(TextWriter output, ServeOptions options)
    {
        var sqlite = Storage.Sqlite.SqliteLibrary.Describe();
        var lines = options.Geographies.Select(pair => $"  {pair.Key}: *.{pair.Value.Domain}, administration at {pair.Value.Administration.Name} on {pair.Value.Administration.Listen}");
        await output.WriteLineAsync(
            $"""
            Domicile is ready. Data {options.Data} (SQLite {sqlite.Version}, {sqlite.Source}), listening on {string.Join(", ", options.Listen.Select(listen => listen.Address))}
            {string.Join(Environment.NewLine, lines)}
            """);
        await output.FlushAsync();
    }

    public static async Task WriteDevelopment(
        TextWriter output, string directory, DevelopmentCertificate certificate, IReadOnlyList<ConnectionStringEntry> connectionStrings)
    {
        var authority = certificate.AuthorityPath;
        var sqlite = Storage.Sqlite.SqliteLibrary.Describe();
        var width = connectionStrings.Max(entry => entry.Geography.Length);
        var strings = string.Join(Environment.NewLine, connectionStrings.Select(entry =>
            $"  {entry.Geography.PadRight(width)}  {(entry.Resource == "demo" ? "" : entry.Resource + "  ")}{entry.ConnectionString}"));
        await output.WriteLineAsync(
            $"""
            Domicile is ready, in DEVELOPMENT MODE: demo resources, a certificate authority of its own, nothing for real data.

            Data      {directory}   (SQLite {sqlite.Version}, {sqlite.Source})

            Connection strings, also in connection-strings.json there:
            {strings}

            Clients must trust {authority}:
              Node      NODE_EXTRA_CA_CERTS={authority} node app.mjs
              .NET      SSL_CERT_FILE={authority} dotnet run
              curl      curl --cacert {authority} …
              browsers  import it as a certificate authority (it can only vouch for localhost)
              mobile    install it on the emulator or device, and reach this machine as localhost (adb reverse)
            A certificate of your own: run with --config, see docs/configuration.example.json.

            {(certificate.Message is { } message ? message + Environment.NewLine : "")}Stop with Ctrl+C.
            """);
        await output.FlushAsync();
    }
}
