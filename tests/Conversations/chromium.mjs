// The unmodified chat client in headless Chromium: a page for each client, on an origin of its own, behind a line that a script can cut.
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";
import { delimiter, join } from "node:path";
import { build } from "esbuild";
import { chromium } from "playwright-core";

/** Where the browser is, under the names that distributions give it. */
function program() {
  const names = ["chromium", "chromium-browser", "google-chrome"];
  const found = names.flatMap(name => process.env.PATH.split(delimiter).map(folder => join(folder, name))).find(existsSync);
  if (!found) {
    throw new Error(`There is no ${names.join(", ")} in the path.`);
  }
  return found;
}

/** What the page runs: the packages as they are, and the few lines that pass on what they tell. */
const page = `
  import { AzureCommunicationTokenCredential } from "@azure/communication-common";
  import { ChatClient } from "@azure/communication-chat";

  window.begin = async ({ endpoint, token, names }) => {
    const credential = token
      ? new AzureCommunicationTokenCredential(token)
      : { getToken: () => window.getToken(), dispose() {} };
    window.chat = new ChatClient(endpoint, credential);
    await chat.startRealtimeNotifications();
    for (const name of names) {
      chat.on(name, event => window.tell(name, JSON.stringify(event)));
    }
    chat.on("realTimeNotificationConnected", () => window.tell("connected", "null"));
    chat.on("realTimeNotificationDisconnected", () => window.tell("disconnected", "null"));
  };
  window.finish = () => chat.stopRealtimeNotifications();
`;

let started;

/** A signal ends this program, and the browser with it: left to Playwright, it would end the browser alone. */
export function launch() {
  return chromium.launch({ executablePath: program(), args: ["--no-sandbox", "--disable-dev-shm-usage"], handleSIGTERM: false });
}

async function start() {
  const { outputFiles: [script] } = await build({
    stdin: { contents: page, resolveDir: import.meta.dirname },
    bundle: true, write: false, format: "iife", platform: "browser", define: { global: "window" }, logLevel: "error",
  });
  const origin = createServer((request, response) => {
    const [type, body] = request.url === "/page.js" ? ["text/javascript", script.contents] : ["text/html; charset=utf-8", "<!doctype html><script src=\"/page.js\"></script>"];
    response.writeHead(200, { "content-type": type }).end(body);
  });
  await new Promise(resolve => origin.listen(0, "127.0.0.1", resolve));
  return { browser: await launch(), address: `http://127.0.0.1:${origin.address().port}/` };
}

/** The way from a page to the server, which can be broken once or cut for a while, as a network is. */
class Line {
  #tunnels = new Set();
  #isCut = false;

  async open() {
    const proxy = createServer((_, response) => response.writeHead(502).end());
    proxy.on("connect", (request, client) => {
      client.on("error", () => {});
      if (this.#isCut) {
        client.destroy();
        return;
      }
      const { hostname, port } = new URL(`http://${request.url}`);
      const server = connect({ host: hostname, port: Number(port || 443) }, () => {
        client.write("HTTP/1.1 200 Connected\r\n\r\n");
        server.pipe(client).pipe(server);
      });
      this.#tunnels.add(client);
      server.on("error", () => client.destroy());
      server.on("close", () => client.destroy());
      client.on("close", () => {
        this.#tunnels.delete(client);
        server.destroy();
      });
    });
    await new Promise(resolve => proxy.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${proxy.address().port}`;
  }

  break() {
    this.#tunnels.forEach(tunnel => tunnel.destroy());
  }

  cut() {
    this.#isCut = true;
    this.break();
  }

  mend() {
    this.#isCut = false;
  }
}

/** A page with the client of one person. */
export class ChromiumPage {
  line = new Line();

  /** Opens the page and starts the client in it. */
  async begin({ endpoint, token, credential, names, withoutSockets, tell }) {
    const { browser, address } = await (started ??= start());
    // The page comes straight from its own server; all that goes to the service takes the line, loopback or not.
    const proxy = { server: await this.line.open(), bypass: `<-loopback>,${new URL(address).host}` };
    this.context = await browser.newContext({ proxy, ignoreHTTPSErrors: true });
    this.page = await this.context.newPage();
    const dates = (_, value) => typeof value === "string" && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value) ? new Date(value) : value;
    await this.page.exposeFunction("tell", (name, event) => tell(name, JSON.parse(event, dates)));
    await this.page.exposeFunction("getToken", () => credential.getToken());
    if (withoutSockets) {
      await this.page.addInitScript(() => {
        const Real = window.WebSocket;
        window.WebSocket = class extends Real {
          constructor() {
            super("wss://localhost:1/");
          }
        };
      });
    }
    await this.page.goto(address);
    await this.page.evaluate(how => window.begin(how), { endpoint, token, names });
  }

  async finish() {
    await this.page.evaluate(() => window.finish());
    await this.context.close();
  }
}
