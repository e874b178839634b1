// Queries over operation logs on the unmodified client of Azure Monitor.
import assert from "node:assert/strict";
import { LogsQueryClient, LogsQueryResultStatus } from "@azure/monitor-query-logs";
import { play, scenario } from "./kit.mjs";

const { LOGS_ENDPOINT: endpoint, LOGS_WORKSPACE: workspace, LOGS_READER: reader, LOGS_OFFICER: officer, LOGS_USER: user } = process.env;
const credential = token => ({ getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 600_000 }) });
const client = token => new LogsQueryClient(credential(token), { endpoint: `${endpoint}/v1` });
const anHour = { duration: "PT1H" };

scenario("A query is answered with columns, types and rows", async () => {
  const result = await client(officer).queryWorkspace(
    workspace, "ACSChatIncomingOperations | where OperationName == 'ChatThread_SendChatMessage' | project TimeGenerated, UserId, DurationMs, ResultType | take 1", anHour);
  assert.equal(result.status, LogsQueryResultStatus.Success);
  const [table] = result.tables;
  assert.deepEqual(table.columnDescriptors.map(column => [column.name, column.type]), [["TimeGenerated", "datetime"], ["UserId", "string"], ["DurationMs", "int"], ["ResultType", "string"]]);
  const [[at, who, duration, outcome]] = table.rows;
  assert.ok(Math.abs(new Date(at) - Date.now()) < 3_600_000);
  assert.equal(who, user);
  assert.ok(duration >= 0);
  assert.equal(outcome, "Succeeded");
});

scenario("Groups are counted by whoever may not open them", async () => {
  const result = await client(reader).queryWorkspace(
    workspace, "ACSChatIncomingOperations | where OperationName == 'ChatThread_SendChatMessage' | summarize n = count() by UserId | summarize people = count(), most = max(n)", anHour);
  assert.deepEqual(result.tables[0].rows, [[1, 3]]);
});

scenario("Statistics and a chart come with the answer when they are asked for", async () => {
  const result = await client(reader).queryWorkspace(
    workspace, "ACSChatIncomingOperations | summarize count() by OperationName | render barchart", anHour, { includeQueryStatistics: true, includeVisualization: true, serverTimeoutInSeconds: 60 });
  assert.ok(result.statistics.query.executionTime >= 0);
  assert.equal(result.visualization.visualization, "barchart");
});

scenario("A fault has its place", async () => {
  const fault = await client(reader).queryWorkspace(workspace, "ACSChatIncomingOperations\n| where Nothing == 1", anHour).then(() => assert.fail(), error => error);
  assert.equal(fault.statusCode, 400);
  const inner = fault.details.error.innererror;
  assert.equal(inner.code, "SemanticError");
  assert.match(inner.innererror.message, /Nothing/);
});

scenario("What nobody may and what there is not is refused", async () => {
  const stranger = await client("made-up").queryWorkspace(workspace, "ACSChatIncomingOperations | count", anHour).then(() => assert.fail(), error => error);
  assert.equal(stranger.statusCode, 401);
  const elsewhere = await client(officer).queryWorkspace("00000000-0000-4000-8000-000000000000", "ACSChatIncomingOperations | count", anHour).then(() => assert.fail(), error => error);
  assert.equal(elsewhere.statusCode, 404);
});

scenario("A batch is answered query by query", async () => {
  const results = await client(officer).queryBatch([
    { workspaceId: workspace, query: "ACSChatIncomingOperations | where OperationName == 'ChatThread_SendChatMessage' | count", timespan: anHour },
    { workspaceId: workspace, query: "Nothing", timespan: anHour },
  ]);
  assert.equal(results[0].status, LogsQueryResultStatus.Success);
  assert.deepEqual(results[0].tables[0].rows, [[3]]);
  // The client calls every error in a batch a partial failure.
  assert.equal(results[1].status, LogsQueryResultStatus.PartialFailure);
  assert.equal(results[1].partialTables.length, 0);
  assert.equal(results[1].partialError.code, "BadArgumentError");
});

await play();
