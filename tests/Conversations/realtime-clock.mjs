// People who are connected while the server's clock is turned; the client's own is turned with it.
import { AzureCommunicationTokenCredential } from "@azure/communication-common";
import { assert, here, pause, play, scenario } from "./kit.mjs";
import { quiet, until, Watcher } from "./watcher.mjs";

const realNow = Date.now.bind(Date);
let ahead = 0;
Date.now = () => realNow() + ahead;

/** Both clocks go forward at once. */
async function turn(seconds) {
  await pause(`turn ${seconds}`);
  ahead += seconds * 1_000;
}

scenario("A token that comes to its end is renewed by the credential of the client and nothing is missed", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const thread = await ada.startThread("Until the end", bo);
  const mint = async () => (await here.identity.getToken(bo.user, ["chat"], { tokenExpiresInMinutes: 60 })).token;
  const first = await mint();

  // A minute before its end, of the shortest life that a token can have. Until it is over the application has no other.
  await turn(59 * 60);
  let isOver = false;
  let renewed = 0;
  const credential = new AzureCommunicationTokenCredential({
    token: first,
    tokenRefresher: async () => {
      renewed += isOver ? 1 : 0;
      return isOver ? mint() : first;
    },
  });
  const watcher = await Watcher.of(bo, { credential });
  await ada.say(thread, "before");
  await watcher.first("chatMessageReceived", event => event.message === "before");
  assert.deepEqual([watcher.connects, watcher.disconnects, renewed], [1, 0, 0]);

  // Less than the silence after which a connection is given up: it is the token that ends it.
  isOver = true;
  await turn(80);
  await ada.say(thread, "meanwhile");
  await until(() => watcher.disconnects > 0, "disconnected with the token");
  await until(() => watcher.connects > 1, "connected again");
  assert.ok(renewed > 0, "the credential was asked for another token");
  await ada.say(thread, "after");
  await watcher.first("chatMessageReceived", event => event.message === "after");
  await quiet(200);
  assert.deepEqual(watcher.texts(), ["before", "meanwhile", "after"]);
  await watcher.stop();
});

scenario("A thread that goes by its retention policy is told of to who was in it", async () => {
  const [ada, bo, cy] = await here.people("Ada", "Bo", "Cy");
  const { chatThread } = await ada.chat.createChatThread(
    { topic: "For a month" },
    { participants: [bo.asParticipant()], retentionPolicy: { kind: "threadCreationDate", deleteThreadAfterDays: 30 } },
  );
  await turn(30 * 86_400 - 60);
  const fresh = async person => new AzureCommunicationTokenCredential((await here.identity.getToken(person.user, ["chat"])).token);
  const watcher = await Watcher.of(bo, { credential: await fresh(bo) });
  const other = await Watcher.of(cy, { credential: await fresh(cy) });
  await turn(80);
  const gone = await watcher.first("chatThreadDeleted");
  assert.equal(gone.threadId, chatThread.id);
  assert.equal(gone.reason, "deletedByPolicy");
  assert.ok(gone.deletedOn instanceof Date);
  await quiet(200);
  assert.equal(watcher.of("chatThreadDeleted").length, 1);
  assert.deepEqual(other.seen, []);
  await Promise.all([watcher.stop(), other.stop()]);
});

await play({ atOnce: 1 });
process.exit();
