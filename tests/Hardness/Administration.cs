using System.Text;
using System.Text.Json;
using Domicile.Tests.Conversations;

namespace Domicile.Tests.Hardness;

/// <summary>The administration origins of a running server, as <c>admin.json</c> tells of them.</summary>
internal sealed class Administration
{
    private readonly ServerProcess _server;
    private readonly JsonElement _file;

    public Administration(ServerProcess server)
    {
        _server = server;
        _file = JsonElement.Parse(File.ReadAllText(Path.Combine(server.Data, "admin.json")));
    }

    /// <summary>The value of Authorization that mints tokens.</summary>
    public string Credential
    {
        get
        {
            var credential = _file.GetProperty("credential");
            return "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{credential.GetProperty("id").GetString()}:{credential.GetProperty("secret").GetString()}"));
        }
    }

    /// <summary>A connection to a geography's administration origin.</summary>
    public Wire Wire(string geography = "Europe")
    {
        var endpoint = _file.GetProperty("geographies").EnumerateArray().Single(each => each.GetProperty("name").GetString() == geography).GetProperty("endpoint").GetString()!;
        return new Wire(new DemoResource(geography, "administration", endpoint, ""), _server.CertificateAuthority);
    }

    /// <summary>A token of a role.</summary>
    public async Task<string> Token(string role, string geography = "Europe")
    {
        using var wire = Wire(geography);
        var answer = await wire.Send(HttpMethod.Post, "/tokens", Conversations.Wire.Bytes(new { role }), request => request.Headers.TryAddWithoutValidation("Authorization", Credential));
        return answer.Is(201).Json.GetProperty("token").GetString()!;
    }

    /// <summary>Makes a resource.</summary>
    public async Task<DemoResource> NewResource(string owner, string name)
    {
        using var wire = Wire();
        (await wire.AsUser(owner, HttpMethod.Post, "/resources", new { name })).Is(201);
        return await ReadResource(owner, name, "primaryConnectionString");
    }

    /// <summary>A resource with one of its keys.</summary>
    public async Task<DemoResource> ReadResource(string owner, string name, string connectionString)
    {
        using var wire = Wire();
        var keys = (await wire.AsUser(owner, HttpMethod.Get, $"/resources/{name}/keys")).Is(200).Json;
        var text = keys.GetProperty(connectionString).GetString()!;
        return new("Europe", name, text["endpoint=".Length..text.IndexOf(";accesskey=", StringComparison.Ordinal)], text);
    }
}
