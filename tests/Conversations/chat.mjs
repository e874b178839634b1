// Threads and messages, as the people in them see them.
import { all, assert, assertInOrder, claims, here, history, play, refused, resources, scenario, written } from "./kit.mjs";

const digits = (from, to) => Array.from({ length: to - from + 1 }, (_, index) => String(from + index));

scenario("A thread has its topic, its creator and its participants", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const before = Date.now();
  const { chatThread, invalidParticipants } = await ada.chat.createChatThread(
    { topic: "Lunch" },
    { participants: [bo.asParticipant()] },
  );
  assert.match(chatThread.id, /^19:[^@\s]+@thread\.v2$/);
  assert.equal(chatThread.topic, "Lunch");
  assert.equal(chatThread.createdBy.communicationUserId, ada.id);
  assert.ok(Math.abs(chatThread.createdOn.getTime() - before) < 60_000);
  assert.equal(chatThread.deletedOn, undefined);
  assert.deepEqual(invalidParticipants ?? [], []);

  for (const someone of [ada, bo]) {
    const seen = await someone.in(chatThread).getProperties();
    assert.equal(seen.id, chatThread.id);
    assert.equal(seen.topic, "Lunch");
    assert.equal(seen.createdBy.communicationUserId, ada.id);
    assert.equal(seen.createdOn.getTime(), chatThread.createdOn.getTime());
    const participants = await all(someone.in(chatThread).listParticipants());
    assert.deepEqual(participants.map(each => each.id.communicationUserId).sort(), [ada.id, bo.id].sort());
    assert.equal(participants.find(each => each.id.communicationUserId === bo.id).displayName, "Bo");
  }
});

scenario("Participants who cannot be added are named and the others are added", async tell => {
  const [ada, bo, gone] = await here.people("Ada", "Bo", "Gone");
  await here.identity.deleteUser(gone.user);
  const foreigner = await resources.find(resource => resource.endpoint !== here.endpoint).identity.createUser();
  const invalid = [
    { phoneNumber: "+15555550100" },
    { microsoftTeamsUserId: "7a8b0e2c-1111-4222-8333-944445555666" },
    { communicationUserId: `${ada.id.slice(0, -12)}0123456789ab` },
    { communicationUserId: "8:acs:nobody" },
    gone.user,
    foreigner,
  ];
  const { chatThread, invalidParticipants } = await ada.chat.createChatThread(
    { topic: "Who comes" },
    { participants: [...invalid.map(id => ({ id })), bo.asParticipant()] },
  );
  tell("invalidParticipants", invalidParticipants);
  assert.equal(invalidParticipants?.length, invalid.length);
  for (const each of invalidParticipants) {
    assert.ok(each.code && each.message, JSON.stringify(each));
  }
  const targets = invalidParticipants.map(each => each.target);
  for (const id of [gone.id, foreigner.communicationUserId, "8:acs:nobody"]) {
    assert.ok(targets.includes(id), `${id} is named as a target`);
  }
  const participants = await all(ada.in(chatThread).listParticipants());
  assert.deepEqual(participants.map(each => each.id.communicationUserId).sort(), [ada.id, bo.id].sort());
  await bo.say(chatThread, "here I am");

  const added = await ada.in(chatThread).addParticipants({ participants: invalid.map(id => ({ id })) });
  assert.equal(added.invalidParticipants?.length, invalid.length);
});

scenario("Creating a thread again with the same idempotency token gives the same thread", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const create = (who, token) => who.chat.createChatThread({ topic: "Once" }, { idempotencyToken: token });
  const token = crypto.randomUUID();
  const first = await create(ada, token);
  const again = await create(ada, token);
  assert.equal(again.chatThread.id, first.chatThread.id);
  const atOnce = crypto.randomUUID();
  const several = await Promise.all(Array.from({ length: 8 }, () => create(bo, atOnce)));
  assert.equal(new Set(several.map(each => each.chatThread.id)).size, 1, "and so do requests that overtake each other");
  assert.equal((await all(bo.chat.listChatThreads())).length, 1);
  assert.equal((await all(ada.chat.listChatThreads())).length, 1);
  const others = await create(bo, token);
  assert.notEqual(others.chatThread.id, first.chatThread.id, "another user's token is another token");
  assert.notEqual((await create(ada, crypto.randomUUID())).chatThread.id, first.chatThread.id);
});

scenario("An idempotency token is any text that the application chooses", async () => {
  const ada = await here.person("Ada");
  // The contract calls it an opaque string and only recommends a UUID.
  const create = idempotencyToken => ada.chat.createChatThread({ topic: "Order" }, { idempotencyToken });
  const first = await create("order-42");
  assert.equal((await create("order-42")).chatThread.id, first.chatThread.id);
  assert.notEqual((await create("order-43")).chatThread.id, first.chatThread.id);
});

scenario("Text and html come back as they were sent", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const thread = await ada.startThread("Ünïcödé 🎈 \"quoted\" & <angled>", bo);
  assert.equal((await bo.in(thread).getProperties()).topic, "Ünïcödé 🎈 \"quoted\" & <angled>");
  const texts = [
    "plain",
    "two\nlines\tand a tab",
    "<not> & \"markup\" \\ %41 +",
    "日本語 العربية 👩‍👩‍👧 e\u0301 \u{10ffff}",
    "x".repeat(20_000),
    " ",
  ];
  for (const text of texts) {
    const { id } = await ada.in(thread).sendMessage({ content: text }, { senderDisplayName: "Ada 🎈", type: "text" });
    const seen = await bo.in(thread).getMessage(id);
    assert.equal(seen.content.message, text);
    assert.equal(seen.type, "text");
    assert.equal(seen.senderDisplayName, "Ada 🎈");
    assert.equal(seen.sender.communicationUserId, ada.id);
    assert.equal(seen.editedOn, undefined);
    assert.equal(seen.deletedOn, undefined);
    assert.ok(seen.version);
  }
  const { id } = await ada.in(thread).sendMessage({ content: "<b>bold</b> and <i>slanted</i>" }, { type: "html" });
  const seen = await bo.in(thread).getMessage(id);
  assert.equal(seen.type, "html");
  assert.equal(seen.content.message, "<b>bold</b> and <i>slanted</i>");
  assert.equal(seen.senderDisplayName, undefined);
  const unsaid = await ada.in(thread).sendMessage({ content: "no type said" });
  assert.equal((await bo.in(thread).getMessage(unsaid.id)).type, "text");
});

scenario("Messages are listed in pages, newest first, each once", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const thread = await ada.startThread("Pages", bo);
  for (const text of digits(1, 10)) {
    await (Number(text) % 2 ? ada : bo).say(thread, text);
  }
  const pages = await all(bo.in(thread).listMessages({ maxPageSize: 3 }).byPage());
  assert.ok(pages.length > 3);
  assert.ok(pages.every(page => page.length <= 3), "no page is longer than asked");
  assert.ok(pages.slice(0, -1).every(page => page.length > 0), "only the last page may be empty");
  const listed = pages.flat();
  assert.deepEqual(written(listed).map(message => message.content.message), digits(1, 10).reverse());
  assertInOrder([...listed].reverse());
  const atOnce = await all(bo.in(thread).listMessages());
  assert.deepEqual(listed.map(message => message.id), atOnce.map(message => message.id));
});

scenario("A list that was begun stays whole while messages arrive", async () => {
  const ada = await here.person("Ada");
  const thread = await ada.startThread("Moving");
  for (const text of digits(1, 8)) {
    await ada.say(thread, text);
  }
  const listed = [];
  for await (const page of ada.in(thread).listMessages({ maxPageSize: 3 }).byPage()) {
    listed.push(...written(page).map(message => message.content.message));
    await ada.say(thread, "meanwhile");
  }
  assert.deepEqual(listed.filter(text => text !== "meanwhile"), digits(1, 8).reverse());
});

scenario("A list from a start time leaves the older messages out", async () => {
  const ada = await here.person("Ada");
  const thread = await ada.startThread("Since when");
  let third;
  for (const text of digits(1, 6)) {
    const { id } = await ada.say(thread, text);
    third = text === "3" ? await ada.in(thread).getMessage(id) : third;
    // Two messages of one millisecond could not be told apart by a time.
    while (Date.now() <= Number(id) + 1) {
      await new Promise(setImmediate);
    }
  }
  const since = await history(ada, thread, { startTime: third.createdOn });
  assert.deepEqual(written(since).map(message => message.content.message), digits(3, 6));
  const paged = await all(ada.in(thread).listMessages({ startTime: third.createdOn, maxPageSize: 2 }));
  assert.equal(written(paged).length, 4, "the start time holds on every page");
  assert.deepEqual(await history(ada, thread, { startTime: new Date(Date.now() + 3_600_000) }), []);
});

scenario("An edited message keeps its place and says when it was edited", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const thread = await ada.startThread("Second thoughts", bo);
  await bo.say(thread, "before");
  const { id } = await ada.say(thread, "first words", { metadata: { mood: "calm" } });
  await bo.say(thread, "after");
  const original = await bo.in(thread).getMessage(id);
  await ada.in(thread).updateMessage(id, { content: "better words" });
  const edited = await bo.in(thread).getMessage(id);
  assert.equal(edited.content.message, "better words");
  assert.ok(edited.editedOn instanceof Date && edited.editedOn >= edited.createdOn);
  assert.equal(edited.sequenceId, original.sequenceId);
  assert.equal(edited.createdOn.getTime(), original.createdOn.getTime());
  assert.equal(edited.senderDisplayName, "Ada");
  assert.equal(edited.type, "text");
  assert.notEqual(edited.version, original.version);
  assert.deepEqual(edited.metadata, { mood: "calm" }, "what the edit does not name stays");
  const texts = written(await history(bo, thread)).map(message => message.content.message);
  assert.deepEqual(texts, ["before", "better words", "after"]);
});

scenario("Only its sender edits or deletes a message", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const thread = await ada.startThread("Mine", bo);
  const { id } = await ada.say(thread, "mine");
  await refused(bo.in(thread).updateMessage(id, { content: "no, mine" }), 403);
  await refused(bo.in(thread).deleteMessage(id), 403);
  assert.equal((await ada.in(thread).getMessage(id)).content.message, "mine");
  const told = (await history(ada, thread)).filter(message => !["text", "html"].includes(message.type));
  for (const message of told) {
    await refused(ada.in(thread).updateMessage(message.id, { content: "rewritten" }), 400, 403, 404);
    await refused(ada.in(thread).deleteMessage(message.id), 400, 403, 404);
  }
});

scenario("A deleted message leaves a tombstone in its place", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const thread = await ada.startThread("Regrets", bo);
  await bo.say(thread, "before");
  const { id } = await ada.say(thread, "unsaid", { metadata: { mood: "rash" } });
  await bo.say(thread, "after");
  const original = await bo.in(thread).getMessage(id);
  const count = (await history(bo, thread)).length;
  await ada.in(thread).deleteMessage(id);

  const messages = await history(bo, thread);
  assert.equal(messages.length, count, "the list keeps its length");
  assertInOrder(messages);
  const listed = messages.find(message => message.id === id);
  for (const tombstone of [listed, await bo.in(thread).getMessage(id)]) {
    assert.ok(tombstone.deletedOn instanceof Date && tombstone.deletedOn >= tombstone.createdOn);
    assert.equal(tombstone.content?.message, undefined);
    assert.equal(tombstone.metadata?.mood, undefined);
    assert.equal(tombstone.sequenceId, original.sequenceId);
    assert.equal(tombstone.createdOn.getTime(), original.createdOn.getTime());
    assert.ok(!JSON.stringify(tombstone).includes("unsaid"));
  }
  await refused(ada.in(thread).updateMessage(id, { content: "said again" }), 400, 404, 409, 410);
  assert.equal((await bo.in(thread).getMessage(id)).content?.message, undefined);
});

scenario("A message that does not exist is refused", async () => {
  const ada = await here.person("Ada");
  const thread = await ada.startThread("Empty");
  for (const id of ["1500000000000", "nothing", "../../identities"]) {
    await refused(ada.in(thread).getMessage(id), 404);
    await refused(ada.in(thread).updateMessage(id, { content: "x" }), 404);
    await refused(ada.in(thread).deleteMessage(id), 404);
  }
});

scenario("A new topic is told by a system message", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const thread = await ada.startThread("Old topic", bo);
  await bo.in(thread).updateTopic("New topic");
  assert.equal((await ada.in(thread).getProperties()).topic, "New topic");
  const messages = await history(ada, thread);
  const told = messages.at(-1);
  assert.equal(told.type, "topicUpdated");
  assert.equal(told.content.topic, "New topic");
  assert.equal(told.content.initiator.communicationUserId, bo.id);
  assert.equal(told.sender, undefined);
  assertInOrder(messages);
  const [item] = await all(bo.chat.listChatThreads());
  assert.equal(item.topic, "New topic");
});

scenario("A thread keeps its metadata and its retention policy", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const { chatThread } = await ada.chat.createChatThread(
    { topic: "Kept" },
    {
      metadata: { ticket: "42", "key with a space": "ü" },
      retentionPolicy: { kind: "threadCreationDate", deleteThreadAfterDays: 60 },
      participants: [bo.asParticipant({ metadata: { role: "guest" } })],
    },
  );
  let seen = await bo.in(chatThread).getProperties();
  assert.deepEqual(seen.metadata, { ticket: "42", "key with a space": "ü" });
  assert.deepEqual(seen.retentionPolicy, { kind: "threadCreationDate", deleteThreadAfterDays: 60 });
  const participants = await all(ada.in(chatThread).listParticipants());
  assert.deepEqual(participants.find(each => each.id.communicationUserId === bo.id).metadata, { role: "guest" });
  await bo.in(chatThread).updateProperties({ metadata: { ticket: "43" }, retentionPolicy: { kind: "none" } });
  seen = await ada.in(chatThread).getProperties();
  assert.equal(seen.metadata.ticket, "43");
  assert.equal(seen.topic, "Kept");
  assert.ok(seen.retentionPolicy === undefined || seen.retentionPolicy.kind === "none");
});

scenario("Sequence ids have no gap and message ids strictly increase", async tell => {
  const [ada, bo, cy] = await here.people("Ada", "Bo", "Cy");
  const thread = await ada.startThread("In order", bo);
  await ada.say(thread, "one");
  await ada.in(thread).updateTopic("Still in order");
  const { id } = await bo.say(thread, "two");
  await bo.in(thread).deleteMessage(id);
  await bo.in(thread).addParticipants({ participants: [cy.asParticipant()] });
  await bo.in(thread).removeParticipant(cy.user);
  await ada.say(thread, "three");
  const messages = await history(ada, thread);
  assertInOrder(messages);
  assert.equal(messages[0].sequenceId, "1", "the first message of a thread is the first");
  tell("types", messages.map(message => message.type));
});

scenario("Fifty messages at once get fifty places", async () => {
  const people = await here.people("Ada", "Bo", "Cy", "Di", "Ed");
  const [ada, ...others] = people;
  const thread = await ada.startThread("All at once", ...others);
  const sent = await Promise.all(digits(1, 50).map((text, index) => people[index % people.length].say(thread, text)));
  assert.equal(new Set(sent.map(each => each.id)).size, 50);
  const messages = await history(ada, thread);
  assertInOrder(messages);
  const texts = written(messages).map(message => message.content.message);
  assert.equal(texts.length, 50);
  assert.deepEqual([...texts].sort(), digits(1, 50).sort());
  assert.equal(new Set(messages.map(message => message.sequenceId)).size, messages.length);
});

scenario("What is answered is there for the next reader", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const thread = await ada.startThread("At once", bo);
  for (const text of digits(1, 10)) {
    const { id } = await ada.say(thread, text);
    const [newest] = (await bo.in(thread).listMessages({ maxPageSize: 1 }).byPage().next()).value;
    assert.equal(newest.id, id);
    assert.equal(newest.content.message, text);
  }
});

scenario("Metadata goes with a message and can be edited", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const thread = await ada.startThread("Labels", bo);
  const metadata = { colour: "grün", "key with \"quotes\"": "", deliveryMode: "deliveryMode value", nested: "{\"a\":1}" };
  const { id } = await ada.say(thread, "labelled", { metadata });
  assert.deepEqual((await bo.in(thread).getMessage(id)).metadata, metadata);
  assert.deepEqual((await history(bo, thread)).at(-1).metadata, metadata);
  await ada.in(thread).updateMessage(id, { metadata: { colour: "rot" } });
  const edited = await bo.in(thread).getMessage(id);
  assert.equal(edited.metadata.colour, "rot");
  assert.equal(edited.content.message, "labelled");
  assert.ok(edited.editedOn);
});

scenario("Threads are listed in pages, each once", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const threads = [];
  for (const topic of digits(1, 7)) {
    threads.push(await ada.startThread(topic, ...(Number(topic) % 2 ? [bo] : [])));
  }
  await ada.say(threads[2], "the latest word");
  const pages = await all(ada.chat.listChatThreads({ maxPageSize: 3 }).byPage());
  assert.ok(pages.every(page => page.length <= 3));
  const listed = pages.flat();
  assert.deepEqual(listed.map(each => each.id).sort(), threads.map(each => each.id).sort());
  assert.deepEqual(listed.map(each => each.topic).sort(), digits(1, 7));
  const spoken = listed.find(each => each.id === threads[2].id);
  const [message] = (await ada.in(threads[2]).listMessages({ maxPageSize: 1 }).byPage().next()).value;
  assert.equal(spoken.lastMessageReceivedOn?.getTime(), message.createdOn.getTime());
  const his = await all(bo.chat.listChatThreads());
  assert.deepEqual(his.map(each => each.topic).sort(), ["1", "3", "5", "7"]);
});

scenario("A deleted thread is gone for everyone in it", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const thread = await ada.startThread("Short-lived", bo);
  const { id } = await bo.say(thread, "not for long");
  await bo.chat.deleteChatThread(thread.id);
  for (const someone of [ada, bo]) {
    await refused(someone.say(thread, "anyone?"), 403, 404);
    await refused(someone.in(thread).getMessage(id), 403, 404);
    await refused(all(someone.in(thread).listMessages()), 403, 404);
    await refused(all(someone.in(thread).listParticipants()), 403, 404);
    await refused(someone.in(thread).getProperties(), 403, 404);
    await refused(someone.in(thread).updateTopic("Longer"), 403, 404);
    const listed = (await all(someone.chat.listChatThreads())).filter(each => !each.deletedOn);
    assert.deepEqual(listed, []);
  }
});

scenario("What is said into a thread while it is deleted goes with it", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const thread = await ada.startThread("Slammed", bo);
  let talking = true;
  const talk = Promise.all([ada, bo, ada, bo].map(async person => {
    for (let count = 0; talking && count < 500; count++) {
      const sent = await person.say(thread, "still here").catch(fault => fault);
      assert.ok(sent.id !== undefined || [403, 404].includes(sent.statusCode), sent.stack);
    }
  }));
  while ((await history(ada, thread)).length < 30) {
    // They go on talking.
  }
  await ada.chat.deleteChatThread(thread.id);
  await refused(bo.say(thread, "anyone?"), 403, 404);
  talking = false;
  await talk;
  for (const someone of [ada, bo]) {
    await refused(all(someone.in(thread).listMessages()), 403, 404);
    assert.deepEqual((await all(someone.chat.listChatThreads())).filter(each => !each.deletedOn), []);
  }
});

scenario("Editing and deleting one message at once leaves one outcome", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const thread = await ada.startThread("Both", bo);
  for (let round = 0; round < 5; round++) {
    const { id } = await ada.say(thread, "contested");
    const outcomes = await Promise.allSettled([
      ada.in(thread).updateMessage(id, { content: "edited" }),
      ada.in(thread).deleteMessage(id),
      ada.in(thread).updateMessage(id, { content: "edited again" }),
    ]);
    assert.equal(outcomes[1].status, "fulfilled", outcomes[1].reason?.stack);
    for (const { reason } of outcomes.filter(each => each.status === "rejected")) {
      assert.ok(reason.statusCode >= 400 && reason.statusCode < 500, reason.stack);
    }
    const seen = await bo.in(thread).getMessage(id);
    assert.ok(seen.deletedOn, "what was deleted stays deleted");
    assert.equal(seen.content?.message, undefined);
  }
  assertInOrder(await history(bo, thread));
});

scenario("The caller is whom the token names and nobody else", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const thread = await ada.startThread("Names", bo);
  const { id } = await bo.in(thread).sendMessage({ content: "I am Ada" }, { senderDisplayName: "Ada" });
  const seen = await ada.in(thread).getMessage(id);
  assert.equal(seen.sender.communicationUserId, bo.id);
  assert.equal(`8:${claims(bo.token).skypeid}`, bo.id);
});

await play();
