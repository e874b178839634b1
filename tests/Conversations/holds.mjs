// What people meet when a thread of theirs is under a hold, on the unmodified clients.
import { all, assert, here, history, pause, play, refused, scenario, written } from "./kit.mjs";

scenario("Under a hold people go on talking and take nothing back", async () => {
  const [ada, bo, cy] = await here.people("Ada", "Bo", "Cy");
  const thread = await ada.startThread("Evidence", bo, cy);
  const { id } = await ada.say(thread, "what I said");
  await cy.say(thread, "what cy said");
  const other = await ada.startThread("Chatter", bo, cy);
  const free = await ada.say(other, "never mind");
  await cy.say(other, "chatter of cy");

  await pause(`place ${thread.id}`);
  const refusals = [
    await refused(ada.in(thread).deleteMessage(id), 409),
    await refused(ada.in(thread).updateMessage(id, { content: "what I wish I had said" }), 409),
    await refused(ada.chat.deleteChatThread(thread.id), 409),
  ];
  const hold = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(refusals[0].message)?.[0];
  for (const fault of refusals) {
    assert.equal(fault.code, "UnderHold");
    assert.ok(hold && fault.message.includes(hold), `the hold is named: ${fault.message}`);
    assert.ok(!fault.message.includes("Case 4711"), "why is not said");
  }

  await bo.say(thread, "and more");
  await ada.in(thread).updateTopic("Still evidence");
  await ada.in(thread).removeParticipant(bo.user);
  const kept = written(await history(ada, thread));
  assert.deepEqual(kept.map(message => message.content.message), ["what I said", "what cy said", "and more"]);
  assert.ok(kept.every(message => !message.deletedOn && !message.editedOn));

  await ada.in(other).deleteMessage(free.id);

  // Whoever is erased is gone for everybody who talks; what the hold covers is kept out of their sight.
  await here.identity.deleteUser(cy.user);
  await refused(cy.in(other).sendMessage({ content: "still here?" }), 401);
  for (const [each, whole] of [[thread, ["what I said", "and more"]], [other, []]]) {
    const left = written(await history(ada, each));
    assert.deepEqual(left.filter(message => message.content?.message).map(message => message.content.message), whole);
    assert.deepEqual((await all(ada.in(each).listParticipants())).map(each => each.displayName).filter(name => name === "Cy"), []);
  }
  await pause(`read ${cy.user.communicationUserId}`);
  await bo.chat.deleteChatThread(other.id);

  await pause(`release ${hold}`);
  await ada.in(thread).deleteMessage(id);
  assert.ok((await ada.in(thread).getMessage(id)).deletedOn);
  await here.identity.deleteUser(bo.user);
  await ada.chat.deleteChatThread(thread.id);
  await refused(ada.in(thread).getProperties(), 404);
  assert.deepEqual(await all(ada.chat.listChatThreads()), []);
});

await play();
