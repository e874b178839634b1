// Two people talk. Needs CONNECTION_STRING, and NODE_EXTRA_CA_CERTS with the server's certificate authority; beside it:
//   npm install @azure/communication-identity @azure/communication-chat @azure/communication-common
import { AzureCommunicationTokenCredential } from "@azure/communication-common";
import { ChatClient } from "@azure/communication-chat";
import { CommunicationIdentityClient } from "@azure/communication-identity";

const connection = process.env.CONNECTION_STRING;
const endpoint = /endpoint=([^;]+)/.exec(connection)[1];
const identity = new CommunicationIdentityClient(connection);

async function person(displayName) {
  const { user, token } = await identity.createUserAndToken(["chat"]);
  return { user, displayName, chat: new ChatClient(endpoint, new AzureCommunicationTokenCredential(token)) };
}

const [ada, bo] = await Promise.all([person("Ada"), person("Bo")]);
const { chatThread } = await ada.chat.createChatThread(
  { topic: "Lunch" },
  { participants: [ada, bo].map(each => ({ id: each.user, displayName: each.displayName })) },
);
const say = (who, content) => who.chat.getChatThreadClient(chatThread.id).sendMessage({ content }, { senderDisplayName: who.displayName });
await say(ada, "Lunch at noon?");
await say(bo, "I will be there.");
const told = [];
for await (const message of bo.chat.getChatThreadClient(chatThread.id).listMessages()) {
  if (message.type === "text") told.unshift(`${message.senderDisplayName}: ${message.content.message}`);
}
console.log(told.join("\n"));
