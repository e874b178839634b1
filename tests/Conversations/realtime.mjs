// What people see as it happens, on the unmodified chat client: here or, by realtime-chromium.mjs, in a browser.
import { assert, here, history, play, scenario, written } from "./kit.mjs";
import { names, quiet, until, Watcher } from "./watcher.mjs";

scenario("Every event is told with all that the client reads of it", async () => {
  const [ada, bo, cy] = await here.people("Ada", "Bo 100%41 \"q\" %22", "Cy");
  const watcher = await Watcher.of(ada, { endpoint: here.endpoint.replace(/\/$/, "") + "/" });
  const newcomer = await Watcher.of(cy);

  const { chatThread } = await bo.chat.createChatThread(
    { topic: "Plan 100%41 \"q\" %22 é" },
    { participants: [ada.asParticipant(), bo.asParticipant({ metadata: { role: "host %25" } })], metadata: { a: "b%" }, retentionPolicy: { kind: "threadCreationDate", deleteThreadAfterDays: 60 } },
  );
  const created = await watcher.first("chatThreadCreated");
  assert.equal(created.threadId, chatThread.id);
  assert.equal(created.properties.topic, "Plan 100%41 \"q\" %22 é");
  assert.deepEqual(created.properties.metadata, { a: "b%" });
  assert.deepEqual(created.retentionPolicy, { kind: "threadCreationDate", deleteThreadAfterDays: 60 });
  assert.equal(created.createdBy.id.communicationUserId, bo.id);
  assert.deepEqual(created.participants.map(each => each.id.communicationUserId).sort(), [ada.id, bo.id].sort());
  const host = created.participants.find(each => each.id.communicationUserId === bo.id);
  assert.equal(host.displayName, bo.name);
  assert.deepEqual(host.metadata, { role: "host %25" });
  assert.equal(created.createdOn.getTime(), chatThread.createdOn.getTime());

  const { id } = await bo.say(chatThread, "Hi 100%41 <b> \"q\" \\ 🎈\u2028 %22", { metadata: { k: "v%" } });
  const received = await watcher.first("chatMessageReceived");
  assert.equal(received.id, id);
  assert.equal(received.threadId, chatThread.id);
  assert.equal(received.message, "Hi 100%41 <b> \"q\" \\ 🎈\u2028 %22");
  assert.equal(received.type.toLowerCase(), "text");
  assert.equal(received.senderDisplayName, bo.name);
  assert.equal(received.sender.communicationUserId, bo.id);
  assert.equal(received.recipient.communicationUserId, ada.id);
  assert.equal(received.version, id);
  assert.equal(received.createdOn.getTime(), Number(id));
  assert.deepEqual(received.metadata, { k: "v%" });
  assert.deepEqual(received.attachments ?? [], []);

  await bo.in(chatThread).sendMessage({ content: "<p>html</p>" }, { type: "html" });
  assert.match((await watcher.first("chatMessageReceived", event => event.message === "<p>html</p>")).type, /html/i);

  await bo.in(chatThread).updateMessage(id, { content: "Hello", metadata: { k: "w" } });
  const edited = await watcher.first("chatMessageEdited");
  assert.deepEqual([edited.id, edited.message, edited.metadata.k], [id, "Hello", "w"]);
  assert.ok(edited.editedOn.getTime() > edited.createdOn.getTime());
  assert.equal(edited.version, String(edited.editedOn.getTime()));

  await bo.in(chatThread).sendTypingNotification({ senderDisplayName: "Bo types" });
  const typing = await watcher.first("typingIndicatorReceived");
  assert.deepEqual([typing.threadId, typing.sender.communicationUserId, typing.senderDisplayName], [chatThread.id, bo.id, "Bo types"]);
  assert.ok(Math.abs(typing.receivedOn.getTime() - Date.now()) < 60_000);

  await bo.in(chatThread).sendReadReceipt({ chatMessageId: id });
  const read = await watcher.first("readReceiptReceived");
  assert.deepEqual([read.chatMessageId, read.sender.communicationUserId, read.threadId], [id, bo.id, chatThread.id]);
  assert.ok(Math.abs(read.readOn.getTime() - Date.now()) < 60_000);

  await bo.in(chatThread).deleteMessage(id);
  const deleted = await watcher.first("chatMessageDeleted");
  assert.equal(deleted.id, id);
  assert.ok(deleted.deletedOn.getTime() > Number(id));

  await bo.in(chatThread).updateTopic("New 100%41");
  const changed = await watcher.first("chatThreadPropertiesUpdated");
  assert.equal(changed.properties.topic, "New 100%41");
  assert.equal(changed.updatedBy.id.communicationUserId, bo.id);
  assert.deepEqual(changed.retentionPolicy, { kind: "threadCreationDate", deleteThreadAfterDays: 60 });
  await bo.in(chatThread).updateProperties({ metadata: { a: "c" } });
  assert.equal((await watcher.first("chatThreadPropertiesUpdated", event => event.properties.metadata?.a === "c")).properties.topic, "New 100%41");

  await bo.in(chatThread).addParticipants({ participants: [cy.asParticipant({ shareHistoryTime: new Date(1_767_225_600_000), metadata: { x: "y" } })] });
  const added = await watcher.first("participantsAdded");
  assert.equal(added.addedBy.id.communicationUserId, bo.id);
  assert.deepEqual(added.participantsAdded.map(each => [each.id.communicationUserId, each.displayName, each.shareHistoryTime.getTime(), each.metadata.x]), [[cy.id, "Cy", 1_767_225_600_000, "y"]]);
  assert.equal((await newcomer.first("chatThreadCreated")).threadId, chatThread.id, "who comes into a thread is told of it");
  await newcomer.first("participantsAdded");

  await bo.in(chatThread).removeParticipant(cy.user);
  const removed = await watcher.first("participantsRemoved");
  assert.deepEqual(removed.participantsRemoved.map(each => each.id.communicationUserId), [cy.id]);
  assert.equal(removed.removedBy.id.communicationUserId, bo.id);
  assert.equal((await newcomer.first("participantsRemoved")).threadId, chatThread.id, "and so is who is removed");
  await bo.say(chatThread, "after");
  await watcher.first("chatMessageReceived", event => event.message === "after");

  await bo.chat.deleteChatThread(chatThread.id);
  const gone = await watcher.first("chatThreadDeleted");
  assert.deepEqual([gone.threadId, gone.deletedBy.id.communicationUserId], [chatThread.id, bo.id]);

  await quiet(200);
  assert.deepEqual(newcomer.texts(), [], "nothing of what was said before and after they were there");
  assert.deepEqual(new Set(watcher.seen.map(each => each.name)), new Set(names));
  await Promise.all([watcher.stop(), newcomer.stop()]);
});

scenario("A burst is told once and in order to every tab of a user and to the sender", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const thread = await ada.startThread("Burst", bo);
  const watchers = await Promise.all([Watcher.of(ada), Watcher.of(bo), Watcher.of(bo)]);
  const total = 200;
  await Promise.all(Array.from({ length: 4 }, async (_, hand) => {
    for (let count = 0; count < total / 4; count++) {
      await ada.say(thread, `${hand}.${count}`);
    }
  }));
  const stored = written(await history(bo, thread)).map(message => message.id);
  for (const watcher of watchers) {
    await until(() => watcher.of("chatMessageReceived").length >= total, "all were told");
    await quiet(100);
    assert.deepEqual(watcher.of("chatMessageReceived").map(event => event.id), stored);
    await watcher.stop();
  }
});

scenario("A connection that breaks is made again and nothing of what happened meanwhile is missing or doubled", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const thread = await ada.startThread("Broken", bo);
  const watcher = await Watcher.of(bo);
  let talking = true;
  const said = [];
  const talk = (async () => {
    for (let count = 0; talking; count++) {
      said.push((await ada.say(thread, `${count}`)).id);
    }
  })();
  for (let time = 1; time <= 5; time++) {
    await quiet(150);
    const connects = watcher.connects;
    watcher.break();
    await until(() => watcher.connects > connects, "connected again");
  }
  talking = false;
  await talk;
  await until(() => watcher.of("chatMessageReceived").length >= said.length, "all were told");
  await quiet(300);
  const told = watcher.of("chatMessageReceived").map(event => event.id);
  // What was on its way as the connection broke may have been read by the client and its answer lost: at least once, the same id.
  assert.deepEqual([...new Set(told)], said);
  const places = told.map(id => said.indexOf(id));
  const steps = places.filter((place, at) => at > 0 && place <= places[at - 1]).length;
  assert.ok(steps <= 5, `${steps} steps back, and the connection broke 5 times`);
  assert.ok(watcher.disconnects >= 5);
  await watcher.stop();
});

scenario("Who was away for a moment is told what happened meanwhile", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const thread = await ada.startThread("Away", bo);
  const watcher = await Watcher.of(bo);
  await ada.say(thread, "before");
  await watcher.first("chatMessageReceived");
  watcher.cut();
  await until(() => watcher.disconnects > 0, "disconnected");
  await ada.say(thread, "meanwhile");
  await ada.in(thread).updateTopic("Another");
  watcher.mend();
  await watcher.first("chatMessageReceived", event => event.message === "meanwhile");
  await watcher.first("chatThreadPropertiesUpdated");
  // The answer to the first may have been on its way when the line was cut.
  assert.deepEqual([...new Set(watcher.texts())], ["before", "meanwhile"]);
  await watcher.stop();
});

scenario("Where WebSockets do not get through long polling does", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const thread = await ada.startThread("Polling", bo);
  const watcher = await Watcher.of(bo, { withoutSockets: true });
  for (let count = 0; count < 20; count++) {
    await ada.say(thread, `${count} é 🎈`);
  }
  await ada.in(thread).sendTypingNotification();
  await watcher.first("typingIndicatorReceived");
  await until(() => watcher.texts().length >= 20, "all were told");
  assert.deepEqual(watcher.texts(), Array.from({ length: 20 }, (_, count) => `${count} é 🎈`));
  await watcher.stop();
});

scenario("Tokens that are revoked end the connection and a fresh one takes it up again", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const thread = await ada.startThread("Fresh", bo);
  let token = bo.token;
  let refreshed = 0;
  const credential = {
    getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3_600_000, forced: refreshed++ }),
    dispose() {},
  };
  const watcher = await Watcher.of(bo, { credential });
  const other = await Watcher.of(ada);
  await here.identity.revokeTokens(bo.user);
  await until(() => watcher.disconnects > 0, "the revoked one is disconnected", 2_000);
  token = (await here.identity.getToken(bo.user, ["chat"])).token;
  await until(() => watcher.connects > 1, "connected again with the fresh token");
  await ada.say(thread, "again");
  await watcher.first("chatMessageReceived", event => event.message === "again");
  assert.equal(other.disconnects, 0);
  await Promise.all([watcher.stop(), other.stop()]);
});

scenario("A user who is deleted is disconnected at once", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const thread = await ada.startThread("Gone", bo);
  const watcher = await Watcher.of(bo);
  await here.identity.deleteUser(bo.user);
  await until(() => watcher.disconnects > 0, "disconnected", 2_000);
  await ada.say(thread, "not for them");
  await quiet(300);
  assert.deepEqual(watcher.texts(), []);
});

scenario("An idle connection lives on its pings", async () => {
  const bo = await here.person("Bo");
  const watcher = await Watcher.of(bo);
  await quiet(14_000);
  assert.deepEqual([watcher.connects, watcher.disconnects], [1, 0], "its activity was acknowledged twice by now");
  await watcher.stop();
});

await play({ atOnce: 1 });

// The client of someone who is gone goes on trying to connect, for as long as the process lives.
process.exit();
