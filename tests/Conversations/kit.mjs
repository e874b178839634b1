// What every script here builds on: people on the unmodified clients, scenarios with a deadline, one summary at the end.
//
// A script declares scenarios and then plays them. The summary is the last line of its output; the C# test of the
// same name looks its scenario up there, so each scenario is reported as a test of its own.
import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { ChatClient } from "@azure/communication-chat";
import { AzureCommunicationTokenCredential } from "@azure/communication-common";
import { CommunicationIdentityClient } from "@azure/communication-identity";

const scenarioLimit = 40_000;
const scenarios = [];
let lines;

/** Declares a scenario. `play` may hand facts to the summary with `tell(name, value)`. */
export function scenario(name, play) {
  scenarios.push({ name, play });
}

/** Plays every scenario, a few at a time, and prints the summary. */
export async function play({ atOnce = 4 } = {}) {
  const waiting = scenarios.map((each, index) => ({ ...each, index }));
  const summary = [];
  const hand = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      summary[next.index] = await outcome(next);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, hand));
  lines?.close();
  process.exitCode = summary.every(each => each.ok) ? 0 : 1;
  console.log(`#summary ${JSON.stringify({ scenarios: summary })}`);
}

async function outcome({ name, play }) {
  const told = {};
  const started = Date.now();
  try {
    await within(scenarioLimit, play((key, value) => (told[key] = value)));
    return { name, ok: true, milliseconds: Date.now() - started, told };
  } catch (fault) {
    return { name, ok: false, milliseconds: Date.now() - started, told, error: describe(fault) };
  }
}

function describe(fault) {
  const answer = fault?.statusCode ? ` [HTTP ${fault.statusCode}, code ${fault.code}]` : "";
  return `${fault?.stack ?? fault}${answer}`;
}

async function within(milliseconds, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Not done within ${milliseconds} ms.`)), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Tells the harness that the script has come to this point, and waits until it says to go on. */
export async function pause(name) {
  lines ??= createInterface({ input: process.stdin });
  const goOn = new Promise(resolve => lines.once("line", resolve));
  console.log(`#pause ${name}`);
  return goOn;
}

/** A communication resource, known by its connection string. */
export class Resource {
  constructor(connectionString, geography = "") {
    const [, endpoint, key] = /^endpoint=(.*);accesskey=(.*)$/.exec(connectionString);
    Object.assign(this, { connectionString, geography, endpoint, key });
    this.identity = new CommunicationIdentityClient(connectionString);
  }

  /** A new user with a token and a chat client. */
  async person(name, scopes = ["chat"]) {
    const { user, token } = await this.identity.createUserAndToken(scopes);
    return new Person(this, name, user, token);
  }

  people(...names) {
    return Promise.all(names.map(name => this.person(name)));
  }
}

/** Someone with a token. */
export class Person {
  constructor(resource, name, user, token) {
    Object.assign(this, { resource, name, user, token });
    this.chat = chatWith(resource.endpoint, token);
  }

  get id() {
    return this.user.communicationUserId;
  }

  /** The part of the id that is this person's alone. */
  get guid() {
    return this.id.slice(this.id.lastIndexOf("_") + 1);
  }

  asParticipant(more = {}) {
    return { id: this.user, displayName: this.name, ...more };
  }

  in(thread) {
    return this.chat.getChatThreadClient(thread.id ?? thread);
  }

  /** A new thread of this person with others in it. */
  async startThread(topic, ...others) {
    const { chatThread } = await this.chat.createChatThread(
      { topic },
      { participants: others.map(other => other.asParticipant()) },
    );
    return chatThread;
  }

  say(thread, content, more = {}) {
    return this.in(thread).sendMessage({ content }, { senderDisplayName: this.name, ...more });
  }
}

export function chatWith(endpoint, token) {
  return new ChatClient(endpoint, new AzureCommunicationTokenCredential(token));
}

/** Every resource that the harness has told us of, by geography. */
export const resources = JSON.parse(process.env.CONNECTION_STRINGS ?? "[]").map(
  each => new Resource(each.connectionString, each.geography),
);

/** The resource that a scenario uses when it does not matter which. */
export const here = process.env.CONNECTION_STRING ? new Resource(process.env.CONNECTION_STRING) : resources[0];

/** Everything that a paged list yields. */
export async function all(iterable) {
  const items = [];
  for await (const item of iterable) {
    items.push(item);
  }
  return items;
}

/** The messages of a thread as someone sees them, oldest first. */
export async function history(person, thread, options = {}) {
  return (await all(person.in(thread).listMessages(options))).reverse();
}

/** What the people wrote, without what the service tells. */
export function written(messages) {
  return messages.filter(message => message.type === "text" || message.type === "html");
}

/** The request is refused with this status, in a form that the client can show. */
export async function refused(request, ...statuses) {
  let fault;
  try {
    await request;
  } catch (caught) {
    fault = caught;
  }
  assert.ok(fault, `should have been refused with ${statuses.join(" or ")}, and was not`);
  assert.equal(fault.name, "RestError", describe(fault));
  assert.ok(statuses.includes(fault.statusCode), `expected ${statuses.join(" or ")}, got ${describe(fault)}`);
  assert.equal(typeof fault.code, "string", "the error has a code");
  assert.ok(fault.code.length > 0 && !fault.code.includes(" "), `a code is one word: "${fault.code}"`);
  assert.ok(fault.message.length > 10, `a message is a sentence: "${fault.message}"`);
  assert.ok(!fault.message.startsWith("{"), `the message is text and not the raw body: ${fault.message}`);
  return fault;
}

/** How many nodes serve the requests of one client, in turns. */
const nodes = Number(process.env.NODES_IN_TURNS ?? 1);

/** The request is refused with this status: at once by the node that made it so, and by all that serve this client soon after. */
export async function refusedByAll(ask, status) {
  const limit = Date.now() + (nodes > 1 ? 30_000 : 0);
  for (let inARow = 0; inARow < nodes;) {
    let answered = false;
    await refused(ask().then(() => answered = true), status).catch(fault => {
      if (!answered || Date.now() >= limit) {
        throw fault;
      }
    });
    inARow = answered ? 0 : inARow + 1;
  }
}

/** The claims of a token; its signature is checked elsewhere. */
export function claims(token) {
  const parts = token.split(".");
  assert.equal(parts.length, 3, "a token has three parts");
  return JSON.parse(Buffer.from(parts[1], "base64url").toString("utf8"));
}

/** Sequence ids of a whole thread: 1, 2, 3 … without a gap; message ids: digits, strictly increasing. */
export function assertInOrder(messagesOldestFirst) {
  const sequence = messagesOldestFirst.map(message => message.sequenceId);
  assert.deepEqual(
    sequence,
    sequence.map((_, index) => String(index + Number(sequence[0]))),
    "sequence ids have no gap",
  );
  for (const [index, message] of messagesOldestFirst.entries()) {
    assert.match(message.id, /^\d{10,19}$/, "a message id is a digit string");
    if (index > 0) {
      assert.ok(BigInt(message.id) > BigInt(messagesOldestFirst[index - 1].id), "message ids strictly increase");
    }
  }
}

export { assert };
