// Read receipts, typing and HTML, on the unmodified chat client.
import { all, assert, here, play, refused, scenario } from "./kit.mjs";

const horizons = receipts => Object.fromEntries(receipts.map(each => [each.sender.communicationUserId, each.chatMessageId]));

scenario("A receipt says how far someone has read and everyone in the thread sees it", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const thread = await ada.startThread("Read?", bo);
  const { id: first } = await ada.say(thread, "one");
  const { id: second } = await ada.say(thread, "two");
  assert.deepEqual(await all(ada.in(thread).listReadReceipts()), []);
  const before = Date.now();
  await bo.in(thread).sendReadReceipt({ chatMessageId: first });
  await bo.in(thread).sendReadReceipt({ chatMessageId: second });
  await ada.in(thread).sendReadReceipt({ chatMessageId: second });
  const receipts = await all(ada.in(thread).listReadReceipts());
  assert.deepEqual(horizons(receipts), { [ada.id]: second, [bo.id]: second });
  assert.ok(receipts.every(each => Math.abs(each.readOn.getTime() - before) < 60_000));
  assert.deepEqual(horizons(await all(bo.in(thread).listReadReceipts())), horizons(receipts));
});

scenario("A receipt for an older message takes nothing back", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const thread = await ada.startThread("Backwards", bo);
  const { id: first } = await ada.say(thread, "one");
  const { id: second } = await ada.say(thread, "two");
  await bo.in(thread).sendReadReceipt({ chatMessageId: second });
  await bo.in(thread).sendReadReceipt({ chatMessageId: first });
  assert.equal((await all(ada.in(thread).listReadReceipts()))[0].chatMessageId, second);
});

scenario("A receipt for what one cannot see is refused", async () => {
  const [ada, bo, cy] = await here.people("Ada", "Bo", "Cy");
  const thread = await ada.startThread("Unseen", bo);
  const { id } = await ada.say(thread, "before Cy");
  await ada.in(thread).addParticipants({ participants: [cy.asParticipant()] });
  await refused(cy.in(thread).sendReadReceipt({ chatMessageId: id }), 404);
  await refused(bo.in(thread).sendReadReceipt({ chatMessageId: "1500000000000" }), 404);
  await refused(bo.in(thread).sendReadReceipt({ chatMessageId: "no id" }), 400, 404);
  assert.deepEqual(await all(ada.in(thread).listReadReceipts()), []);
});

scenario("Receipts come in pages and those of a deleted user go", async () => {
  const people = await here.people("Ada", "Bo", "Cy", "Di", "Ed");
  const [ada, , gone] = people;
  const thread = await ada.startThread("Pages", ...people.slice(1));
  const { id } = await ada.say(thread, "read me");
  for (const each of people) {
    await each.in(thread).sendReadReceipt({ chatMessageId: id });
  }
  const pages = await all(ada.in(thread).listReadReceipts({ maxPageSize: 2 }).byPage());
  assert.ok(pages.every(page => page.length <= 2));
  assert.equal(pages.flat().length, 5);
  await here.identity.deleteUser(gone.user);
  const left = await all(ada.in(thread).listReadReceipts());
  assert.equal(left.length, 4);
  assert.ok(!left.some(each => each.sender.communicationUserId === gone.id));
});

scenario("Typing is accepted from whoever is in the thread and from nobody else", async () => {
  const [ada, bo, eve] = await here.people("Ada", "Bo", "Eve");
  const thread = await ada.startThread("Tap tap", bo);
  assert.equal(await ada.in(thread).sendTypingNotification(), true);
  assert.equal(await bo.in(thread).sendTypingNotification({ senderDisplayName: "Bo" }), true);
  await refused(eve.in(thread).sendTypingNotification(), 403, 404);
  await ada.in(thread).removeParticipant(bo.user);
  await refused(bo.chat.getChatThreadClient(thread.id).sendTypingNotification(), 403);
});

scenario("HTML loses what could run and keeps what shows", async () => {
  const [ada, bo] = await here.people("Ada", "Bo");
  const thread = await ada.startThread("Markup", bo);
  const hostile = '<p onclick="x()">Hi <b>there</b></p><script>steal()</script><img src="https://example.org/a.png" onerror="x()"><a href="javascript:x()">go</a><iframe src="https://example.org"></iframe>';
  const { id } = await ada.in(thread).sendMessage({ content: hostile }, { type: "html" });
  const seen = (await bo.in(thread).getMessage(id)).content.message;
  assert.ok(seen.includes("<p>Hi <b>there</b></p>"), seen);
  assert.ok(seen.includes('<img src="https://example.org/a.png">'), seen);
  for (const trace of ["onclick", "onerror", "script", "steal", "javascript:", "iframe"]) {
    assert.ok(!seen.includes(trace), `${trace}: ${seen}`);
  }
  await ada.in(thread).updateMessage(id, { content: "<i>edited</i><script>steal()</script>" });
  assert.equal((await bo.in(thread).getMessage(id)).content.message, "<i>edited</i>");
  const text = await ada.say(thread, hostile);
  assert.equal((await bo.in(thread).getMessage(text.id)).content.message, hostile, "plain text is nobody's markup");
});

await play();
