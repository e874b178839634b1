// Users and their tokens, as an application's server manages them.
import { AzureCommunicationTokenCredential } from "@azure/communication-common";
import { CommunicationIdentityClient } from "@azure/communication-identity";
import { AzureKeyCredential } from "@azure/core-auth";
import { all, assert, chatWith, claims, here, Person, play, refused, refusedByAll, Resource, resources, scenario } from "./kit.mjs";

const guid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
const minutes = 60_000;

/** A token is good when it opens the list of the user's threads. */
const opens = token => all(chatWith(here.endpoint, token).listChatThreads());

/** What an Entra credential would hand the client: a token of an issuer that this resource knows nothing of. */
const entraCredential = {
  getToken: async () => ({
    token: [{ alg: "RS256", typ: "JWT" }, { aud: "https://communication.azure.com/", exp: 4102444800 }, "x"]
      .map(part => Buffer.from(JSON.stringify(part)).toString("base64url"))
      .join("."),
    expiresOnTimestamp: Date.now() + 60 * minutes,
  }),
};

scenario("A created user has an id of the resource and a guid", async tell => {
  const users = await Promise.all([1, 2, 3].map(() => here.identity.createUser()));
  const ids = users.map(user => user.communicationUserId);
  for (const id of ids) {
    assert.match(id, new RegExp(`^8:acs:${guid}_${guid}$`));
  }
  assert.equal(new Set(ids).size, 3, "every user is another one");
  assert.equal(new Set(ids.map(id => id.split("_")[0])).size, 1, "all are of the same resource");
  tell("id", ids[0]);
});

scenario("A user is created with a token of each scope", async () => {
  const scopes = ["chat", "voip", "chat.join", "chat.join.limited", "voip.join"];
  for (const asked of [...scopes.map(scope => [scope]), ["chat", "voip"], scopes]) {
    const { user, token } = await here.identity.createUserAndToken(asked);
    const said = claims(token);
    assert.equal(`8:${said.skypeid}`, user.communicationUserId);
    assert.deepEqual(said.acsScope.split(",").sort(), [...asked].sort());
    assert.equal(said.resourceId, user.communicationUserId.slice("8:acs:".length).split("_")[0]);
    assert.equal(typeof said.resourceLocation, "string");
    assert.equal(typeof said.iat, "number");
    assert.equal(typeof said.exp, "number");
  }
});

scenario("A token lives as long as was asked for", async () => {
  const user = await here.identity.createUser();
  for (const [asked, expected] of [[60, 60], [61, 61], [1440, 1440], [undefined, 1440]]) {
    const before = Date.now();
    const options = asked ? { tokenExpiresInMinutes: asked } : {};
    const issued = await here.identity.getToken(user, ["chat"], options);
    const created = await here.identity.createUserAndToken(["chat"], options);
    const after = Date.now();
    for (const { token, expiresOn } of [issued, created]) {
      assert.ok(expiresOn instanceof Date);
      // The claim counts whole seconds.
      assert.ok(expiresOn.getTime() >= before + expected * minutes - 1000, `${asked}: not too early`);
      assert.ok(expiresOn.getTime() <= after + expected * minutes + 1000, `${asked}: not too late`);
      assert.ok(Math.abs(claims(token).exp * 1000 - expiresOn.getTime()) < 1000, "the answer and the claim agree");
    }
  }
});

scenario("A life outside the limits is refused", async () => {
  const user = await here.identity.createUser();
  for (const tokenExpiresInMinutes of [59, 1441, -1, 0]) {
    await assert.rejects(here.identity.getToken(user, ["chat"], { tokenExpiresInMinutes }));
  }
});

scenario("A known user gets further tokens and the earlier ones stay good", async () => {
  const first = await here.identity.createUserAndToken(["chat"]);
  const second = await here.identity.getToken(first.user, ["chat", "voip"]);
  assert.notEqual(first.token, second.token);
  assert.equal(claims(first.token).skypeid, claims(second.token).skypeid);
  await Promise.all([opens(first.token), opens(second.token)]);
});

scenario("A scope that does not exist is refused", async () => {
  const user = await here.identity.createUser();
  const fault = await refused(here.identity.getToken(user, ["chat", "chat.rule"]), 400);
  assert.match(fault.message, /scope/i);
});

scenario("Revoking refuses the old tokens at once and a new one works", async () => {
  const { user, token } = await here.identity.createUserAndToken(["chat"]);
  const other = await here.identity.getToken(user, ["chat"]);
  await opens(token);
  await here.identity.revokeTokens(user);
  await refusedByAll(() => opens(token), 401);
  await refusedByAll(() => opens(other.token), 401);
  const fresh = await here.identity.getToken(user, ["chat"]);
  await opens(fresh.token);
});

scenario("A token issued right after a revocation is never taken for an older one", async () => {
  const user = await here.identity.createUser();
  let older = await here.identity.getToken(user, ["chat"]);
  for (let round = 0; round < 5; round++) {
    await here.identity.revokeTokens(user);
    const fresh = await here.identity.getToken(user, ["chat"]);
    await opens(fresh.token);
    await refusedByAll(() => opens(older.token), 401);
    older = fresh;
  }
});

scenario("Revoking concerns nobody else", async () => {
  const [one, two] = await here.people("One", "Two");
  await here.identity.revokeTokens(one.user);
  await refusedByAll(() => opens(one.token), 401);
  await opens(two.token);
});

scenario("The token of a deleted user is dead at once", async () => {
  const { user, token } = await here.identity.createUserAndToken(["chat"]);
  await opens(token);
  await here.identity.deleteUser(user);
  await refused(opens(token), 401);
});

scenario("A deleted user gets no new token", async tell => {
  const user = await here.identity.createUser();
  await here.identity.deleteUser(user);
  const fault = await refused(here.identity.getToken(user, ["chat"]), 404);
  await refused(here.identity.revokeTokens(user), 404);
  tell("code", fault.code);
});

scenario("Deleting a user a second time does no harm", async tell => {
  const user = await here.identity.createUser();
  await here.identity.deleteUser(user);
  // The contract is silent: done already, or not there any more. Nothing else would be true.
  try {
    await here.identity.deleteUser(user);
    tell("status", 204);
  } catch (fault) {
    assert.equal(fault.statusCode, 404);
    tell("status", 404);
  }
  await refused(here.identity.getToken(user, ["chat"]), 404);
});

scenario("A user who was never created is nobody", async () => {
  const known = await here.identity.createUser();
  const unknown = { communicationUserId: known.communicationUserId.slice(0, -12) + "0123456789ab" };
  await refused(here.identity.getToken(unknown, ["chat"]), 404);
  await refused(here.identity.revokeTokens(unknown), 404);
});

scenario("A user of another resource is nobody here", async () => {
  const elsewhere = resources.find(resource => resource.endpoint !== here.endpoint);
  const user = await elsewhere.identity.createUser();
  await refused(here.identity.getToken(user, ["chat"]), 404);
  await refused(here.identity.revokeTokens(user), 404);
  try {
    await here.identity.deleteUser(user);
  } catch (fault) {
    assert.equal(fault.statusCode, 404);
  }
  await elsewhere.identity.getToken(user, ["chat"]);
});

scenario("A wrong key is refused with an error that the client shows", async tell => {
  const wrong = new CommunicationIdentityClient(here.endpoint, new AzureKeyCredential(Buffer.alloc(64, 7).toString("base64")));
  const fault = await refused(wrong.createUser(), 401);
  tell("code", fault.code);
  tell("message", fault.message);
});

scenario("Either access key opens the resource", async () => {
  const second = process.env.SECONDARY_CONNECTION_STRING;
  assert.ok(second, "the harness has found the secondary key");
  assert.notEqual(second, here.connectionString);
  const application = new Resource(second);
  assert.equal(application.endpoint, here.endpoint);
  const user = await application.identity.createUser();
  const { token } = await here.identity.getToken(user, ["chat"]);
  await opens(token);
});

scenario("The endpoint works with and without its trailing slash", async () => {
  const bare = here.endpoint.replace(/\/$/, "");
  for (const endpoint of [bare, `${bare}/`]) {
    const application = new CommunicationIdentityClient(endpoint, new AzureKeyCredential(here.key));
    const { user, token } = await application.createUserAndToken(["chat"]);
    const person = new Person({ endpoint }, "Someone", user, token);
    const thread = await person.startThread("Slashes");
    await person.say(thread, "heard");
    assert.equal((await person.in(thread).getProperties()).topic, "Slashes");
  }
  const written = new CommunicationIdentityClient(`endpoint=${bare};accesskey=${here.key}`);
  await written.createUser();
});

scenario("The exchange for a Teams user says that no trust is configured", async tell => {
  const fault = await refused(
    here.identity.getTokenForTeamsUser({
      teamsUserAadToken: (await entraCredential.getToken()).token,
      clientId: "7a8b0e2c-1111-4222-8333-944445555666",
      userObjectId: "7a8b0e2c-1111-4222-8333-944445555667",
    }),
    400, 401, 403,
  );
  tell("status", fault.statusCode);
  tell("message", fault.message);
});

scenario("A user of an Entra credential is told what to do", async tell => {
  const application = new CommunicationIdentityClient(here.endpoint, entraCredential);
  const fault = await refused(application.createUser(), 401);
  assert.match(fault.message, /connection string|access key/i);
  tell("message", fault.message);
});

scenario("The exchange of an Entra token answers the contract's error", async tell => {
  for (const scopes of [undefined, ["https://communication.azure.com/clients/VoIP"], ["https://auth.msft.communication.azure.com/TeamsExtension.ManageCalls"]]) {
    const credential = new AzureCommunicationTokenCredential({
      resourceEndpoint: here.endpoint,
      tokenCredential: entraCredential,
      ...(scopes ? { scopes } : {}),
    });
    const fault = await credential.getToken().then(() => assert.fail("should have been refused"), caught => caught);
    const [, status, body] = /^Service request failed\. Status: (\d+), Body: (.*)$/s.exec(fault.message) ?? assert.fail(fault.message);
    assert.ok(["400", "401", "403"].includes(status), `an error of the caller's, not ${status}`);
    const { error } = JSON.parse(body);
    assert.ok(error.code && error.message, body);
    tell("message", error.message);
  }
});

await play();
