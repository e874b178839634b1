// What the browser build of the chat client expects around it, for `node --conditions=browser --import`. The packages themselves stay as they are.
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
globalThis.self = globalThis;
globalThis.location = new URL("https://localhost/");

/** As much of a browser's XMLHttpRequest as the client uses. */
globalThis.XMLHttpRequest = class {
  readyState = 0;
  status = 0;
  responseText = "";
  // The client takes the absence of this for a browser without CORS.
  withCredentials = false;
  #headers = {};
  #cut = new AbortController();

  open(method, url) {
    this.target = { method, url };
    this.#turn(1);
  }

  setRequestHeader(name, value) {
    this.#headers[name] = value;
  }

  async send(body) {
    const { method, url } = this.target;
    try {
      const answer = await fetch(url, { method, headers: this.#headers, body: body ?? undefined, signal: this.#cut.signal });
      this.responseText = await answer.text();
      this.status = answer.status;
    } catch {
      this.status = 0;
    }
    if (!this.#cut.signal.aborted) {
      this.#turn(4);
      (this.status ? this.onload : this.onerror)?.();
    }
  }

  abort() {
    this.#cut.abort();
  }

  #turn(state) {
    this.readyState = state;
    this.onreadystatechange?.();
  }
};

// By its path: under the condition "browser" its name stands for a file that refuses.
const WebSocket = require("./node_modules/ws/index.js");
/** Scripts look here for the sockets that are open, to break them as a network does. */
globalThis.openSockets = new Set();
globalThis.WebSocket = class extends WebSocket {
  constructor(url, protocols) {
    // Where nothing listens, when the script plays a network that has no WebSockets.
    super(globalThis.withoutSockets ? "wss://localhost:1/" : url, protocols);
    openSockets.add(this);
    this.addEventListener("close", () => openSockets.delete(this));
  }
};
