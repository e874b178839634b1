namespace Domicile.Tests.Conversations;

/// <summary>Who is in a thread and what each of them sees, on the unmodified chat client.</summary>
[Trait("needs", "node")]
public sealed class ParticipantTests(SharedServer shared) : Conversation
{
    [Fact]
    public Task Someone_who_is_added_is_listed_and_told_of_by_a_system_message() => GoesWell();

    [Fact]
    public Task Several_who_are_added_at_once_are_told_of_together() => GoesWell();

    [Fact]
    public Task Adding_someone_a_second_time_lists_them_once() => GoesWell();

    [Fact]
    public Task A_newcomer_sees_what_is_shared_with_them() => GoesWell();

    [Fact]
    public Task Someone_removed_reads_the_history_up_to_the_removal_and_nothing_later() => GoesWell();

    [Fact]
    public Task The_instant_of_coming_and_going_is_exact_however_fast_the_others_write() => GoesWell();

    [Fact]
    public Task A_removed_person_does_not_see_edits_made_after_the_removal() => GoesWell();

    [Fact]
    public Task Someone_removed_while_they_write_is_heard_until_the_removal_and_not_after_it() => GoesWell();

    [Fact]
    public Task People_who_come_and_go_at_once_are_each_told_of_once() => GoesWell();

    [Fact]
    public Task A_removal_is_told_by_a_system_message() => GoesWell();

    [Fact]
    public Task Someone_may_leave_by_removing_themselves() => GoesWell();

    [Fact]
    public Task Someone_added_again_takes_part_again() => GoesWell();

    [Fact]
    public Task Participants_are_listed_in_pages_each_once() => GoesWell();

    [Fact]
    public Task A_stranger_is_refused_every_operation_and_changes_nothing() => GoesWell();

    [Fact]
    public Task Each_scope_has_its_rights() => GoesWell();

    private protected override Task<ScriptSummary> Played() => shared.Play("participants.mjs");
}
