// A back end on Node that hears events and reads them with the unmodified deserialiser.
import { createServer } from "node:http";
import { EventGridDeserializer, isSystemEvent } from "@azure/eventgrid";
import { assert, here, pause, play, scenario } from "./kit.mjs";
import { until, Watcher } from "./watcher.mjs";

async function listen(schema) {
  const heard = [];
  const reader = new EventGridDeserializer();
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", piece => (body += piece));
    request.on("end", async () => {
      if (request.method === "OPTIONS") {
        response.writeHead(200, { "WebHook-Allowed-Origin": request.headers["webhook-request-origin"], "WebHook-Allowed-Rate": "60000" }).end();
        return;
      }
      const events = schema === "EventGridSchema" ? await reader.deserializeEventGridEvents(body) : await reader.deserializeCloudEvents(body);
      for (const event of events) {
        if (isSystemEvent("Microsoft.EventGrid.SubscriptionValidationEvent", event)) {
          response.setHeader("content-type", "application/json");
          response.end(JSON.stringify({ validationResponse: event.data.validationCode }));
          return;
        }
        heard.push(event);
      }
      response.end();
    });
  });
  await new Promise(resolve => server.listen(0, "localhost", resolve));
  await pause(`${schema} http://localhost:${server.address().port}/`);
  return { heard, end: () => server.close() };
}

for (const schema of ["EventGridSchema", "CloudEventSchemaV1_0"]) {
  scenario(`Events in the ${schema} are read by the unmodified deserialiser`, async () => {
    const backEnd = await listen(schema);
    const [ada, bo] = await here.people("Ada", "Bo");
    const { chatThread } = await ada.chat.createChatThread({ topic: "Plan é" }, { participants: [ada.asParticipant(), bo.asParticipant()] });
    const { id } = await ada.say(chatThread, "Hi <b> \"q\" \\ 🎈", { metadata: { k: "v" } });
    const mine = () => backEnd.heard.filter(event => event.data.threadId === chatThread.id);
    const all = type => mine().filter(event => isSystemEvent(`Microsoft.Communication.${type}`, event));
    await until(() => all("ChatMessageReceived").length === 2 && all("ChatMessageReceivedInThread").length === 1, "told of the message");
    const [created] = all("ChatThreadCreated");
    assert.equal(created.data.properties.topic, "Plan é");
    assert.deepEqual(created.data.participants.map(each => each.displayName).sort(), ["Ada", "Bo"]);
    assert.equal(all("ChatThreadCreatedWithUser").length, 2);
    const [received] = all("ChatMessageReceivedInThread");
    assert.equal(received.data.messageBody, "Hi <b> \"q\" \\ 🎈");
    assert.equal(received.data.messageId, id);
    assert.equal(received.data.senderCommunicationIdentifier.communicationUser.id, ada.id);
    assert.equal(received.data.composeTime.getTime?.() ?? Date.parse(received.data.composeTime), Number(id));
    assert.deepEqual(received.data.metadata, { k: "v" });
    assert.deepEqual(all("ChatMessageReceived").map(each => each.data.recipientCommunicationIdentifier.rawId).sort(), [ada.id, bo.id].sort());
    assert.equal(new Set(mine().map(event => event.id)).size, mine().length);
    await ada.chat.deleteChatThread(chatThread.id);
    await until(() => all("ChatThreadDeleted").length === 1 && all("ChatThreadWithUserDeleted").length === 2, "told of the deletion");

    // Who has another client that looks has not left; who has none has.
    const left = who => backEnd.heard.filter(event => isSystemEvent("Microsoft.Communication.UserDisconnected", event) && event.data.userCommunicationIdentifier.rawId === who.id);
    const [one, another, leaving] = [await Watcher.of(ada), await Watcher.of(ada), await Watcher.of(bo)];
    await one.stop();
    await leaving.stop();
    await until(() => left(bo).length === 1, "told who has left");
    assert.equal(left(bo)[0].subject, `user/${bo.id}`);
    assert.equal(left(bo)[0].data.userCommunicationIdentifier.communicationUser.id, bo.id);
    assert.equal(left(ada).length, 0);
    await another.stop();
    await until(() => left(ada).length === 1, "told when the last has left");
    backEnd.end();
  });
}

await play({ atOnce: 1 });
