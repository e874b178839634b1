// What an application does that stored ids long ago: as a user whose id it kept, it reads a thread whose id it kept. It does not know where it runs.
// In: CONNECTION_STRING, STORED ({ user, threads }). Out: one line of JSON with everything that it was told.
import { ChatClient } from "@azure/communication-chat";
import { AzureCommunicationTokenCredential } from "@azure/communication-common";
import { CommunicationIdentityClient } from "@azure/communication-identity";

const connection = process.env.CONNECTION_STRING;
const endpoint = /endpoint=([^;]+)/.exec(connection)[1];
const { user, threads } = JSON.parse(process.env.STORED);
const { token } = await new CommunicationIdentityClient(connection).getToken({ communicationUserId: user }, ["chat"]);
const chat = new ChatClient(endpoint, new AzureCommunicationTokenCredential(token));
const told = [];
for (const id of threads) {
  const thread = chat.getChatThreadClient(id);
  const messages = await all(thread.listMessages());
  const participants = await all(thread.listParticipants());
  const receipts = await all(thread.listReadReceipts());
  told.push({
    properties: await thread.getProperties(),
    messages,
    one: await thread.getMessage(messages[0].id),
    participants: participants.sort((a, b) => a.id.communicationUserId.localeCompare(b.id.communicationUserId)),
    receipts: receipts.sort((a, b) => a.sender.communicationUserId.localeCompare(b.sender.communicationUserId)),
  });
}
const listed = (await all(chat.listChatThreads())).map(item => ({ id: item.id, topic: item.topic, last: item.lastMessageReceivedOn }));

// The newest first. Of threads that were last written in in the same millisecond, nobody says which comes first.
const isNewestFirst = listed.every((item, i) => i === 0 || listed[i - 1].last >= item.last);
listed.sort((a, b) => b.last - a.last || a.id.localeCompare(b.id));
console.log(`#told ${JSON.stringify({ told, isNewestFirst, listed })}`);

async function all(list) {
  const items = [];
  for await (const item of list) items.push(item);
  return items;
}
