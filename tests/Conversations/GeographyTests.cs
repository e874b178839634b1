namespace Domicile.Tests.Conversations;

/// <summary>The borders between geographies, on the unmodified clients.</summary>
[Trait("needs", "node")]
public sealed class GeographyTests(SharedServer shared) : Conversation
{
    [Fact]
    public Task Every_geography_creates_users_issues_tokens_and_chats() => GoesWell();

    [Fact]
    public Task A_token_of_one_geography_is_refused_in_every_other() => GoesWell();

    [Fact]
    public Task A_key_of_one_geography_is_refused_in_every_other() => GoesWell();

    [Fact]
    public Task A_thread_of_one_geography_is_unknown_in_every_other() => GoesWell();

    [Fact]
    public Task A_user_of_one_geography_cannot_be_added_in_another() => GoesWell();

    private protected override Task<ScriptSummary> Played() => shared.Play("geographies.mjs");
}
