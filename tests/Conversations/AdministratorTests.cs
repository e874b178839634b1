using System.Text.Json;

namespace Domicile.Tests.Conversations;

/// <summary>What an administrator does with a resource while applications use it.</summary>
public sealed class AdministratorTests(SharedServer shared)
{
    private const string Create = $"/identities?api-version={Wire.IdentityVersion}";
    private const string Threads = $"/chat/threads?api-version={Wire.ChatVersion}";

    [Fact]
    public async Task A_regenerated_key_and_what_was_issued_with_it_are_refused_and_the_other_key_goes_on()
    {
        var server = await shared.Server;
        var name = await NewResource(server);
        var keys = await Command(server, "resource", "keys", "show", name);
        using var primary = Connect(server, keys, "primaryConnectionString");
        using var secondary = Connect(server, keys, "secondaryConnectionString");
        var exposed = await primary.NewUser();
        var safe = await secondary.NewUser();
        (await primary.AsUser(exposed.Token, HttpMethod.Get, Threads)).Is(200);

        var renewed = await Command(server, "resource", "keys", "regenerate", name, "--key", "primary");

        (await primary.AsApplication(HttpMethod.Post, Create)).IsError(401);
        (await primary.AsUser(exposed.Token, HttpMethod.Get, Threads)).IsError(401);
        (await secondary.AsApplication(HttpMethod.Post, Create)).Is(201);
        (await secondary.AsUser(safe.Token, HttpMethod.Get, Threads)).Is(200);
        Assert.Equal(keys.GetProperty("secondaryKey").GetString(), renewed.GetProperty("secondaryKey").GetString());
        using var fresh = Connect(server, renewed, "primaryConnectionString");
        var issue = $"/identities/{Uri.EscapeDataString(exposed.Id)}/:issueAccessToken?api-version={Wire.IdentityVersion}";
        var token = (await fresh.AsApplication(HttpMethod.Post, issue, new { scopes = new[] { "chat" } })).Is(200).Json.GetProperty("token").GetString()!;
        (await fresh.AsUser(token, HttpMethod.Get, Threads)).Is(200);
    }

    [Fact]
    public async Task The_users_of_a_resource_can_be_listed_and_a_deleted_one_is_not_among_them()
    {
        var server = await shared.Server;
        var name = await NewResource(server);
        using var wire = Connect(server, await Command(server, "resource", "keys", "show", name), "primaryConnectionString");
        var (ada, bo, gone) = (await wire.NewUser(), await wire.NewUser(), await wire.NewUser());
        (await wire.AsApplication(HttpMethod.Delete, $"/identities/{Uri.EscapeDataString(gone.Id)}?api-version={Wire.IdentityVersion}")).Is(204);

        var listed = await Command(server, "identity", "list", "--resource", name);

        Assert.Equal(
            new[] { ada.Id, bo.Id }.Order(StringComparer.Ordinal),
            listed.EnumerateArray().Select(each => each.GetProperty("id").GetString()!).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_resource_keeps_the_id_that_it_is_given_so_that_stored_user_ids_stay_valid()
    {
        var server = await shared.Server;
        var id = Guid.NewGuid().ToString();
        var name = await NewResource(server, "--id", id);
        using var wire = Connect(server, await Command(server, "resource", "keys", "show", name), "primaryConnectionString");

        Assert.StartsWith($"8:acs:{id}_", (await wire.NewUser()).Id, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_resources_of_one_geography_know_nothing_of_each_other()
    {
        var server = await shared.Server;
        using var ours = await shared.Wire();
        using var theirs = Connect(
            server, await Command(server, "resource", "keys", "show", await NewResource(server)), "primaryConnectionString");
        var (ada, eve) = (await ours.NewUser(), await theirs.NewUser());
        var thread = await ours.NewThread(ada);

        (await theirs.AsUser(ada.Token, HttpMethod.Get, Threads)).IsError(401);
        (await theirs.AsUser(eve.Token, HttpMethod.Get, Wire.Chat(thread))).IsError(403, 404);
        (await theirs.AsApplication(
            HttpMethod.Post,
            $"/identities/{Uri.EscapeDataString(ada.Id)}/:issueAccessToken?api-version={Wire.IdentityVersion}",
            new { scopes = new[] { "chat" } })).IsError(404);
        (await theirs.Send(HttpMethod.Post, Create, [], request =>
        {
            var signature = new AccessKeySignature(
                "POST", Create, theirs.Authority, AccessKeySignature.At(DateTimeOffset.UtcNow), AccessKeySignature.Hash([]));
            Wire.Sign(request, signature, signature.Authorization(ours.Resource.Key));
        })).IsError(401);
    }

    private static async Task<string> NewResource(ServerProcess server, params string[] more)
    {
        var name = $"test-{Guid.NewGuid():N}"[..20];
        await Command(server, ["resource", "create", name, .. more]);
        return name;
    }

    private static async Task<JsonElement> Command(ServerProcess server, params string[] command) =>
        JsonElement.Parse(await server.Command([.. command, "--geography", "Europe", "--data", server.Data, "--json"]));

    private static Wire Connect(ServerProcess server, JsonElement keys, string member)
    {
        var text = keys.GetProperty(member).GetString()!;
        var endpoint = text["endpoint=".Length..text.IndexOf(";accesskey=", StringComparison.Ordinal)];
        return new(new("Europe", "another", endpoint, text), server.CertificateAuthority);
    }
}
