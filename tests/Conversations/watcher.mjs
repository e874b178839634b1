// What one client is told as it happens, by the unmodified chat client.
import { AzureCommunicationTokenCredential } from "@azure/communication-common";
import { ChatClient } from "@azure/communication-chat";
import { assert } from "./kit.mjs";

export const names = [
  "chatMessageReceived", "chatMessageEdited", "chatMessageDeleted", "typingIndicatorReceived", "readReceiptReceived",
  "chatThreadCreated", "chatThreadPropertiesUpdated", "chatThreadDeleted", "participantsAdded", "participantsRemoved",
];

/** Everything that one client is told, in order. The client lives here, or in Chromium where the script is played for it. */
export class Watcher {
  constructor(person, { endpoint = person.resource.endpoint, credential, withoutSockets = false } = {}) {
    Object.assign(this, { person, endpoint, credential, withoutSockets });
    this.seen = [];
    this.connects = 0;
    this.disconnects = 0;
  }

  static async of(person, options) {
    const watcher = new Watcher(person, options);
    await (process.env.IN_CHROMIUM ? watcher.startInChromium() : watcher.start());
    return watcher;
  }

  async start() {
    const before = new Set(openSockets);
    globalThis.withoutSockets = this.withoutSockets;
    this.chat = new ChatClient(this.endpoint, this.credential ?? new AzureCommunicationTokenCredential(this.person.token));
    await this.chat.startRealtimeNotifications();
    for (const name of names) {
      this.chat.on(name, event => this.tell(name, event));
    }
    this.chat.on("realTimeNotificationConnected", () => this.tell("connected"));
    this.chat.on("realTimeNotificationDisconnected", () => this.tell("disconnected"));
    await until(() => this.connects > 0, "connected");
    globalThis.withoutSockets = false;
    // Whoever starts watchers at once and breaks one of them breaks their connections too.
    this.break = () => openSockets.forEach(socket => before.has(socket) || socket.terminate());
    this.cut = () => {
      this.fetched = globalThis.fetch;
      globalThis.fetch = (url, ...rest) => String(url).includes("/v4/a") ? Promise.reject(new TypeError("no network")) : this.fetched(url, ...rest);
      this.break();
    };
    this.mend = () => (globalThis.fetch = this.fetched);
    this.stop = () => this.chat.stopRealtimeNotifications();
  }

  async startInChromium() {
    const { ChromiumPage } = await import("./chromium.mjs");
    const page = new ChromiumPage();
    await page.begin({
      endpoint: this.endpoint, token: this.credential ? undefined : this.person.token, credential: this.credential,
      names, withoutSockets: this.withoutSockets, tell: (name, event) => this.tell(name, event),
    });
    await until(() => this.connects > 0, "connected");
    this.break = () => page.line.break();
    this.cut = () => page.line.cut();
    this.mend = () => page.line.mend();
    this.stop = () => page.finish();
  }

  tell(name, event) {
    switch (name) {
      case "connected":
        this.connects++;
        break;
      case "disconnected":
        this.disconnects++;
        break;
      default:
        this.seen.push({ name, event });
    }
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
