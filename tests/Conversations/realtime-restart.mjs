// People who are connected while the server goes away and comes back.
import { assert, here, pause, play, scenario } from "./kit.mjs";
import { quiet, until, Watcher } from "./watcher.mjs";

/** Someone talks and someone looks, through an interruption; each message is told, in the order in which it was answered. */
async function through(interruption, twice) {
  const [ada, bo] = await here.people("Ada", "Bo");
  const thread = await ada.startThread(`Through a ${interruption}`, bo);
  const watcher = await Watcher.of(bo);
  const said = [];
  const say = async text => said.push((await ada.say(thread, text)).id);
  for (let count = 0; count < 30; count++) {
    await say(`before ${count}`);
  }

  await pause(interruption);

  for (let count = 0; count < 5; count++) {
    await say(`soon after ${count}`);
  }
  await until(() => watcher.connects > 1, "connected again", 30_000);
  await say("after");
  await watcher.first("chatMessageReceived", event => event.message === "after");
  await quiet(200);
  const told = watcher.of("chatMessageReceived").map(event => event.id);
  assert.deepEqual([...new Set(told)], said, "all were told, in order");
  if (!twice) {
    assert.equal(told.length, said.length, "and each once");
  }
  await watcher.stop();
}

scenario("After an orderly restart everything is told once", () => through("stop", false));

scenario("After a crash everything is told at least once", () => through("kill", true));

await play({ atOnce: 1 });

// The client of someone who is gone goes on trying to connect, for as long as the process lives.
process.exit();
