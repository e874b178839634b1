namespace Domicile.Tests.Conversations;

/// <summary>The earlier release of the credential package.</summary>
[Trait("needs", "node")]
public sealed class EarlierCredentialTests(SharedServer shared) : Conversation
{
    [Fact]
    public Task The_earlier_credential_reads_the_token_and_chats() => GoesWell();

    [Fact]
    public Task A_credential_that_refreshes_its_token_goes_on_after_a_revocation() => GoesWell();

    [Fact]
    public Task The_printed_connection_string_is_what_the_client_parses() => GoesWell();

    private protected override Task<ScriptSummary> Played() => shared.Play("earlier-credential.mjs");
}
