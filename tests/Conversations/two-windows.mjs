// The sample of two windows: Microsoft's own chat component, unmodified, in two windows of Chromium.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { launch } from "./chromium.mjs";
import { assert, play, scenario } from "./kit.mjs";

const sample = new URL("../../samples/two-windows/", import.meta.url).pathname;

scenario("Two people see each other type and write, each message once", async () => {
  const serving = spawn("node", ["serve.mjs"], { cwd: sample, env: { ...process.env, PORT: "0" }, stdio: ["ignore", "pipe", "inherit"] });
  const browser = await launch();
  try {
    const said = await new Promise((resolve, reject) => {
      createInterface({ input: serving.stdout }).once("line", resolve);
      serving.once("exit", code => reject(new Error(`the sample ended with ${code}`)));
    });
    const here = /http:\S+?(?=\/#ada)/.exec(said)[0];
    const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 480, height: 520 } });
    // Fonts and icons of the component come from a CDN; what it does does not depend on them, and the test on no network.
    await context.route(url => !["127.0.0.1", "localhost"].includes(url.hostname), route => route.abort());
    const window = async name => {
      const page = await context.newPage();
      await page.goto(`${here}/#${name}`);
      await page.getByPlaceholder("Enter a message").waitFor();
      return page;
    };
    const [ada, bo] = [await window("ada"), await window("bo")];
    const say = async (page, text) => {
      await page.getByPlaceholder("Enter a message").fill(text);
      await page.keyboard.press("Enter");
    };

    await say(ada, "Lunch at noon?");
    await bo.getByText("Lunch at noon?").first().waitFor();
    await say(bo, "I will be there.");
    await ada.getByText("I will be there.").first().waitFor();
    await ada.getByText("Two windows").first().waitFor();

    // Someone who types is seen typing, and not as having said anything.
    await bo.getByPlaceholder("Enter a message").pressSequentially("Shall I bring");
    await ada.getByText("Bo is typing").first().waitFor();
    await say(bo, "Shall I bring Cy?");
    await ada.getByText("Shall I bring Cy?").first().waitFor();
    if (process.env.SCREENSHOT) {
      const both = await context.newPage();
      await both.setViewportSize({ width: 960, height: 440 });
      await both.setContent(`<body style="margin:0;display:flex;gap:2px;background:#888;height:100vh">${["ada", "bo"].map(name => `<iframe src="${here}/#${name}" style="flex:1;border:0;background:#fff"></iframe>`).join("")}</body>`);
      for (const frame of [0, 1]) {
        await both.frameLocator("iframe").nth(frame).getByText("Shall I bring Cy?").first().waitFor();
      }
      await both.screenshot({ path: process.env.SCREENSHOT });
    }

    for (const page of [ada, bo]) {
      assert.equal(await page.locator("[data-testid=chat-composite-message]").filter({ hasText: "Shall I bring Cy?" }).count(), 1, "once");
    }
  } finally {
    await browser.close();
    serving.kill();
  }
});

await play();
process.exit();
