using System.Collections.Frozen;
using System.Globalization;
using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Identity;

/// <summary>The routes of Identity and their handlers.</summary>
internal sealed class IdentityEndpoints(UserTokens tokens, IResourceHomes homes, TimeProvider clock)
{
    private const int DefaultMinutes = 1440;
    private const int ShortestMinutes = 60;
    private const int LongestMinutes = 1440;
    private const int CustomIdMax = 256;
    private const int PageMax = 1_000;
    private const int Attempts = 5;

    private static readonly FrozenSet<string> All =
        FrozenSet.Create("2021-03-07", "2021-10-31-preview", "2022-06-01", "2022-10-01", "2023-08-01", "2023-10-01", "2025-06-30");

    private static readonly FrozenSet<string> WithTeams = All.Except(["2021-03-07"]).ToFrozenSet();
    private static readonly FrozenSet<string> WithExpiry = WithTeams.Except(["2021-10-31-preview", "2022-06-01"]).ToFrozenSet();
    private static readonly FrozenSet<string> WithCustomId = FrozenSet.Create("2025-06-30");
    private static readonly FrozenSet<string> Exchange = FrozenSet.Create("2025-03-02-preview", "2025-06-30");

    public IEnumerable<Operation> Operations() =>
    [
        new("POST", "/identities", "CommunicationIdentity_Create", Access.Application, Create) { Versions = All },
        new("GET", "/identities/{id}", "CommunicationIdentity_Get", Access.Application, Get) { Versions = WithCustomId },
        new("DELETE", "/identities/{id}", "CommunicationIdentity_Delete", Access.Application, Delete) { Versions = All },
        new("POST", "/identities/{id}/:issueAccessToken", "CommunicationIdentity_IssueAccessToken", Access.Application, Issue) { Versions = All },
        new("POST", "/identities/{id}/:revokeAccessTokens", "CommunicationIdentity_RevokeAccessTokens", Access.Application, Revoke) { Versions = All },
        new("POST", "/teamsUser/:exchangeAccessToken", "CommunicationIdentity_ExchangeTeamsUserAccessToken", Access.Application, ExchangeTeams) { Versions = WithTeams },
        new("POST", "/access/entra/:exchangeAccessToken", "Access_ExchangeEntraToken", Access.Application, ExchangeEntra) { Versions = Exchange },
        new("POST", "/access/teamsExtension/:exchangeAccessToken", "Access_ExchangeTeamsExtensionToken", Access.Application, ExchangeEntra) { Versions = Exchange },
        new("GET", "/.well-known/jwks.json", "Keys_List", Access.Open, Keys) { Errors = ErrorShape.ProblemDetails },
        new("GET", "/resources/{nameOrId}/identities", "Administration_ListIdentities", Access.Administrator("owner", "privacy"), List) { Errors = ErrorShape.ProblemDetails },
    ];

    /// <summary>Data's way: request → person and keys in the key store → identity.user, sealed under the person and the resource → until deleted.</summary>
    private async ValueTask<Reply> Create(Call call, CancellationToken cancel)
    {
        CreateIdentityRequest? request = null;
        if (!call.Body.IsEmpty && !call.TryRead(IdentityJson.Default.CreateIdentityRequest, out request, out var unreadable))
        {
            return unreadable;
        }

        var scopes = request?.CreateTokenWithScopes ?? [];
        var minutes = MinutesOf(call, request?.ExpiresInMinutes);
        var customId = WithCustomId.Contains(call.ApiVersion) ? request?.CustomId : null;
        var problems = new List<Problem>(FaultsOf(scopes, minutes));
        if (customId is { Length: 0 or > CustomIdMax })
        {
            problems.Add(IdentityProblems.BadCustomId);
        }

        if (problems.Count > 0)
        {
            return Problem.Of(problems);
        }

        var (account, rawId, refused) = await FindOrAdd(call.Home, customId, cancel);
        if (account is null)
        {
            return refused!;
        }

        call.Concerned = account.Subject;
        AccessTokenReply? token = null;
        if (scopes.Count > 0)
        {
            (token, refused) = await IssueTo(call, account, rawId, scopes, minutes, cancel);
            if (refused is not null)
            {
                return refused;
            }
        }

        var identity = new IdentityReply(rawId) { CustomId = customId };
        return Reply.Json(201, new CreatedIdentityReply(identity, token), IdentityJson.Default.CreatedIdentityReply);
    }

    private async ValueTask<Reply> Get(Call call, CancellationToken cancel)
    {
        if (await FindAccount(call, cancel) is not { } account)
        {
            return IdentityProblems.NotFound;
        }

        var custom = await call.Home.Resolve(Identifier.Custom, account.Subject, cancel);
        var reply = new IdentityReply(call.Route("id")) { CustomId = custom, LastTokenIssuedAt = account.LastTokenIssuedOn };
        return Reply.Json(200, reply, IdentityJson.Default.IdentityReply);
    }

    private async ValueTask<Reply> Issue(Call call, CancellationToken cancel)
    {
        if (!call.TryRead(IdentityJson.Default.IssueTokenRequest, out var request, out var unreadable))
        {
            return unreadable;
        }

        var scopes = request.Scopes ?? [];
        var minutes = MinutesOf(call, request.ExpiresInMinutes);
        var problems = FaultsOf(scopes, minutes).ToList();
        if (scopes.Count == 0)
        {
            problems.Add(IdentityProblems.NoScopes);
        }

        if (problems.Count > 0)
        {
            return Problem.Of(problems);
        }

        if (await FindAccount(call, cancel) is not { } account)
        {
            return IdentityProblems.NotFound;
        }

        var (token, refused) = await IssueTo(call, account, call.Route("id"), scopes, minutes, cancel);
        return refused is not null ? refused : Reply.Json(200, token!, IdentityJson.Default.AccessTokenReply);
    }

    private async ValueTask<Reply> Revoke(Call call, CancellationToken cancel)
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            if (await FindAccount(call, cancel) is not { } account)
            {
                return IdentityProblems.NotFound;
            }

            var revoked = account with { Revocations = account.Revocations + 1 };
            var outcome = await call.Home.Store.Commit(b => b.Put(revoked, IdentityProblems.NotFound).Audit(call.Act(AuditedAct.TokensRevoked, account.Subject)), cancel);
            if (outcome.Refused != StorageProblems.Changed)
            {
                return outcome.Refused is { } refused ? refused : Reply.Empty(204);
            }
        }

        return IdentityProblems.Busy;
    }

    /// <summary>
    /// Erases the person: identity, tokens, messages and memberships go with their key. Nobody can tell afterwards whether there was such a person, so
    /// deleting again is answered in the same way.
    /// </summary>
    private static async ValueTask<Reply> Delete(Call call, CancellationToken cancel)
    {
        var rawId = call.Route("id");
        if (!CommunicationIdentifier.IsUserOf(call.Home.ResourceId, rawId))
        {
            return IdentityProblems.NotFound;
        }

        if (await call.Home.FindSubject(new Identifier(Identifier.CommunicationUser, rawId), cancel) is { } subject
            && await call.Home.EraseSubject(subject, b => b.Delete<UserAccount>([subject]).Audit(call.Act(AuditedAct.IdentityErased, subject)), cancel) is { } refused)
        {
            return refused;
        }

        return Reply.Empty(204);
    }

    private static ValueTask<Reply> ExchangeTeams(Call call, CancellationToken cancel) =>
        new(call.TryRead(IdentityJson.Default.ExchangeTeamsTokenRequest, out _, out var unreadable) ? IdentityProblems.NoTrust : unreadable);

    private static ValueTask<Reply> ExchangeEntra(Call call, CancellationToken cancel) => new(IdentityProblems.NoTrust);

    private async ValueTask<Reply> Keys(Call call, CancellationToken cancel) =>
        Reply.Json(200, new KeySetReply([await tokens.PublicKey(call.Home, cancel)]), IdentityJson.Default.KeySetReply);

    private async ValueTask<Reply> List(Call call, CancellationToken cancel)
    {
        if (await homes.Find(call.Geography, call.Route("nameOrId"), cancel) is not { } home)
        {
            return StorageProblems.Missing.Saying("This geography has no resource of that name or id.");
        }

        if (PageSize.Of(call, PageMax, PageMax) is not { } size)
        {
            return PageSize.Bad(PageMax);
        }

        long? after = null;
        if (call.Query("continuation") is { } continuation)
        {
            if (!long.TryParse(continuation, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var handle))
            {
                return HttpProblems.BadParameter("continuation", "the one of a nextLink");
            }

            after = handle;
        }

        var listing = call.Act(AuditedAct.IdentitiesListed, resource: home.ResourceId);
        if ((await home.Store.Commit(b => b.Audit(listing), cancel)).Refused is { } refused)
        {
            return refused;
        }

        var accounts = await home.Store.Range<UserAccount>().After(after is { } at ? ColumnValue.Of(at) : (ColumnValue?)null).Take(size).Open(cancel);
        var ids = await home.Resolve(Identifier.CommunicationUser, accounts.Select(account => account.Subject), cancel);
        var listed = accounts.Where(account => ids.ContainsKey(account.Subject)).Select(account => new ListedIdentity(ids[account.Subject], account.CreatedOn));
        var next = accounts.Count < size
            ? null
            : $"/resources/{home.ResourceId:D}/identities?maxPageSize={size}&continuation={accounts[^1].Subject.Value:x}";
        return Reply.Json(200, new IdentityList([.. listed], next), IdentityJson.Default.IdentityList);
    }

    private async ValueTask<(UserAccount? Account, string RawId, Problem? Refused)> FindOrAdd(Home home, string? customId, CancellationToken cancel)
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            if (customId is not null && await home.FindSubject(new Identifier(Identifier.Custom, customId), cancel) is { } known)
            {
                if (await home.Resolve(Identifier.CommunicationUser, known, cancel) is { } knownId)
                {
                    // Without an account, someone is between filing the person and writing it, or a crash was.
                    return await home.Store.Get<UserAccount>([known], cancel) is { } existing
                        ? (existing, knownId, null)
                        : await AddAccount(home, known, knownId, cancel);
                }
            }

            var rawId = CommunicationIdentifier.UserIdOf(home.ResourceId, Guid.NewGuid());
            var identifiers = new List<Identifier> { new(Identifier.CommunicationUser, rawId) };
            if (customId is not null)
            {
                identifiers.Add(new Identifier(Identifier.Custom, customId));
            }

            try
            {
                return await AddAccount(home, await home.AddSubject(identifiers, cancel), rawId, cancel);
            }
            catch (KeyExistsException)
            {
                // Someone gave the same custom id to a new identity at the same moment: theirs is found in the next round.
            }
        }

        return (null, "", IdentityProblems.Busy);
    }

    private async ValueTask<(UserAccount? Account, string RawId, Problem? Refused)> AddAccount(Home home, SubjectRef subject, string rawId, CancellationToken cancel)
    {
        var account = new UserAccount { Subject = subject, CreatedOn = clock.GetUtcNow(), Revocations = 0 };
        var outcome = await home.Store.Commit(b => b.Insert(account), cancel);
        if (outcome.Refused is null)
        {
            return (account with { Version = 1 }, rawId, null);
        }

        return outcome.Refused == StorageProblems.Exists && await home.Store.Get<UserAccount>([subject], cancel) is { } existing
            ? (existing, rawId, null)
            : (null, "", outcome.Refused);
    }

    /// <summary>Notes that a token is issued, then issues it: a token never exists of which the account does not know.</summary>
    private async ValueTask<(AccessTokenReply? Token, Problem? Refused)> IssueTo(
        Call call, UserAccount account, string rawId, IReadOnlyList<string> scopes, int minutes, CancellationToken cancel)
    {
        var application = (Caller.Application)call.Caller;
        call.IssuedScopes = scopes;
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var noted = account with { LastTokenIssuedOn = clock.GetUtcNow() };
            var outcome = await call.Home.Store.Commit(b => b.Put(noted, IdentityProblems.NotFound), cancel);
            if (outcome.Refused is null)
            {
                return (await tokens.Issue(call.Home, rawId, noted, scopes, minutes, application.KeyFingerprint, cancel), null);
            }

            if (outcome.Refused != StorageProblems.Changed)
            {
                return (null, outcome.Refused == StorageProblems.Gone ? IdentityProblems.NotFound : outcome.Refused);
            }

            if (await call.Home.Store.Get<UserAccount>([account.Subject], cancel) is not { } again)
            {
                return (null, IdentityProblems.NotFound);
            }

            account = again;
        }

        return (null, IdentityProblems.Busy);
    }

    private static async ValueTask<UserAccount?> FindAccount(Call call, CancellationToken cancel)
    {
        var rawId = call.Route("id");
        if (!CommunicationIdentifier.IsUserOf(call.Home.ResourceId, rawId)
            || await call.Home.FindSubject(new Identifier(Identifier.CommunicationUser, rawId), cancel) is not { } subject)
        {
            return null;
        }

        call.Concerned = subject;
        return await call.Home.Store.Get<UserAccount>([subject], cancel);
    }

    /// <summary>Versions before 2022-10-01 do not have the member, so it is ignored there.</summary>
    private static int MinutesOf(Call call, int? asked) => WithExpiry.Contains(call.ApiVersion) ? asked ?? DefaultMinutes : DefaultMinutes;

    private static IEnumerable<Problem> FaultsOf(IReadOnlyList<string> scopes, int minutes)
    {
        if (scopes.Any(scope => !TokenScope.All.Contains(scope)))
        {
            yield return IdentityProblems.UnknownScope;
        }

        if (minutes is < ShortestMinutes or > LongestMinutes)
        {
            yield return IdentityProblems.LifeOutOfRange;
        }
    }
}
