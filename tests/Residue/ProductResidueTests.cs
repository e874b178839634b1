using Domicile.Residency;
using Domicile.Server;
using Domicile.Storage;
using Domicile.Tests.Conversations;
using Microsoft.Extensions.Logging.Abstractions;

namespace Domicile.Tests.Residue;

/// <summary>
/// The same look at a whole server with all its modules: identities, threads, messages, receipts, audit, feed. Someone is deleted over the wire; the databases and logs as they lay there
/// before, after the server was killed, count as copies.
/// </summary>
public sealed class ProductResidueTests
{
    private readonly List<Canary> _adas = [];
    private readonly List<Canary> _bos = [];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Nothing_of_a_deleted_identity_opens_in_anything_that_a_server_left()
    {
        await using var server = await ServerProcess.Start();
        WireUser ada, bo;
        using (var wire = new Wire(server.Europe, server.CertificateAuthority))
        {
            (ada, bo) = (await wire.NewUser(), await wire.NewUser());
            await Talk(wire, ada, bo);
        }

        await server.KillAtOnce();
        var unit = Node.DevelopmentUnits(server.Data, null).Single(unit => unit.Geography == StoreOf);
        var (buckets, names) = (new HashSet<long>(), new HashSet<KeyName>());
        var (before, rootBefore) = (Media(unit), await File.ReadAllBytesAsync(RootKeyOf(unit), Cancel));
        await Open(unit, buckets, names, _ => Task.CompletedTask);
        var all = ResidueScan.Of(StoreOf, before, rootBefore, buckets, names);
        Assert.All(_adas.Concat(_bos), canary => Assert.True(all.Count(canary.Text) > 0, $"{canary.Name} is there and is not found."));

        await server.StartAgain();
        using (var wire = new Wire(server.Europe, server.CertificateAuthority))
        {
            (await wire.AsApplication(HttpMethod.Delete, $"/identities/{Uri.EscapeDataString(ada.Id)}?api-version={Wire.IdentityVersion}")).Is(204);
        }

        await server.KillAtOnce();
        await Open(unit, buckets, names, async unit =>
        {
            await unit.Housekeeping.Purge(Cancel);
            await unit.Housekeeping.TurnEpoch(Cancel);
        });
        List<byte[]> left = [.. before, .. Media(unit)];
        var rootNow = await File.ReadAllBytesAsync(RootKeyOf(unit), Cancel);
        var found = ResidueScan.Of(StoreOf, left, rootNow, buckets, names);
        Assert.All(_adas, canary => Assert.True(found.Count(canary.Text) == 0, $"{canary.Name} is still read."));
        Assert.All(_bos, canary => Assert.True(found.Count(canary.Text) > 0, $"{canary.Name} is somebody else's and does not open any more."));
        var had = ResidueScan.Of(StoreOf, left, rootBefore, buckets, names);
        Assert.All(_adas, canary => Assert.True(had.Count(canary.Text) > 0));
    }

    private static Geography StoreOf { get; } = Geography.Parse("Europe");

    private static string RootKeyOf(ScaleUnitOptions unit) => unit.RootKeyFile ?? Path.Combine(unit.Directory, "root.key");

    private async Task Talk(Wire wire, WireUser ada, WireUser bo)
    {
        _adas.Add(new("their id", ada.Guid.ToString()));
        _bos.Add(new("the other's id", bo.Guid.ToString()));
        var thread = (await wire.AsUser(bo.Token, HttpMethod.Post, $"/chat/threads?api-version={Wire.ChatVersion}", new
        {
            topic = Plant(_bos, "the topic"),
            participants = new object[]
            {
                new
                {
                    communicationIdentifier = ada.Identifier,
                    displayName = Plant(_adas, "a participant's name"),
                    metadata = new Dictionary<string, string> { ["k"] = Plant(_adas, "a participant's metadata") },
                },
            },
        })).Is(201).Json.GetProperty("chatThread").GetProperty("id").GetString()!;
        foreach (var (who, texts) in new[] { (ada, _adas), (bo, _bos) })
        {
            Task<Answer> Say(HttpMethod method, string path, object? json = null) => wire.AsUser(who.Token, method, Wire.Chat(thread, path), json);
            object Message(string kind) => new
            {
                content = Plant(texts, $"a {kind}"),
                senderDisplayName = Plant(texts, $"the sender's name on a {kind}"),
                metadata = new Dictionary<string, string> { ["k"] = Plant(texts, $"the metadata of a {kind}") },
            };
            var edited = (await Say(HttpMethod.Post, "/messages", Message("message before its edit"))).Is(201).Json.GetProperty("id").GetString()!;
            (await Say(HttpMethod.Patch, $"/messages/{edited}", new { content = Plant(texts, "an edited message") })).Is(204);
            var deleted = (await Say(HttpMethod.Post, "/messages", Message("message before it was deleted"))).Is(201).Json.GetProperty("id").GetString()!;
            (await Say(HttpMethod.Delete, $"/messages/{deleted}")).Is(204);
            (await Say(HttpMethod.Post, "/messages", Message("message"))).Is(201);
            (await Say(HttpMethod.Post, "/readReceipts", new { chatMessageId = edited })).Is(200);
        }
    }

    private static string Plant(List<Canary> texts, string name)
    {
        var canary = Canary.Plant(name);
        texts.Add(canary);
        return canary.Text;
    }

    private static async Task Open(ScaleUnitOptions options, HashSet<long> buckets, HashSet<KeyName> names, Func<ScaleUnit, Task> work)
    {
        await using var unit = await ScaleUnit.Open(options, ProductModules.Catalogue(), TimeProvider.System, NullLogger.Instance, Cancel);
        await Note();
        await work(unit);
        await Note();

        async Task Note()
        {
            buckets.UnionWith((await unit.KeyStore.Buckets(Cancel)).Select(bucket => bucket.Id));
            names.UnionWith((await unit.KeyStore.Keys(null, 1_000, Cancel)).Select(key => key.Name));
        }
    }

    /// <summary>Every byte below the store's directory but the root key.</summary>
    private static List<byte[]> Media(ScaleUnitOptions unit) =>
        [.. Directory.EnumerateFiles(unit.Directory, "*", SearchOption.AllDirectories).Where(path => path != RootKeyOf(unit)).Select(File.ReadAllBytes).Where(bytes => bytes.Length > 0)];
}
