// People in the middle of a conversation while the server goes away and comes back.
import { all, assert, assertInOrder, claims, here, history, pause, play, refused, resources, scenario, written } from "./kit.mjs";

const texts = messages => written(messages).filter(message => !message.deletedOn).map(message => message.content.message);

scenario("A conversation goes on after the server was stopped and started", async () => {
  const [ada, bo, cy, gone, revoked] = await here.people("Ada", "Bo", "Cy", "Gone", "Revoked");
  const thread = await ada.startThread("Interrupted", bo, cy);
  const { id: edited } = await ada.say(thread, "one", { metadata: { n: "1" } });
  const { id: deleted } = await bo.say(thread, "two");
  await ada.in(thread).updateMessage(edited, { content: "one, corrected" });
  await bo.in(thread).deleteMessage(deleted);
  await ada.in(thread).removeParticipant(cy.user);
  await ada.say(thread, "three");
  await here.identity.deleteUser(gone.user);
  await here.identity.revokeTokens(revoked.user);
  const elsewhere = await Promise.all(resources.map(resource => resource.person("Abroad")));
  const before = { seen: await history(bo, thread), properties: await bo.in(thread).getProperties() };

  await pause("stop");

  // Nothing is made anew: the same clients, tokens and keys.
  assert.deepEqual(await history(bo, thread), before.seen);
  assert.deepEqual(await bo.in(thread).getProperties(), before.properties);
  await ada.say(thread, "four");
  assert.deepEqual(texts(await history(bo, thread)), ["one, corrected", "three", "four"]);
  assertInOrder(await history(ada, thread));
  assert.deepEqual(texts(await history(cy, thread)), ["one, corrected"]);
  await refused(cy.say(thread, "still removed"), 403);
  await refused(all(gone.chat.listChatThreads()), 401);
  await refused(all(revoked.chat.listChatThreads()), 401);
  await refused(here.identity.getToken(gone.user, ["chat"]), 404);
  const { token } = await here.identity.getToken(bo.user, ["chat"]);
  assert.equal(claims(token).skypeid, claims(bo.token).skypeid);
  for (const person of elsewhere) {
    await person.startThread("Every geography is back");
  }
});

/** People talk without a break while the server is interrupted; what was answered must be there afterwards. */
async function talkThrough(interruption, tell) {
  const people = await here.people("Ada", "Bo", "Cy");
  const thread = await people[0].startThread(`Through a ${interruption}`, ...people.slice(1));
  const acknowledged = new Map();
  let talking = true;
  // The clients try again by themselves, so a message can be stored twice; only an answer is a promise.
  const talk = Promise.all(people.map(async person => {
    for (let count = 1; talking; count++) {
      const text = `${person.name} ${count}`;
      const sent = await person.say(thread, text).catch(() => undefined);
      if (sent) {
        acknowledged.set(sent.id, text);
      }
    }
  }));
  while (acknowledged.size < 60) {
    await new Promise(setImmediate);
  }
  await pause(interruption);
  tell("before", acknowledged.size);
  talking = false;
  await talk;

  const messages = await history(people[1], thread);
  assertInOrder(messages);
  const kept = new Map(messages.map(message => [message.id, message.content?.message]));
  for (const [id, text] of acknowledged) {
    assert.equal(kept.get(id), text);
  }
  for (const text of texts(messages)) {
    assert.match(text, /^(Ada|Bo|Cy) \d+$/, "and nothing is invented");
  }
  await people[2].say(thread, "going on");
}

scenario("Nothing that was acknowledged is lost when the server is killed", tell => talkThrough("kill", tell));

scenario("Nothing that was acknowledged is lost when the server is stopped while people talk", tell => talkThrough("stop", tell));

await play({ atOnce: 1 });
