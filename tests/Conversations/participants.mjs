// Who is in a thread, what each of them sees, and what a stranger learns: nothing.
import { all, assert, assertInOrder, here, history, play, refused, scenario, written } from "./kit.mjs";

const ids = participants => participants.map(each => each.id.communicationUserId).sort();
const texts = messages => written(messages).map(message => message.content.message);
const beginning = new Date(0);

scenario("Someone who is added is listed and told of by a system message", async () => {
  const [ada, bo, cy] = await here.people("Ada", "Bo", "Cy");
  const thread = await ada.startThread("Come in", bo);
  const answer = await bo.in(thread).addParticipants({ participants: [cy.asParticipant()] });
  assert.deepEqual(answer.invalidParticipants ?? [], []);
  assert.deepEqual(ids(await all(cy.in(thread).listParticipants())), [ada.id, bo.id, cy.id].sort());

  const messages = await history(ada, thread);
  const told = messages.at(-1);
  assert.equal(told.type, "participantAdded");
  assert.deepEqual(ids(told.content.participants), [cy.id]);
  assert.equal(told.content.participants[0].displayName, "Cy");
  assert.equal(told.content.initiator.communicationUserId, bo.id);
  assert.equal(told.sender, undefined);
  assertInOrder(messages);
});

scenario("Several who are added at once are told of together", async () => {
  const [ada, bo, cy, di] = await here.people("Ada", "Bo", "Cy", "Di");
  const thread = await ada.startThread("All of you");
  await ada.in(thread).addParticipants({ participants: [bo, cy, di].map(each => each.asParticipant()) });
  const told = (await history(bo, thread)).at(-1) ?? (await history(ada, thread)).at(-1);
  assert.equal(told.type, "participantAdded");
  assert.deepEqual(ids(told.content.participants), [bo.id, cy.id, di.id].sort());
});

scenario("Adding someone a second time lists them once", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const thread = await ada.startThread("Twice", bo);
  await ada.say(thread, "before");
  const answer = await ada.in(thread).addParticipants({ participants: [bo.asParticipant(), bo.asParticipant()] });
  assert.deepEqual(answer.invalidParticipants ?? [], []);
  assert.deepEqual(ids(await all(ada.in(thread).listParticipants())), [ada.id, bo.id].sort());
  assert.deepEqual(texts(await history(bo, thread)), ["before"], "and takes nothing from them");
});

scenario("A newcomer sees what is shared with them", async () => {
  const [ada, whole, part] = await here.people("Ada", "Whole", "Part");
  const thread = await ada.startThread("Since when");
  let second;
  for (const text of ["1", "2", "3"]) {
    const { id } = await ada.say(thread, text);
    second = text === "2" ? await ada.in(thread).getMessage(id) : second;
    while (Date.now() <= Number(id) + 1) {
      await new Promise(setImmediate);
    }
  }
  await ada.in(thread).addParticipants({
    participants: [
      whole.asParticipant({ shareHistoryTime: beginning }),
      part.asParticipant({ shareHistoryTime: second.createdOn }),
    ],
  });
  await ada.say(thread, "4");
  assert.deepEqual(texts(await history(whole, thread)), ["1", "2", "3", "4"]);
  assert.deepEqual(texts(await history(part, thread)), ["2", "3", "4"]);
  const [first] = written(await history(ada, thread));
  await refused(part.in(thread).getMessage(first.id), 403, 404);
  const listed = await all(ada.in(thread).listParticipants());
  const shared = listed.find(each => each.id.communicationUserId === part.id).shareHistoryTime;
  assert.equal(shared.getTime(), second.createdOn.getTime());
});

scenario("Someone removed reads the history up to the removal and nothing later", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const thread = await ada.startThread("Farewell", bo);
  await ada.say(thread, "one");
  const { id: own } = await bo.say(thread, "two");
  await ada.in(thread).removeParticipant(bo.user);
  const { id: later } = await ada.say(thread, "three");

  assert.deepEqual(texts(await history(bo, thread)), ["one", "two"]);
  assert.equal((await bo.in(thread).getMessage(own)).content.message, "two");
  await refused(bo.in(thread).getMessage(later), 403, 404);
  await refused(bo.say(thread, "four"), 403);
  await refused(bo.in(thread).updateMessage(own, { content: "2" }), 403);
  await refused(bo.in(thread).deleteMessage(own), 403);
  await refused(bo.in(thread).updateTopic("Mine"), 403);
  await refused(bo.in(thread).addParticipants({ participants: [bo.asParticipant()] }), 403);
  await refused(bo.in(thread).removeParticipant(ada.user), 403);
  await refused(bo.chat.deleteChatThread(thread.id), 403);
  assert.deepEqual(texts(await history(ada, thread)), ["one", "two", "three"]);
  assert.deepEqual(ids(await all(ada.in(thread).listParticipants())), [ada.id]);
});

scenario("The instant of coming and going is exact however fast the others write", async () => {
  const [ada, early, late] = await here.people("Ada", "Early", "Late");
  const thread = await ada.startThread("All at once", early);
  const said = Array.from({ length: 60 }, (_, index) => String(index));
  await Promise.all(said.map(text => ada.say(thread, text)));
  await Promise.all([
    ada.in(thread).removeParticipant(early.user),
    ada.in(thread).addParticipants({ participants: [late.asParticipant()] }),
  ]);
  await ada.say(thread, "after");
  // Message ids count on when many come in one millisecond; that must not move the border.
  assert.deepEqual(texts(await history(early, thread)).sort(), [...said].sort(), "all that was said before the removal");
  assert.deepEqual(texts(await history(late, thread)), ["after"], "nothing that was said before the arrival");
});

scenario("A removed person does not see edits made after the removal", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const thread = await ada.startThread("Frozen", bo);
  const { id } = await ada.say(thread, "as it was");
  await ada.in(thread).removeParticipant(bo.user);
  await ada.in(thread).updateTopic("A topic that Bo must not learn");
  const { id: secret } = await ada.say(thread, "a message that Bo must not learn");
  await ada.in(thread).updateMessage(secret, { content: "edited, and still not for Bo" });
  const seen = JSON.stringify(await history(bo, thread));
  assert.ok(!seen.includes("must not learn") && !seen.includes("not for Bo"), seen);
  assert.ok((await bo.in(thread).getMessage(id)).content.message.length > 0);
});

scenario("Someone removed while they write is heard until the removal and not after it", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const thread = await ada.startThread("Cut off", bo);
  const answered = [];
  let refusals = 0;
  const talk = Promise.all([1, 2, 3, 4].map(async hand => {
    for (let count = 0; count < 500; count++) {
      const sent = await bo.say(thread, `${hand}.${count}`).catch(fault => fault);
      if (sent.id === undefined) {
        assert.equal(sent.statusCode, 403, sent.stack);
        refusals += 1;
        return;
      }
      answered.push(sent.id);
    }
  }));
  while (answered.length < 40) {
    await new Promise(setImmediate);
  }
  await ada.in(thread).removeParticipant(bo.user);
  await talk;
  assert.equal(refusals, 4);

  const messages = await history(ada, thread);
  assertInOrder(messages);
  const removal = messages.findIndex(message => message.type === "participantRemoved");
  assert.equal(removal, messages.length - 1, "nothing of theirs comes after it");
  assert.deepEqual(written(messages).map(message => message.id).sort(), [...answered].sort(), "what was answered is what is there");
  assert.deepEqual(written(await history(bo, thread)).map(message => message.id).sort(), [...answered].sort());
});

scenario("People who come and go at once are each told of once", async () => {
  const [ada, ...others] = await here.people("Ada", "Bo", "Cy", "Di", "Ed", "Fi", "Gi", "Hu");
  const thread = await ada.startThread("A busy door", ...others.slice(0, 4));
  const before = (await history(ada, thread)).length;
  await Promise.all([
    ...others.slice(0, 4).map(each => ada.in(thread).removeParticipant(each.user)),
    ...others.slice(4).map(each => ada.in(thread).addParticipants({ participants: [each.asParticipant()] })),
  ]);
  const messages = await history(ada, thread);
  assertInOrder(messages);
  const told = messages.slice(before);
  const named = type => told.filter(message => message.type === type).flatMap(message => ids(message.content.participants)).sort();
  assert.deepEqual(named("participantRemoved"), others.slice(0, 4).map(each => each.id).sort());
  assert.deepEqual(named("participantAdded"), others.slice(4).map(each => each.id).sort());
  assert.deepEqual(ids(await all(ada.in(thread).listParticipants())), [ada, ...others.slice(4)].map(each => each.id).sort());
});

scenario("A removal is told by a system message", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const thread = await ada.startThread("Out", bo);
  await ada.in(thread).removeParticipant(bo.user);
  const messages = await history(ada, thread);
  const told = messages.at(-1);
  assert.equal(told.type, "participantRemoved");
  assert.deepEqual(ids(told.content.participants), [bo.id]);
  assert.equal(told.content.initiator.communicationUserId, ada.id);
  assertInOrder(messages);
});

scenario("Someone may leave by removing themselves", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const thread = await ada.startThread("Leaving", bo);
  await bo.in(thread).removeParticipant(bo.user);
  assert.deepEqual(ids(await all(ada.in(thread).listParticipants())), [ada.id]);
  const told = (await history(ada, thread)).at(-1);
  assert.equal(told.type, "participantRemoved");
  assert.equal(told.content.initiator.communicationUserId, bo.id);
  await refused(bo.say(thread, "still here?"), 403);
});

scenario("Someone added again takes part again", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const thread = await ada.startThread("Back again", bo);
  await ada.say(thread, "first");
  await ada.in(thread).removeParticipant(bo.user);
  await refused(bo.say(thread, "from outside"), 403);
  await ada.in(thread).addParticipants({ participants: [bo.asParticipant({ shareHistoryTime: beginning })] });
  await bo.say(thread, "from inside");
  assert.deepEqual(texts(await history(bo, thread)), ["first", "from inside"]);
  assert.deepEqual(ids(await all(bo.in(thread).listParticipants())), [ada.id, bo.id].sort());
});

scenario("Participants are listed in pages, each once", async () => {
  const people = await here.people("Ada", "Bo", "Cy", "Di", "Ed", "Fi", "Gi");
  const [ada, ...others] = people;
  const thread = await ada.startThread("Many", ...others);
  const pages = await all(ada.in(thread).listParticipants({ maxPageSize: 3 }).byPage());
  assert.ok(pages.every(page => page.length <= 3));
  assert.deepEqual(ids(pages.flat()), people.map(each => each.id).sort());
  const rest = await all(ada.in(thread).listParticipants({ maxPageSize: 100, skip: 5 }));
  assert.equal(rest.length, 2);
});

scenario("A stranger is refused every operation and changes nothing", async () => {
  const [ada, bo, eve] = await here.people("Ada", "Bo", "Eve");
  const thread = await ada.startThread("Private", bo);
  const { id } = await ada.say(thread, "between us");
  const before = await history(ada, thread);
  await refused(eve.in(thread).getProperties(), 403, 404);
  await refused(eve.say(thread, "hello"), 403, 404);
  await refused(eve.in(thread).getMessage(id), 403, 404);
  await refused(all(eve.in(thread).listMessages()), 403, 404);
  await refused(all(eve.in(thread).listParticipants()), 403, 404);
  await refused(eve.in(thread).updateMessage(id, { content: "changed" }), 403, 404);
  await refused(eve.in(thread).deleteMessage(id), 403, 404);
  await refused(eve.in(thread).updateTopic("Public"), 403, 404);
  await refused(eve.in(thread).addParticipants({ participants: [eve.asParticipant()] }), 403, 404);
  await refused(eve.in(thread).removeParticipant(bo.user), 403, 404);
  await refused(eve.in(thread).removeParticipant(eve.user), 403, 404);
  await refused(eve.chat.deleteChatThread(thread.id), 403, 404);
  assert.deepEqual(await all(eve.chat.listChatThreads()), []);
  assert.deepEqual(await history(ada, thread), before);
  assert.equal((await bo.in(thread).getProperties()).topic, "Private");
});

scenario("Each scope has its rights", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const [joiner, guest, caller] = await Promise.all([
    here.person("Joiner", ["chat.join"]),
    here.person("Guest", ["chat.join.limited"]),
    here.person("Caller", ["voip"]),
  ]);
  const thread = await ada.startThread("Rights", joiner, guest, caller);

  for (const member of [joiner, guest]) {
    const { id } = await member.say(thread, `from ${member.name}`);
    await member.in(thread).updateMessage(id, { content: `edited by ${member.name}` });
    assert.ok((await history(member, thread)).some(message => message.id === id));
    await member.in(thread).deleteMessage(id);
    assert.equal((await member.in(thread).getProperties()).topic, "Rights");
    assert.equal((await all(member.in(thread).listParticipants())).length, 4);
    await refused(member.chat.createChatThread({ topic: "Mine" }), 403);
    await refused(member.in(thread).updateTopic("Mine"), 403);
    await refused(member.chat.deleteChatThread(thread.id), 403);
  }

  await joiner.in(thread).addParticipants({ participants: [bo.asParticipant()] });
  await joiner.in(thread).removeParticipant(bo.user);
  await refused(guest.in(thread).addParticipants({ participants: [bo.asParticipant()] }), 403);
  await refused(guest.in(thread).removeParticipant(joiner.user), 403);

  await refused(caller.say(thread, "on the phone"), 403);
  await refused(all(caller.in(thread).listMessages()), 403);
  await refused(all(caller.chat.listChatThreads()), 403);
  await refused(caller.chat.createChatThread({ topic: "Mine" }), 403);
});

await play();
