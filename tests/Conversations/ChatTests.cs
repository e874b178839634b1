namespace Domicile.Tests.Conversations;

/// <summary>Threads and messages on the unmodified chat client.</summary>
[Trait("needs", "node")]
public sealed class ChatTests(SharedServer shared) : Conversation
{
    [Fact]
    public Task A_thread_has_its_topic_its_creator_and_its_participants() => GoesWell();

    [Fact]
    public Task Participants_who_cannot_be_added_are_named_and_the_others_are_added() => GoesWell();

    [Fact]
    public Task Creating_a_thread_again_with_the_same_idempotency_token_gives_the_same_thread() => GoesWell();

    [Fact]
    public Task An_idempotency_token_is_any_text_that_the_application_chooses() => GoesWell();

    [Fact]
    public Task Text_and_html_come_back_as_they_were_sent() => GoesWell();

    [Fact]
    public Task Messages_are_listed_in_pages_newest_first_each_once() => GoesWell();

    [Fact]
    public Task A_list_that_was_begun_stays_whole_while_messages_arrive() => GoesWell();

    [Fact]
    public Task A_list_from_a_start_time_leaves_the_older_messages_out() => GoesWell();

    [Fact]
    public Task An_edited_message_keeps_its_place_and_says_when_it_was_edited() => GoesWell();

    [Fact]
    public Task Only_its_sender_edits_or_deletes_a_message() => GoesWell();

    [Fact]
    public Task A_deleted_message_leaves_a_tombstone_in_its_place() => GoesWell();

    [Fact]
    public Task A_message_that_does_not_exist_is_refused() => GoesWell();

    [Fact]
    public Task A_new_topic_is_told_by_a_system_message() => GoesWell();

    [Fact]
    public Task A_thread_keeps_its_metadata_and_its_retention_policy() => GoesWell();

    [Fact]
    public Task Sequence_ids_have_no_gap_and_message_ids_strictly_increase() => GoesWell();

    [Fact]
    public Task Fifty_messages_at_once_get_fifty_places() => GoesWell();

    [Fact]
    public Task What_is_answered_is_there_for_the_next_reader() => GoesWell();

    [Fact]
    public Task Metadata_goes_with_a_message_and_can_be_edited() => GoesWell();

    [Fact]
    public Task Threads_are_listed_in_pages_each_once() => GoesWell();

    [Fact]
    public Task A_deleted_thread_is_gone_for_everyone_in_it() => GoesWell();

    [Fact]
    public Task What_is_said_into_a_thread_while_it_is_deleted_goes_with_it() => GoesWell();

    [Fact]
    public Task Editing_and_deleting_one_message_at_once_leaves_one_outcome() => GoesWell();

    [Fact]
    public Task The_caller_is_whom_the_token_names_and_nobody_else() => GoesWell();

    private protected override Task<ScriptSummary> Played() => shared.Play("chat.mjs");
}
