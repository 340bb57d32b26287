// Drives a running ns-viewer in headless Chromium: node viewer_screenshot.js <port> <folder> <chromium>
// Saves a screenshot of each step.
const crypto = require("crypto");
const path = require("path");
const { chromium } = require("playwright-core");

const [port, folder, executablePath] = process.argv.slice(2);
const PICTURE = { x: 0, y: 60, width: 900, height: 700 }; // left of the control panel
const RESOLUTION = 164; // of the full picture; nerfstudio's 512 only takes longer
const PATIENCE = 120000;

async function main() {
  const browser = await chromium.launch({
    executablePath,
    headless: true,
    args: [
      "--no-sandbox",
      "--use-angle=swiftshader",
      "--enable-unsafe-swiftshader",
      "--ignore-gpu-blocklist",
      "--disable-dev-shm-usage",
    ],
  });
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  await page.route((url) => !/^(localhost|127\.0\.0\.1)$/.test(url.hostname), (route) => route.abort());
  await page.goto(`http://127.0.0.1:${port}/`, { waitUntil: "domcontentloaded" });

  const text = () => page.evaluate(() => document.body.innerText);
  const digest = async () =>
    crypto.createHash("md5").update(await page.screenshot({ clip: PICTURE })).digest("hex");

  // A step is done when its status is shown and the full-size picture is new and has come to rest.
  let previous = null;
  async function step(name, status) {
    const end = Date.now() + PATIENCE;
    let last = null;
    let still = 0;
    while (Date.now() < end) {
      await page.waitForTimeout(600);
      const body = await text();
      const size = /Resolution: (\d+)x(\d+)px/.exec(body);
      const ready = size && Math.max(+size[1], +size[2]) === RESOLUTION && body.includes(status);
      const now = await digest();
      still = ready && now === last && now !== previous ? still + 1 : 0;
      last = now;
      if (still === 3) {
        await page.screenshot({ path: path.join(folder, `${name}.png`) });
        previous = now;
        return;
      }
    }
    await page.screenshot({ path: path.join(folder, `${name}_failed.png`) });
    throw new Error(`${name}: no new picture at rest with "${status}"; the page says: ${await text()}`);
  }
  async function choose(label, option) {
    await page.getByLabel(label, { exact: true }).first().click();
    await page.getByRole("option", { name: option, exact: true }).click();
  }
  async function fill(label, value) {
    await page.getByLabel(label, { exact: true }).first().fill(value);
  }
  const newSample = page.getByRole("button", { name: "New sample" });

  await page.locator('input[type="text"][value="512"]').fill(String(RESOLUTION), { timeout: PATIENCE });
  await step("training_scene_0", "training scene 0");
  await choose("Source", "Sample");
  await step("seed_0", "seed 0,");
  await newSample.click();
  await step("seed_1", "seed 1,");
  await newSample.click();
  await step("seed_2", "seed 2,");
  await fill("Seed", "1");
  await step("seed_1_again", "seed 1,");
  await choose("Source", "Between two");
  await step("between", "50%");
  await choose("Source", "Training scene");
  await step("training_scene_0_again", "training scene 0");
  await browser.close();
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
