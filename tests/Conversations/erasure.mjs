// What is left in others' threads when an identity is deleted: their shape, and nothing of the person.
import { all, assert, assertInOrder, here, history, play, refused, scenario, written } from "./kit.mjs";

const ids = participants => participants.map(each => each.id.communicationUserId).sort();

/** Everything that someone can be told about a thread, as one text. */
async function everything(person, thread) {
  return JSON.stringify([
    await person.in(thread).getProperties(),
    await all(person.in(thread).listParticipants()),
    await history(person, thread),
    await all(person.chat.listChatThreads()),
  ]);
}

scenario("Others' threads keep their shape and lose the person", async () => {
  const [ada, bo, cy] = await here.people("Ada", "Bo", "Cyprian");
  const thread = await ada.startThread("Still ours", bo, cy);
  await ada.say(thread, "before");
  const { id } = await cy.say(thread, "something personal", { metadata: { mood: "private" } });
  const edited = await cy.say(thread, "a slip");
  await cy.in(thread).updateMessage(edited.id, { content: "a correction" });
  await cy.in(thread).updateTopic("Cyprian's topic stays the thread's");
  await ada.say(thread, "after");
  const before = await history(ada, thread);

  await here.identity.deleteUser(cy.user);

  const after = await history(bo, thread);
  assertInOrder(after);
  const place = message => [message.id, message.sequenceId, message.createdOn.getTime()];
  assert.deepEqual(after.slice(0, before.length).map(place), before.map(place), "every message keeps its place");
  for (const message of [...after.filter(each => [id, edited.id].includes(each.id)), await ada.in(thread).getMessage(id)]) {
    assert.ok(message.deletedOn instanceof Date, "a tombstone says when");
    assert.equal(message.content?.message, undefined);
    assert.equal(message.senderDisplayName, undefined);
    assert.equal(message.metadata?.mood, undefined);
    assert.ok(message.version && message.type);
  }
  const alive = written(after).filter(message => !message.deletedOn).map(message => message.content.message);
  assert.deepEqual(alive, ["before", "after"]);
  assert.deepEqual(ids(await all(ada.in(thread).listParticipants())), [ada.id, bo.id].sort());

  const told = await everything(ada, thread);
  for (const trace of [cy.guid, cy.id, "Cyprian\"", "something personal", "a slip", "a correction"]) {
    assert.ok(!told.includes(trace), `"${trace}" is still told: ${told}`);
  }
});

scenario("The others go on talking where the person was", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const thread = await bo.startThread("Made by someone who left", ada);
  await bo.say(thread, "welcome");
  await here.identity.deleteUser(bo.user);

  await ada.say(thread, "alone now");
  await ada.in(thread).updateTopic("Mine now");
  const properties = await ada.in(thread).getProperties();
  assert.equal(properties.topic, "Mine now");
  const messages = await history(ada, thread);
  assertInOrder(messages);
  assert.deepEqual(written(messages).filter(each => !each.deletedOn).map(each => each.content.message), ["alone now"]);
  assert.ok(!(await everything(ada, thread)).includes(bo.guid), "nothing names the one who made the thread");

  const newcomer = await here.person("New");
  await ada.in(thread).addParticipants({ participants: [newcomer.asParticipant({ shareHistoryTime: new Date(0) })] });
  assert.ok(!(await everything(newcomer, thread)).includes(bo.guid));
});

scenario("System messages about the person name nobody and still have their place", async () => {
  const [ada, bo, cy] = await here.people("Ada", "Bo", "Cyprian");
  const thread = await ada.startThread("Comings and goings", bo);
  await ada.in(thread).addParticipants({ participants: [cy.asParticipant()] });
  await cy.in(thread).updateTopic("Set by one who is gone");
  await cy.in(thread).removeParticipant(bo.user);
  await ada.in(thread).addParticipants({ participants: [bo.asParticipant({ shareHistoryTime: new Date(0) })] });
  const before = (await history(ada, thread)).map(message => [message.id, message.type]);
  await here.identity.deleteUser(cy.user);

  const after = await history(ada, thread);
  assert.deepEqual(after.slice(0, before.length).map(message => [message.id, message.type]), before);
  assert.ok(!(await everything(bo, thread)).includes(cy.guid));
  assert.ok(!(await everything(ada, thread)).includes("Cyprian"));
});

scenario("Deleting someone who is in no thread or in many is the same to the caller", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const threads = await Promise.all(["1", "2", "3", "4", "5"].map(topic => ada.startThread(topic, bo)));
  await Promise.all(threads.map(thread => bo.say(thread, "here too")));
  await here.identity.deleteUser(await here.identity.createUser());
  await here.identity.deleteUser(bo.user);
  for (const thread of threads) {
    assert.deepEqual(ids(await all(ada.in(thread).listParticipants())), [ada.id]);
    assert.deepEqual(written(await history(ada, thread)).filter(each => !each.deletedOn), []);
  }
  await refused(bo.say(threads[0], "from beyond"), 401);
});

scenario("Someone who is deleted in the middle of a sentence leaves nothing", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const thread = await ada.startThread("Cut short", bo);
  let talking = true;
  const talk = Promise.all([1, 2, 3, 4].map(async () => {
    for (let count = 0; talking && count < 500; count++) {
      await bo.say(thread, "and another thing").catch(() => undefined);
      await bo.in(thread).updateTopic("Bo's topic").catch(() => undefined);
    }
  }));
  while ((await history(ada, thread)).length < 40) {
    // They go on talking.
  }
  await here.identity.deleteUser(bo.user);
  await refused(bo.say(thread, "one last thing"), 401);
  talking = false;
  await talk;

  const messages = await history(ada, thread);
  assertInOrder(messages);
  assert.deepEqual(written(messages).filter(message => !message.deletedOn), []);
  assert.ok(!(await everything(ada, thread)).includes(bo.guid));
  await ada.say(thread, "peace");
});

await play();
