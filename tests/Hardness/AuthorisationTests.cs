using System.Collections.Concurrent;
using Domicile.Modules.Administration;
using Domicile.Modules.Http;
using Domicile.Modules.Identity;
using Domicile.Residency;
using Domicile.Server;
using Domicile.Storage;
using Domicile.Tests.Conversations;
using Microsoft.Extensions.Logging.Abstractions;
using AccessKeySignature = Domicile.Tests.Conversations.AccessKeySignature;

namespace Domicile.Tests.Hardness;

/// <summary>Who may do what: one table, every cell of it tried on the real server.</summary>
[Collection(nameof(HardnessCollection))]
public sealed class AuthorisationTests
{
    /// <summary>
    /// The answer of every operation to every caller. The callers stand at the top; a full stop stands for 401, which is what nobody proved gets.
    /// 404 to a stranger: who was never in a thread is not told that there is one. 403: who one is was proved, and that is not enough.
    /// </summary>
    private const string Table =
        """
        .                                                     the application's key        the user's token                                                                        the administrator's token              the node's
                                                              right wrong other- other-    parti- joiner limi- wrong  remo- stran- other-  other- expi- revo- dele- key-re-     owner ope-  pri-  reader other- expi-  right wrong
                                               nothing        key   key   resrc. geogr.    cipant        ted   scope  ved   ger    resrc.  geogr. red   ked   ted   generated         rator vacy         geogr. red    creden-tial
        CommunicationIdentity_Create             .            201   .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           .     .     .     .      .      .      .     .
        CommunicationIdentity_Get                .            200   .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           .     .     .     .      .      .      .     .
        CommunicationIdentity_Delete             .            204   .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           .     .     .     .      .      .      .     .
        CommunicationIdentity_IssueAccessToken   .            200   .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           .     .     .     .      .      .      .     .
        CommunicationIdentity_RevokeAccessTokens .            204   .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           .     .     .     .      .      .      .     .
        CommunicationIdentity_ExchangeTeamsUserAccessToken .  403   .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           .     .     .     .      .      .      .     .
        Access_ExchangeEntraToken                .            403   .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           .     .     .     .      .      .      .     .
        Access_ExchangeTeamsExtensionToken       .            403   .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           .     .     .     .      .      .      .     .
        Keys_List                                200          200   200   200    200       200    200    200   200    200   200    200     200    200   200   200   200         200   200   200   200    200    200    200   200
        Chat_CreateChatThread                    .            .     .     .      .         201    403    403   403    201   201    .       .      .     .     .     .           .     .     .     .      .      .      .     .
        Chat_ListChatThreads                     .            .     .     .      .         200    200    200   403    200   200    .       .      .     .     .     .           .     .     .     .      .      .      .     .
        ChatThread_GetChatThreadProperties       .            .     .     .      .         200    200    200   403    403   404    .       .      .     .     .     .           .     .     .     .      .      .      .     .
        ChatThread_UpdateChatThreadProperties    .            .     .     .      .         204    403    403   403    403   404    .       .      .     .     .     .           .     .     .     .      .      .      .     .
        Chat_DeleteChatThread                    .            .     .     .      .         204    403    403   403    403   404    .       .      .     .     .     .           .     .     .     .      .      .      .     .
        ChatThread_SendChatMessage               .            .     .     .      .         201    201    201   403    403   404    .       .      .     .     .     .           .     .     .     .      .      .      .     .
        ChatThread_ListChatMessages              .            .     .     .      .         200    200    200   403    200   404    .       .      .     .     .     .           .     .     .     .      .      .      .     .
        ChatThread_GetChatMessage                .            .     .     .      .         200    200    200   403    200   404    .       .      .     .     .     .           .     .     .     .      .      .      .     .
        ChatThread_UpdateChatMessage             .            .     .     .      .         204    204    204   403    403   404    .       .      .     .     .     .           .     .     .     .      .      .      .     .
        ChatThread_DeleteChatMessage             .            .     .     .      .         204    204    204   403    403   404    .       .      .     .     .     .           .     .     .     .      .      .      .     .
        ChatThread_ListChatParticipants          .            .     .     .      .         200    200    200   403    403   404    .       .      .     .     .     .           .     .     .     .      .      .      .     .
        ChatThread_AddChatParticipants           .            .     .     .      .         201    201    403   403    403   404    .       .      .     .     .     .           .     .     .     .      .      .      .     .
        ChatThread_RemoveChatParticipant         .            .     .     .      .         204    204    403   403    403   404    .       .      .     .     .     .           .     .     .     .      .      .      .     .
        ChatThread_SendTypingNotification        .            .     .     .      .         200    200    200   403    403   404    .       .      .     .     .     .           .     .     .     .      .      .      .     .
        ChatThread_SendChatReadReceipt           .            .     .     .      .         200    200    200   403    403   404    .       .      .     .     .     .           .     .     .     .      .      .      .     .
        ChatThread_ListChatReadReceipts          .            .     .     .      .         200    200    200   403    403   404    .       .      .     .     .     .           .     .     .     .      .      .      .     .
        Realtime_Discover                        .            .     .     .      .         200    200    200   403    200   200    .       .      .     .     .     .           .     .     .     .      .      .      .     .
        Realtime_Allocate                        .            .     .     .      .         200    200    200   403    200   200    .       .      .     .     .     .           .     .     .     .      .      .      .     .
        Realtime_ShakeHands                      .            .     .     .      .         200    200    200   403    200   200    .       .      .     .     .     .           .     .     .     .      .      .      .     .
        Realtime_OpenSocket                      .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           .     .     .     .      .      .      .     .
        Realtime_Poll                            .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           .     .     .     .      .      .      .     .
        Realtime_PostPackets                     .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           .     .     .     .      .      .      .     .
        Realtime_Register                        .            .     .     .      .         202    202    202   403    202   202    .       .      .     .     .     .           .     .     .     .      .      .      .     .
        Realtime_Unregister                      .            .     .     .      .         202    202    202   403    202   202    .       .      .     .     .     .           .     .     .     .      .      .      .     .
        Realtime_Probe                           200          200   200   200    200       200    200    200   200    200   200    200     200    200   200   200   200         200   200   200   200    200    200    200   200
        Events_ListTypes                         .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   200   200   200    .      .      .     .
        Events_ListSubscriptions                 .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   200   200   200    .      .      .     .
        Events_CreateSubscription                .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           422   403   403   403    .      .      .     .
        Events_GetSubscription                   .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           404   404   404   404    .      .      .     .
        Events_UpdateSubscription                .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           404   403   403   403    .      .      .     .
        Events_AskAgain                          .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           404   403   403   403    .      .      .     .
        Events_DeleteSubscription                .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           404   403   403   403    .      .      .     .
        Events_ListDeadLetters                   .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           404   404   404   404    .      .      .     .
        Events_RedeliverDeadLetters              .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           404   404   403   403    .      .      .     .
        Events_Consent                           404          404   404   404    404       404    404    404   404    404   404    404     404    404   404   404   404         404   404   404   404    404    404    404   404
        Events_ConsentByPost                     404          404   404   404    404       404    404    404   404    404   404    404     404    404   404   404   404         404   404   404   404    404    404    404   404
        Administration_MintToken                 .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           .     .     .     .      .      .      201   .
        Administration_GetGeography              .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   200   200   200    .      .      .     .
        Administration_GetInventory              .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   200   200   200    .      .      .     .
        Administration_ListResources             .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   200   200   200    .      .      .     .
        Administration_CreateResource            .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           201   201   403   403    .      .      .     .
        Administration_GetResource               .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   200   200   200    .      .      .     .
        Administration_DeleteResource            .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           204   403   403   403    .      .      .     .
        Administration_ListKeys                  .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   403   403   403    .      .      .     .
        Administration_RegenerateKey             .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   403   403   403    .      .      .     .
        Administration_GetSettings               .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   200   200   200    .      .      .     .
        Administration_UpdateSettings            .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   200   403   403    .      .      .     .
        Administration_ListIdentities            .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   403   200   403    .      .      .     .
        Retention_ListRules                      .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   200   200   200    .      .      .     .
        Retention_SetRule                        .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   403   200   403    .      .      .     .
        Retention_ListOldest                     .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   200   200   200    .      .      .     .
        Holds_Place                              .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           201   403   201   403    .      .      .     .
        Holds_List                               .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   403   200   403    .      .      .     .
        Holds_ReadRestricted                     .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   403   200   403    .      .      .     .
        Holds_Release                            .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           204   403   204   403    .      .      .     .
        Residency_BeginVerification              .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           202   202   202   403    .      .      .     .
        Residency_GetVerification                .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   200   200   200    .      .      .     .
        Residency_StopVerification               .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           204   204   204   403    .      .      .     .
        Inventory_GetProcessingRecord            .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   200   200   200    .      .      .     .
        Inventory_ListChanges                    .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   200   200   200    .      .      .     .
        Privacy_GetInventory                     .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   200   200   200    .      .      .     .
        Privacy_ListInventoryChanges             .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   200   200   200    .      .      .     .
        Privacy_MakeSubjectRequest               .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           202   403   202   403    .      .      .     .
        Privacy_ListSubjectRequests              .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   403   200   403    .      .      .     .
        Privacy_GetSubjectRequest                .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           404   403   404   403    .      .      .     .
        Privacy_CancelSubjectRequest             .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           404   403   404   403    .      .      .     .
        Privacy_GetSubjectResult                 .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           404   403   404   403    .      .      .     .
        Privacy_GetSubjectFile                   .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           404   403   404   403    .      .      .     .
        Privacy_GetReceipt                       .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           404   403   404   403    .      .      .     .
        Logs_Query                               .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           404   404   404   404    .      .      .     .
        Logs_QueryByGet                          .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           404   404   404   404    .      .      .     .
        Logs_QueryBatch                          .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   200   200   200    .      .      .     .
        Logs_ListQueries                         .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   200   200   200    .      .      .     .
        Logs_Get                                 .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   200   200   200    .      .      .     .
        Logs_ListSettings                        .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   200   200   200    .      .      .     .
        Logs_SetSetting                          .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   200   403   403    .      .      .     .
        Logs_DeleteSetting                       .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           404   404   403   403    .      .      .     .
        Logs_Purge                               .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   403   200   403    .      .      .     .
        Logs_Export                              .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   403   200   403    .      .      .     .
        Alerts_List                              .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   200   200   200    .      .      .     .
        Alerts_Set                               .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   200   403   403    .      .      .     .
        Alerts_Delete                            .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           404   404   403   403    .      .      .     .
        Alerts_Silence                           .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           404   404   403   403    .      .      .     .
        Alerts_ListHistory                       .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   200   200   200    .      .      .     .
        Privacy_GetDescription                   200          200   200   200    200       200    200    200   200    200   200    200     200    200   200   200   200         200   200   200   200    200    200    200   200
        Audit_ListActs                           .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   200   200   200    .      .      .     .
        Audit_GetLog                             .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   200   200   200    .      .      .     .
        Audit_GetCheckpoint                      .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   200   200   200    .      .      .     .
        Audit_SignCheckpoint                     .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   200   200   200    .      .      .     .
        Audit_ListEntries                        .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   200   200   200    .      .      .     .
        Audit_ListOpenedEntries                  .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   403   200   403    .      .      .     .
        Audit_ProveInclusion                     .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           404   404   404   404    .      .      .     .
        Audit_ProveConsistency                   .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   200   200   200    .      .      .     .
        Transfer_BeginImport                     .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           204   204   403   403    .      .      .     .
        Transfer_ImportUsers                     .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   200   403   403    .      .      .     .
        Transfer_ImportThread                    .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           409   409   403   403    .      .      .     .
        Transfer_ExportThreads                   .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   403   403   403    .      .      .     .
        Transfer_ExportMessages                  .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           404   403   403   403    .      .      .     .
        Testing_GetClock                         .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   200   403   403    .      .      .     .
        Testing_TurnClock                        .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   200   403   403    .      .      .     .
        Testing_ListFaults                       .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   200   403   403    .      .      .     .
        Testing_AddFault                         .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           201   201   403   403    .      .      .     .
        Testing_ClearFaults                      .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           204   204   403   403    .      .      .     .
        Testing_ListRequests                     .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           200   200   403   403    .      .      .     .
        Testing_Reset                            .            .     .     .      .         .      .      .     .      .     .      .       .      .     .     .     .           404   404   403   403    .      .      .     .
        Metrics_Get                              200          200   200   200    200       200    200    200   200    200   200    200     200    200   200   200   200         200   200   200   200    200    200    200   200
        Health_Live                              200          200   200   200    200       200    200    200   200    200   200    200     200    200   200   200   200         200   200   200   200    200    200    200   200
        Health_Ready                             200          200   200   200    200       200    200    200   200    200   200    200     200    200   200   200   200         200   200   200   200    200    200    200   200
        """;

    private const int HeaderLines = 3;
    private const int AtOnce = 8;

    private static readonly Dictionary<string, int[]> Rows = Table.Split('\n').Skip(HeaderLines)
        .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        .ToDictionary(cells => cells[0], cells => cells[1..].Select(cell => cell == "." ? 401 : int.Parse(cell, null)).ToArray());

    [Fact]
    public void Every_operation_has_a_row_and_every_row_an_operation_and_a_cell_for_each_caller()
    {
        Assert.Equal(Interface.Operations.Select(operation => operation.Name).Order(StringComparer.Ordinal), Rows.Keys.Order(StringComparer.Ordinal));
        Assert.All(Rows, row => Assert.True(row.Value.Length == Enum.GetValues<Who>().Length, $"{row.Key} has {row.Value.Length} cells."));
    }

    [Fact]
    public async Task Every_caller_is_answered_as_the_table_says()
    {
        await using var server = await ServerProcess.Start(manyResources: true);
        var people = await People.Gather(server);
        var wrong = new ConcurrentBag<string>();
        var cells = Interface.Operations.SelectMany(operation => Enum.GetValues<Who>().Select(who => (operation, who))).ToList();
        await Parallel.ForEachAsync(cells, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (cell, _) =>
        {
            var (operation, who) = cell;
            var expected = Rows[operation.Name][(int)who];
            var answer = await people.Ask(operation, who);
            if (answer.Status != expected)
            {
                wrong.Add($"{operation.Name} answers {who} with {answer.Status} instead of {expected}: {answer.Body}");
            }
            else if (answer.Status >= 400 && Shape.FaultOf(answer, operation.Errors) is { } fault)
            {
                wrong.Add($"{operation.Name} answers {who} with {answer.Status}, but {fault}: {answer.Body}");
            }
        });
        people.Dispose();
        Assert.True(wrong.IsEmpty, $"{wrong.Count} of {cells.Count} cells:\n{string.Join('\n', wrong)}");
        Remark.Say($"{Rows.Count} operations, {Enum.GetValues<Who>().Length} callers, {cells.Count} answers as the table says");
    }

    /// <summary>The callers, in the order of the table's columns.</summary>
    private enum Who
    {
        Nobody,
        Key,
        WrongKey,
        KeyOfAnotherResource,
        KeyOfAnotherGeography,
        Participant,
        Joiner,
        LimitedJoiner,
        WrongScope,
        Removed,
        Stranger,
        UserOfAnotherResource,
        UserOfAnotherGeography,
        Expired,
        Revoked,
        Deleted,
        UserOfARegeneratedKey,
        Owner,
        Operator,
        Privacy,
        Reader,
        OwnerOfAnotherGeography,
        ExpiredOwner,
        Credential,
        WrongCredential,
    }

    /// <summary>All who call, and the threads in which they are.</summary>
    private sealed class People : IDisposable
    {
        private readonly Wire _resource;
        private readonly Wire _administration;
        private readonly Dictionary<Who, WireUser> _users = [];
        private readonly Dictionary<Who, string> _credentials = [];
        private readonly Dictionary<Who, byte[]> _keys = [];
        private readonly WireUser _host;
        private Scene _shared = null!;

        private People(Wire resource, Wire administration, WireUser host)
        {
            _resource = resource;
            _administration = administration;
            _host = host;
        }

        public static async Task<People> Gather(ServerProcess server)
        {
            var administration = new Administration(server);
            var owner = await administration.Token("owner");
            using var india = new Wire(server.In("India"), server.CertificateAuthority);
            using var other = new Wire(await administration.NewResource(owner, "another"), server.CertificateAuthority);
            using var secondary = new Wire(await administration.ReadResource(owner, "demo", "secondaryConnectionString"), server.CertificateAuthority);
            Dictionary<Who, WireUser> users;
            WireUser host;
            using (var europe = new Wire(server.Europe, server.CertificateAuthority))
            {
                host = await europe.NewUser();
                users = new()
                {
                    [Who.Participant] = await europe.NewUser(),
                    [Who.Joiner] = await europe.NewUser("chat.join"),
                    [Who.LimitedJoiner] = await europe.NewUser("chat.join.limited"),
                    [Who.WrongScope] = await europe.NewUser("voip", "voip.join"),
                    [Who.Removed] = await europe.NewUser(),
                    [Who.Stranger] = await europe.NewUser(),
                    [Who.UserOfAnotherResource] = await other.NewUser(),
                    [Who.UserOfAnotherGeography] = await india.NewUser(),
                    [Who.Expired] = await europe.NewUser(),
                    [Who.Revoked] = await europe.NewUser(),
                    [Who.Deleted] = await europe.NewUser(),
                    [Who.UserOfARegeneratedKey] = await secondary.NewUser(),
                };
                (await europe.AsApplication(HttpMethod.Post, $"/identities/{Uri.EscapeDataString(users[Who.Revoked].Id)}/:revokeAccessTokens?api-version={Wire.IdentityVersion}")).Is(204);
                (await europe.AsApplication(HttpMethod.Delete, $"/identities/{Uri.EscapeDataString(users[Who.Deleted].Id)}?api-version={Wire.IdentityVersion}")).Is(204);
            }

            using (var wire = administration.Wire())
            {
                (await wire.AsUser(owner, HttpMethod.Post, "/resources/demo/keys:regenerate", new { keyType = "Secondary" })).Is(200);
                (await wire.AsUser(owner, HttpMethod.Post, "/audit/checkpoints")).Is(200);
            }

            // Tokens of the past can only be made by who has the geography's key: the server itself, or a test on its stopped store.
            await server.Stop();
            var (user, administrator) = await Expire(server, users[Who.Expired].Token, owner);
            users[Who.Expired] = users[Who.Expired] with { Token = user };
            await server.StartAgain();

            var people = new People(new Wire(server.Europe, server.CertificateAuthority), administration.Wire(), host);
            people._keys.Add(Who.Key, server.Europe.Key);
            people._keys.Add(Who.WrongKey, new byte[64]);
            people._keys.Add(Who.KeyOfAnotherResource, other.Resource.Key);
            people._keys.Add(Who.KeyOfAnotherGeography, india.Resource.Key);
            foreach (var (who, caller) in users)
            {
                people._users.Add(who, caller);
                people._credentials.Add(who, $"Bearer {caller.Token}");
            }

            foreach (var (who, role) in new[] { (Who.Owner, "owner"), (Who.Operator, "operator"), (Who.Privacy, "privacy"), (Who.Reader, "reader") })
            {
                people._credentials.Add(who, $"Bearer {await administration.Token(role)}");
            }

            people._credentials.Add(Who.OwnerOfAnotherGeography, $"Bearer {await administration.Token("owner", "India")}");
            people._credentials.Add(Who.ExpiredOwner, $"Bearer {administrator}");
            people._credentials.Add(Who.Credential, administration.Credential);
            people._credentials.Add(Who.WrongCredential, "Basic " + Convert.ToBase64String("administrator:wrong"u8));
            people._shared = await people.NewScene(Interface.Operation("Health_Live"), Who.Nobody);
            return people;
        }

        public async Task<Answer> Ask(Operation operation, Who who)
        {
            var scene = await SceneFor(operation, who);
            var sample = Interface.Sample(operation.Name);
            var target = scene.Target(operation, sample);
            var body = sample.Body is null ? null : System.Text.Encoding.UTF8.GetBytes(scene.Fill(sample.Body));
            var method = new HttpMethod(operation.Method);
            body ??= method == HttpMethod.Post ? [] : null;
            var wire = operation.Origin == Origin.Administration ? _administration : _resource;
            return await wire.Send(method, target, body, request =>
            {
                if (_keys.TryGetValue(who, out var key))
                {
                    var signature = new AccessKeySignature(
                        operation.Method, target, wire.Authority, AccessKeySignature.At(DateTimeOffset.UtcNow), AccessKeySignature.Hash(body ?? []));
                    Wire.Sign(request, signature, signature.Authorization(key));
                }
                else if (_credentials.TryGetValue(who, out var credential))
                {
                    request.Headers.TryAddWithoutValidation("Authorization", credential);
                }
            });
        }

        public void Dispose()
        {
            _resource.Dispose();
            _administration.Dispose();
        }

        private static async Task<(string User, string Administrator)> Expire(ServerProcess server, string user, string administrator)
        {
            var cancel = TestContext.Current.CancellationToken;
            await using var unit = await ScaleUnit.Open(
                new ScaleUnitOptions(Geography.Parse("Europe"), Path.Combine(server.Data, "europe")), ProductModules.Catalogue(), TimeProvider.System, NullLogger.Instance, cancel);
            using var users = new TokenSigner(await unit.Own.Secret("user tokens", cancel));
            using var administrators = new TokenSigner(await unit.Own.Secret("administrator tokens", cancel));
            var past = DateTimeOffset.UtcNow.AddMinutes(-1).ToUnixTimeSeconds();
            var claims = users.Check(user, TokenJson.Default.TokenClaims)!;
            var roles = administrators.Check(administrator, AdministratorJson.Default.AdministratorClaims)!;
            return (
                users.Sign(claims with { Exp = past }, TokenJson.Default.TokenClaims),
                administrators.Sign(roles with { Exp = past }, AdministratorJson.Default.AdministratorClaims));
        }

        /// <summary>Who may change something gets a thread, an identity and a resource of their own to do it to.</summary>
        private async Task<Scene> SceneFor(Operation operation, Who who)
        {
            if (!(who == Who.Privacy && operation.Name.StartsWith("Holds_", StringComparison.Ordinal)) && who is not (Who.Key or Who.Participant or Who.Joiner or Who.LimitedJoiner or Who.Removed or Who.Owner or Who.Operator))
            {
                return _shared;
            }

            return await NewScene(operation, who);
        }

        private async Task<string> NewHold(Scene scene)
        {
            var hold = new { covers = "subject", name = scene.Newcomer, reason = "r", reviewOn = DateTimeOffset.UtcNow.AddDays(1) };
            var answer = await _administration.Send(HttpMethod.Post, "/resources/demo/holds", Wire.Bytes(hold), request => request.Headers.TryAddWithoutValidation("Authorization", _credentials[Who.Owner]));
            return answer.Is(201).Json.GetProperty("id").GetString()!;
        }

        private async Task<Scene> NewScene(Operation operation, Who who)
        {
            var resource = "demo";
            var isOfPeople = operation.Name.StartsWith("Holds_", StringComparison.Ordinal) || operation.Name.StartsWith("Retention_", StringComparison.Ordinal);
            if (operation.Access.Kind == AccessKind.Administrator && operation.Method != "GET" && !isOfPeople)
            {
                resource = $"r{Guid.NewGuid():N}";
                (await _administration.Send(HttpMethod.Post, "/resources", Wire.Bytes(new { name = resource }), request =>
                    request.Headers.TryAddWithoutValidation("Authorization", _credentials[Who.Owner]))).Is(201);
            }

            var (member, newcomer) = (await _resource.NewUser(), await _resource.NewUser());
            var isMember = who is Who.Participant or Who.Joiner or Who.LimitedJoiner or Who.Removed;
            var thread = isMember ? await _resource.NewThread(_host, member, _users[who]) : await _resource.NewThread(_host, member);
            var message = await _resource.Say(isMember ? _users[who] : _host, thread, "a message");
            if (who == Who.Removed)
            {
                (await _resource.AsUser(_host.Token, HttpMethod.Post, Wire.Chat(thread, "/participants/:remove"), _users[who].Identifier)).Is(204);
            }

            var scene = new Scene(thread, message, member.Id, newcomer.Id, newcomer.Id, resource);
            return operation.Name == "Holds_Release" ? scene with { Hold = await NewHold(scene) } : scene;
        }
    }
}
