// The scenarios of realtime.mjs, with the client in headless Chromium instead of here.
process.env.IN_CHROMIUM = "yes";
await import("./realtime.mjs");
