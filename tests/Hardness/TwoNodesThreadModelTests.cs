using Domicile.Tests.Server;

namespace Domicile.Tests.Hardness;

/// <summary>What <see cref="ThreadModelTests"/> shows, while each request goes to another node of the store than the one before it: whatever was answered on one is so on the other.</summary>
[Collection(nameof(HardnessCollection))]
[Trait("needs", "postgres")]
[Trait("needs", "haproxy")]
[Trait("length", "full")]
public sealed class TwoNodesThreadModelTests(TwoNodes nodes) : IClassFixture<TwoNodes>
{
    [Fact]
    public Task What_everyone_sees_is_what_the_model_says_although_requests_alternate_between_nodes() => Play(histories: 100);

    [Fact]
    [Trait("length", "long")]
    public Task What_everyone_sees_of_many_histories_is_what_the_model_says_although_requests_alternate_between_nodes() => Play(histories: 1_000);

    private async Task Play(int histories)
    {
        using var a = nodes.At("a");
        using var b = nodes.At("b");
        await ThreadHistories.Play([a, b], histories);
    }
}
