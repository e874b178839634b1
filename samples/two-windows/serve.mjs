// The application's own server: makes two people and a thread, gives each page its token, and serves the page.
//
//   export NODE_EXTRA_CA_CERTS=~/.domicile/ca.pem
//   export CONNECTION_STRING='endpoint=https://localhost:8440/;accesskey=…'
//   npm ci --ignore-scripts && npm start
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { AzureCommunicationTokenCredential } from "@azure/communication-common";
import { ChatClient } from "@azure/communication-chat";
import { CommunicationIdentityClient } from "@azure/communication-identity";
import { build } from "esbuild";

const connectionString = process.env.CONNECTION_STRING;
const endpoint = /endpoint=([^;]+)/.exec(connectionString)[1];
const identity = new CommunicationIdentityClient(connectionString);
const people = {};
for (const displayName of ["Ada", "Bo"]) {
  const { user, token } = await identity.createUserAndToken(["chat"]);
  people[displayName.toLowerCase()] = { endpoint, userId: user.communicationUserId, token, displayName };
}

const chat = new ChatClient(endpoint, new AzureCommunicationTokenCredential(people.ada.token));
const { chatThread } = await chat.createChatThread(
  { topic: "Two windows" },
  { participants: Object.values(people).map(each => ({ id: { communicationUserId: each.userId }, displayName: each.displayName })) },
);
Object.values(people).forEach(each => (each.threadId = chatThread.id));

const { outputFiles: [page] } = await build({
  entryPoints: [new URL("page.jsx", import.meta.url).pathname],
  bundle: true, write: false, format: "esm", jsx: "automatic", minify: true,
  define: { global: "window", "process.env.NODE_ENV": '"production"' },
});
const html = await readFile(new URL("index.html", import.meta.url));
const port = Number(process.env.PORT ?? 3000);
const server = createServer((request, response) => {
  const person = people[/^\/people\/(\w+)$/.exec(request.url)?.[1]];
  const [type, body] = request.url === "/page.js" ? ["text/javascript", page.contents]
    : person ? ["application/json", JSON.stringify(person)]
    : ["text/html; charset=utf-8", html];
  response.writeHead(200, { "content-type": type }).end(body);
});
server.listen(port, "127.0.0.1", () => {
  const here = `http://127.0.0.1:${server.address().port}`;
  console.log(`Open ${here}/#ada in one window and ${here}/#bo in another.`);
});
