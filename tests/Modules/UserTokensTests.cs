using Domicile.Modules.Http;
using Domicile.Modules.Identity;
using Domicile.Residency;

namespace Domicile.Tests.Modules;

public sealed class UserTokensTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_token_is_good_until_its_minute_and_not_a_second_longer()
    {
        await using var place = await ModuleHome.Open();
        var tokens = new UserTokens(place.Clock);
        var (account, rawId) = await Account(place);
        var token = (await tokens.Issue(place.Home, rawId, account, ["chat"], 60, AccessKey.Fingerprint(ModuleHome.Key), Cancel)).Token;
        place.Clock.Turn(TimeSpan.FromMinutes(60) - TimeSpan.FromSeconds(1));
        Assert.Equal(account.Subject, (await tokens.Check(token, place.Served, Cancel)).User?.Subject);
        place.Clock.Turn(TimeSpan.FromSeconds(1));
        Assert.Equal(IdentityProblems.ExpiredToken, (await tokens.Check(token, place.Served, Cancel)).Problem);
    }

    [Fact]
    public async Task A_token_ends_when_the_access_key_is_replaced_with_which_it_was_issued()
    {
        await using var place = await ModuleHome.Open();
        var tokens = new UserTokens(place.Clock);
        var (account, rawId) = await Account(place);
        var token = (await tokens.Issue(place.Home, rawId, account, ["chat"], 60, AccessKey.Fingerprint(ModuleHome.Key), Cancel)).Token;
        Assert.NotNull((await tokens.Check(token, place.Served, Cancel)).User);
        var replaced = new ServedResource(place.Home, [new byte[64], new byte[64]]);
        Assert.Equal(IdentityProblems.RevokedToken, (await tokens.Check(token, replaced, Cancel)).Problem);
    }

    [Fact]
    public async Task A_revocation_and_an_erasure_are_seen_by_the_next_check()
    {
        await using var place = await ModuleHome.Open();
        var tokens = new UserTokens(place.Clock);
        var (account, rawId) = await Account(place);
        async Task<string> Issue(UserAccount current) => (await tokens.Issue(place.Home, rawId, current, ["chat"], 60, AccessKey.Fingerprint(ModuleHome.Key), Cancel)).Token;
        var first = await Issue(account);
        Assert.NotNull((await tokens.Check(first, place.Served, Cancel)).User);
        var revoked = account with { Revocations = 1 };
        Assert.Null((await place.Home.Store.Commit(b => b.Put(revoked), Cancel)).Refused);
        Assert.Equal(IdentityProblems.RevokedToken, (await tokens.Check(first, place.Served, Cancel)).Problem);
        var second = await Issue(revoked);
        Assert.NotNull((await tokens.Check(second, place.Served, Cancel)).User);
        Assert.Null(await place.Home.EraseSubject(account.Subject, b => b.Delete<UserAccount>([account.Subject]), Cancel));
        Assert.Equal(IdentityProblems.RevokedToken, (await tokens.Check(second, place.Served, Cancel)).Problem);
    }

    [Fact]
    public async Task A_token_of_another_geography_resource_or_algorithm_is_none()
    {
        await using var europe = await ModuleHome.Open();
        await using var india = await ModuleHome.Open("India");
        var tokens = new UserTokens(europe.Clock);
        var (account, rawId) = await Account(europe);
        var token = (await tokens.Issue(europe.Home, rawId, account, ["chat"], 60, AccessKey.Fingerprint(ModuleHome.Key), Cancel)).Token;
        var neighbour = new ServedResource(await europe.Unit.Own.Administration!.Add(Guid.NewGuid(), Cancel), [ModuleHome.Key, ModuleHome.Key]);
        var parts = token.Split('.');
        var unsigned = $"{System.Buffers.Text.Base64Url.EncodeToString("""{"alg":"none","typ":"JWT"}"""u8)}.{parts[1]}.";
        Assert.NotNull((await tokens.Check(token, europe.Served, Cancel)).User);
        Assert.Equal(IdentityProblems.InvalidToken, (await tokens.Check(token, india.Served, Cancel)).Problem);
        Assert.Equal(IdentityProblems.InvalidToken, (await tokens.Check(token, neighbour, Cancel)).Problem);
        foreach (var forged in new[] { unsigned, token[..^4] + "AAAA", $"{parts[0]}.{parts[1][..^2]}AA.{parts[2]}", token + "A", "", "a.b.c", new string('x', 20_000), parts[0] + ".." })
        {
            Assert.Equal(IdentityProblems.InvalidToken, (await tokens.Check(forged, europe.Served, Cancel)).Problem);
        }
    }

    private static async Task<(UserAccount Account, string RawId)> Account(ModuleHome place)
    {
        var rawId = CommunicationIdentifier.UserIdOf(place.Home.ResourceId, Guid.NewGuid());
        var subject = await place.Home.AddSubject([new Identifier(Identifier.CommunicationUser, rawId)], Cancel);
        var account = new UserAccount { Subject = subject, CreatedOn = place.Clock.GetUtcNow(), Revocations = 0 };
        Assert.Null((await place.Home.Store.Commit(b => b.Insert(account), Cancel)).Refused);
        return (account with { Version = 1 }, rawId);
    }
}
