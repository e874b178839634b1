namespace Domicile.Tests.Conversations;

/// <summary>The exchange of Entra tokens, whose paths the clients put together by plain concatenation.</summary>
public sealed class ExchangeTests(SharedServer shared)
{
    [Theory]
    [InlineData("/access/entra/:exchangeAccessToken?api-version=2025-03-02-preview")]
    [InlineData("/access/entra/:exchangeAccessToken?api-version=2025-06-30")]
    [InlineData("/access/teamsExtension/:exchangeAccessToken?api-version=2025-06-30")]
    public async Task A_doubled_slash_is_taken_for_one(string target)
    {
        using var wire = await shared.Wire();
        Task<Answer> Exchange(string path) => wire.AsUser("an.entra.token", HttpMethod.Post, path, new { });

        var plain = (await Exchange(target)).IsError(400, 401, 403);
        var doubled = (await Exchange("/" + target)).IsError(400, 401, 403);

        Assert.Equal(plain.Status, doubled.Status);
        Assert.Equal(plain.Body, doubled.Body);
    }

    [Theory]
    [InlineData("/access/entra/:exchangeAccessToken")]
    [InlineData("/access/entra/:exchangeAccessToken?api-version=2020-01-01")]
    [InlineData("//access/teamsExtension/:exchangeAccessToken?api-version=2020-01-01")]
    public async Task An_exchange_in_a_version_that_does_not_exist_is_refused(string target)
    {
        using var wire = await shared.Wire();

        (await wire.AsUser("an.entra.token", HttpMethod.Post, target, new { })).IsError(400);
    }

    [Fact]
    public async Task A_users_own_token_is_nothing_to_exchange()
    {
        using var wire = await shared.Wire();
        var ada = await wire.NewUser();

        var answer = await wire.AsUser(
            ada.Token, HttpMethod.Post, "/access/entra/:exchangeAccessToken?api-version=2025-03-02-preview", new { });

        answer.IsError(400, 401, 403);
    }
}
