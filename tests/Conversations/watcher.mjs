// What one client is told as it happens, by the unmodified chat client.
import { AzureCommunicationTokenCredential } from "@azure/communication-common";
import { ChatClient } from "@azure/communication-chat";
import { assert } from "./kit.mjs";

export const names = [
  "chatMessageReceived", "chatMessageEdited", "chatMessageDeleted", "typingIndicatorReceived", "readReceiptReceived",
  "chatThreadCreated", "chatThreadPropertiesUpdated", "chatThreadDeleted", "participantsAdded", "participantsRemoved",
];

/** Everything that one client is told, in order. */
export class Watcher {
  constructor(person, { endpoint = person.resource.endpoint, credential = new AzureCommunicationTokenCredential(person.token) } = {}) {
    this.person = person;
    this.chat = new ChatClient(endpoint, credential);
    this.seen = [];
    this.connects = 0;
    this.disconnects = 0;
  }

  static async of(person, options) {
    const watcher = new Watcher(person, options);
    await watcher.start();
    return watcher;
  }

  async start() {
    await this.chat.startRealtimeNotifications();
    for (const name of names) {
      this.chat.on(name, event => this.seen.push({ name, event }));
    }
    this.chat.on("realTimeNotificationConnected", () => this.connects++);
    this.chat.on("realTimeNotificationDisconnected", () => this.disconnects++);
    await until(() => this.connects > 0, "connected");
  }

  stop() {
    return this.chat.stopRealtimeNotifications();
  }

  of(name) {
    return this.seen.filter(each => each.name === name).map(each => each.event);
  }

  async first(name, match = () => true) {
    await until(() => this.of(name).some(match), `${name} is told`);
    return this.of(name).find(match);
  }

  texts() {
    return this.of("chatMessageReceived").map(event => event.message);
  }
}

export async function until(holds, what, limit = 20_000) {
  const deadline = Date.now() + limit;
  while (!holds()) {
    assert.ok(Date.now() < deadline, `not so within ${limit} ms: ${what}`);
    await new Promise(resolve => setTimeout(resolve, 5));
  }
}

export const quiet = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds));
