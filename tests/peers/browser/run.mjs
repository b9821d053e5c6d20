// Starts headless Chromium with the page and prints what it reports, a JSON object a line.
// A line on standard input: "hold", "unhold", "restart", "press KEYS MILLISECONDS", "write TEXT"
// and "hangup" are for the call; anything else or the end of input ends the browser.
import { createServer } from "node:http";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { build } from "esbuild";
import { chromium } from "playwright-core";

const options = JSON.parse(process.argv[2]);
const bundle = await build({
  entryPoints: [new URL(options.page ?? "page.js", import.meta.url).pathname],
  bundle: true,
  format: "iife",
  write: false,
});
const script = bundle.outputFiles[0].text;

// A page on loopback is a secure context, so camera and microphone are allowed.
const server = createServer((request, response) => {
  const page = request.url === "/page.js";
  response.setHeader("content-type", page ? "text/javascript" : "text/html");
  response.end(page ? script : "<!doctype html><title>peer</title><script src=/page.js></script>");
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));

const context = await chromium.launchPersistentContext(mkdtempSync(join(tmpdir(), "visavis-browser-")), {
  executablePath: options.chromium,
  headless: true,
  ignoreHTTPSErrors: true,
  permissions: ["camera", "microphone"],
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--ignore-certificate-errors",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--autoplay-policy=no-user-gesture-required",
  ],
});
const end = async () => {
  await context.close().catch(() => {});
  process.exit(0);
};
const page = await context.newPage();
page.on("console", (message) => message.type() === "error" && console.error(message.text()));
page.on("pageerror", (error) => console.error(String(error)));
await page.exposeFunction("report", (line) => console.log(line));
await page.goto(`http://127.0.0.1:${server.address().port}/`);
await page.evaluate((options) => window.start(options), options);
const lines = createInterface({ input: process.stdin });
const actions = { hold: "hold", unhold: "unhold", restart: "restart", press: "press", write: "write", hangup: "hangUp" };
lines.on("line", (line) => {
  const [word, ...values] = line.split(" ");
  if (!actions[word]) return end();
  page.evaluate(([name, values]) => window[name](...values), [actions[word], values]);
});
lines.on("close", end);
// Whatever happens, nothing is left running.
setTimeout(end, 120_000);
