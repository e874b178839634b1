// Applications that still carry the earlier release of the credential package.
import { ChatClient } from "@azure/communication-chat";
import { AzureCommunicationTokenCredential, parseConnectionString } from "@azure/communication-common-2.4";
import { all, assert, here, play, scenario } from "./kit.mjs";

scenario("The earlier credential reads the token and chats", async () => {
  const { user, token, expiresOn } = await here.identity.createUserAndToken(["chat"]);
  const credential = new AzureCommunicationTokenCredential(token);
  const read = await credential.getToken();
  assert.ok(Math.abs(read.expiresOnTimestamp - expiresOn.getTime()) < 1000);
  const chat = new ChatClient(here.endpoint, credential);
  const { chatThread } = await chat.createChatThread({ topic: "Earlier" });
  assert.equal(chatThread.createdBy.communicationUserId, user.communicationUserId);
});

scenario("A credential that refreshes its token goes on after a revocation", async () => {
  const user = await here.identity.createUser();
  let issued = 0;
  const tokenRefresher = async () => {
    issued += 1;
    return (await here.identity.getToken(user, ["chat"])).token;
  };
  const chat = () => new ChatClient(here.endpoint, new AzureCommunicationTokenCredential({ tokenRefresher }));
  const { chatThread } = await chat().createChatThread({ topic: "Refreshed" });
  await here.identity.revokeTokens(user);
  const threads = await all(chat().listChatThreads());
  assert.deepEqual(threads.map(each => each.id), [chatThread.id]);
  assert.equal(issued, 2);
});

scenario("The printed connection string is what the client parses", async () => {
  const { endpoint, credential } = parseConnectionString(here.connectionString);
  assert.match(endpoint, /^https:\/\/localhost:\d+\/$/);
  assert.equal(Buffer.from(credential.key, "base64").toString("base64"), credential.key);
  assert.ok(Buffer.from(credential.key, "base64").length >= 32);
});

await play();
