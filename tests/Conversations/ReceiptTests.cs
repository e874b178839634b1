namespace Domicile.Tests.Conversations;

/// <summary>Read receipts, typing and HTML on the unmodified chat client.</summary>
[Trait("needs", "node")]
public sealed class ReceiptTests(SharedServer shared) : Conversation
{
    [Fact]
    public Task A_receipt_says_how_far_someone_has_read_and_everyone_in_the_thread_sees_it() => GoesWell();

    [Fact]
    public Task A_receipt_for_an_older_message_takes_nothing_back() => GoesWell();

    [Fact]
    public Task A_receipt_for_what_one_cannot_see_is_refused() => GoesWell();

    [Fact]
    public Task Receipts_come_in_pages_and_those_of_a_deleted_user_go() => GoesWell();

    [Fact]
    public Task Typing_is_accepted_from_whoever_is_in_the_thread_and_from_nobody_else() => GoesWell();

    [Fact]
    public Task HTML_loses_what_could_run_and_keeps_what_shows() => GoesWell();

    private protected override Task<ScriptSummary> Played() => shared.Play("receipts.mjs");
}
