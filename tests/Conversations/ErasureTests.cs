namespace Domicile.Tests.Conversations;

/// <summary>What is left in others' threads when an identity is deleted, on the unmodified clients.</summary>
[Trait("needs", "node")]
public sealed class ErasureTests(SharedServer shared) : Conversation
{
    [Fact]
    public Task Others_threads_keep_their_shape_and_lose_the_person() => GoesWell();

    [Fact]
    public Task The_others_go_on_talking_where_the_person_was() => GoesWell();

    [Fact]
    public Task System_messages_about_the_person_name_nobody_and_still_have_their_place() => GoesWell();

    [Fact]
    public Task Deleting_someone_who_is_in_no_thread_or_in_many_is_the_same_to_the_caller() => GoesWell();

    [Fact]
    public Task Someone_who_is_deleted_in_the_middle_of_a_sentence_leaves_nothing() => GoesWell();

    private protected override Task<ScriptSummary> Played() => shared.Play("erasure.mjs");
}
