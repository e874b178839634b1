namespace Domicile.Tests.Conversations;

/// <summary>The scenarios of realtime, whatever the client runs in.</summary>
public abstract class RealtimeConversation : Conversation
{
    [Fact]
    public Task Every_event_is_told_with_all_that_the_client_reads_of_it() => GoesWell();

    [Fact]
    public Task A_burst_is_told_once_and_in_order_to_every_tab_of_a_user_and_to_the_sender() => GoesWell();

    [Fact]
    public Task A_connection_that_breaks_is_made_again_and_nothing_of_what_happened_meanwhile_is_missing_or_doubled() => GoesWell();

    [Fact]
    public Task Who_was_away_for_a_moment_is_told_what_happened_meanwhile() => GoesWell();

    [Fact]
    public Task Where_WebSockets_do_not_get_through_long_polling_does() => GoesWell();

    [Fact]
    public Task Tokens_that_are_revoked_end_the_connection_and_a_fresh_one_takes_it_up_again() => GoesWell();

    [Fact]
    public Task A_user_who_is_deleted_is_disconnected_at_once() => GoesWell();

    [Fact]
    public Task An_idle_connection_lives_on_its_pings() => GoesWell();
}
