// The borders: what belongs to one geography is unknown in every other.
import { CommunicationIdentityClient } from "@azure/communication-identity";
import { AzureKeyCredential } from "@azure/core-auth";
import { all, assert, chatWith, claims, history, play, refused, resources, scenario, written } from "./kit.mjs";

/** Every pair of two different geographies, both ways round. */
const pairs = resources.flatMap(one => resources.filter(other => other !== one).map(other => [one, other]));

scenario("Every geography creates users, issues tokens and chats", async tell => {
  assert.deepEqual(
    resources.map(resource => resource.geography.replaceAll(" ", "").toLowerCase()).sort(),
    ["asiapacific", "europe", "india", "unitedstates"],
  );
  const locations = [];
  for (const resource of resources) {
    const [ada, bo] = await resource.people("Ada", "Bo");
    const thread = await ada.startThread(`In ${resource.geography}`, bo);
    await ada.say(thread, "one");
    await bo.say(thread, "two");
    assert.deepEqual(written(await history(bo, thread)).map(message => message.content.message), ["one", "two"]);
    assert.equal((await all(bo.in(thread).listParticipants())).length, 2);
    locations.push(claims(ada.token).resourceLocation);
  }
  assert.equal(new Set(locations).size, resources.length, "a token says its geography");
  assert.equal(new Set(resources.map(resource => resource.key)).size, resources.length, "no two share a key");
  tell("locations", locations);
});

scenario("A token of one geography is refused in every other", async () => {
  for (const [home, foreign] of pairs) {
    const ada = await home.person("Ada");
    const abroad = chatWith(foreign.endpoint, ada.token);
    await refused(all(abroad.listChatThreads()), 401);
    await refused(abroad.createChatThread({ topic: "Abroad" }), 401);
  }
});

scenario("A key of one geography is refused in every other", async () => {
  for (const [home, foreign] of pairs) {
    const abroad = new CommunicationIdentityClient(foreign.endpoint, new AzureKeyCredential(home.key));
    await refused(abroad.createUser(), 401);
  }
});

scenario("A thread of one geography is unknown in every other", async () => {
  const [home, foreign] = resources;
  const [ada, eve] = [await home.person("Ada"), await foreign.person("Eve")];
  const thread = await ada.startThread("At home");
  await refused(eve.in(thread).getProperties(), 403, 404);
  await refused(eve.say(thread, "hello"), 403, 404);
});

scenario("A user of one geography cannot be added in another", async () => {
  const [home, foreign] = resources;
  const [ada, eve] = [await home.person("Ada"), await foreign.person("Eve")];
  const thread = await ada.startThread("At home");
  const { invalidParticipants } = await ada.in(thread).addParticipants({ participants: [eve.asParticipant()] });
  assert.deepEqual(invalidParticipants?.map(each => each.target), [eve.id]);
  assert.equal((await all(ada.in(thread).listParticipants())).length, 1);
});

await play();
