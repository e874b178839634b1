using System.Text.Json;
using Xunit.Sdk;

namespace Domicile.Tests.Conversations;

/// <summary>Users and tokens on the unmodified identity client.</summary>
[Trait("needs", "node")]
public sealed class IdentityTests(SharedServer shared) : Conversation
{
    [Fact]
    public Task A_created_user_has_an_id_of_the_resource_and_a_guid() => GoesWell();

    [Fact]
    public Task A_user_is_created_with_a_token_of_each_scope() => GoesWell();

    [Fact]
    public Task A_token_lives_as_long_as_was_asked_for() => GoesWell();

    [Fact]
    public Task A_life_outside_the_limits_is_refused() => GoesWell();

    [Fact]
    public Task A_known_user_gets_further_tokens_and_the_earlier_ones_stay_good() => GoesWell();

    [Fact]
    public Task A_scope_that_does_not_exist_is_refused() => GoesWell();

    [Fact]
    public Task Revoking_refuses_the_old_tokens_at_once_and_a_new_one_works() => GoesWell();

    [Fact]
    public Task A_token_issued_right_after_a_revocation_is_never_taken_for_an_older_one() => GoesWell();

    [Fact]
    public Task Revoking_concerns_nobody_else() => GoesWell();

    [Fact]
    public Task The_token_of_a_deleted_user_is_dead_at_once() => GoesWell();

    [Fact]
    public Task A_deleted_user_gets_no_new_token() => GoesWell();

    [Fact]
    public async Task Deleting_a_user_a_second_time_does_no_harm()
    {
        var scenario = await GoesWell();

        // The contract leaves it open. Ours: nobody can tell afterwards whether there was such a user.
        Assert.Equal(204, scenario.Told["status"].GetInt32());
    }

    [Fact]
    public Task A_user_who_was_never_created_is_nobody() => GoesWell();

    [Fact]
    public Task A_user_of_another_resource_is_nobody_here() => GoesWell();

    [Fact]
    public Task A_wrong_key_is_refused_with_an_error_that_the_client_shows() => GoesWell();

    [Fact]
    public Task Either_access_key_opens_the_resource() => GoesWell();

    [Fact]
    public Task The_endpoint_works_with_and_without_its_trailing_slash() => GoesWell();

    [Fact]
    public Task The_exchange_for_a_Teams_user_says_that_no_trust_is_configured() => GoesWell();

    [Fact]
    public Task A_user_of_an_Entra_credential_is_told_what_to_do() => GoesWell();

    [Fact]
    public Task The_exchange_of_an_Entra_token_answers_the_contract_s_error() => GoesWell();

    private protected override Task<ScriptSummary> Played() => shared.Play("identity.mjs", async server => new Dictionary<string, string>
    {
        ["SECONDARY_CONNECTION_STRING"] = await SecondaryConnectionString(server),
    });

    /// <summary>The second connection string, as an administrator finds it.</summary>
    private static async Task<string> SecondaryConnectionString(ServerProcess server)
    {
        try
        {
            var shown = JsonElement.Parse(await server.Command("resource", "keys", "show", "demo", "--geography", "Europe", "--data", server.Data, "--json"));
            return shown.GetProperty("secondaryConnectionString").GetString()!;
        }
        catch (XunitException)
        {
            // The scenario that needs it says that it is missing; the others do not need it.
            return "";
        }
    }
}
