// What the scripts for headless Chromium share: a page that reaches nothing but this machine, and how to wait for it.
const crypto = require("crypto");
const path = require("path");
const { chromium } = require("playwright-core");

const PICTURE = { x: 0, y: 60, width: 540, height: 500 }; // left of the control panel
const PATIENCE = 120000;

async function open(executablePath) {
  return chromium.launch({
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
}

// In the page: viser draws ever coarser pictures where frames come slowly, so the clock that a frame sees goes on by
// 1/60 s each.
function tickByFrames() {
  const now = performance.now.bind(performance);
  const request = window.requestAnimationFrame.bind(window);
  let [frames, last, inFrame] = [0, 0, false];
  performance.now = () => (inFrame ? (frames * 1000) / 60 : now());
  window.requestAnimationFrame = (callback) =>
    request((time) => {
      if (time !== last) [frames, last] = [frames + 1, time];
      inFrame = true;
      try {
        callback(time);
      } finally {
        inFrame = false;
      }
    });
}

async function visit(browser, port, folder) {
  const page = await browser.newPage({
    viewport: { width: 1000, height: 640 },
    deviceScaleFactor: 0.25, // WebGL in software is slow
    acceptDownloads: true,
  });
  await page.addInitScript(tickByFrames);
  await page.route((url) => !/^(localhost|127\.0\.0\.1)$/.test(url.hostname), (route) => route.abort());
  await page.goto(`http://127.0.0.1:${port}/`, { waitUntil: "domcontentloaded" });

  page.setDefaultTimeout(PATIENCE);

  const text = () => page.evaluate(() => document.body.innerText);
  const digest = async () =>
    crypto.createHash("md5").update(await page.screenshot({ clip: PICTURE })).digest("hex");

  // A step is done when the page says `status`, `ready` agrees, and the picture is new and has come to rest.
  let previous = null;
  async function step(name, status, { ready = () => true, changed = true } = {}) {
    const end = Date.now() + PATIENCE;
    let last = null;
    let still = 0;
    while (Date.now() < end) {
      await page.waitForTimeout(400);
      const body = await text();
      const now = await digest();
      const done = body.includes(status) && ready(body) && now === last && (!changed || now !== previous);
      still = done ? still + 1 : 0;
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
  const control = (label) => page.getByLabel(label, { exact: true }).first();
  async function choose(label, option) {
    await control(label).click();
    await page.getByRole("option", { name: option, exact: true }).click();
  }
  const fill = (label, value) => control(label).fill(value);
  // viser labels a slider, not the box of its number beside it
  const slide = (label, value) =>
    page.locator(`label:text-is("${label}")`).locator("xpath=../../..").locator('input:not([type="hidden"])').fill(value);
  const press = (name) => page.getByRole("button", { name, exact: true }).click();
  const pick = (number) => page.locator(`[role="button"][title^="${number}: "]`).first().click();
  const CORNERS = ["Top left", "Top right", "Bottom left", "Bottom right"];
  async function pickCorners(numbers) {
    for (const [place, number] of numbers.entries()) {
      await pick(number);
      const next = CORNERS[(place + 1) % CORNERS.length];
      while ((await control("Click sets").inputValue()) !== next) await page.waitForTimeout(50);
    }
  }
  const pictures = (count) =>
    page.waitForFunction(
      (count) => document.querySelectorAll('[title] > img[src^="data:image/jpeg"]').length >= count,
      count,
    );
  async function download(kind) {
    const [file] = await Promise.all([page.waitForEvent("download"), press(kind)]);
    await file.saveAs(path.join(folder, file.suggestedFilename()));
  }
  async function hint(label) {
    await page.mouse.move(5, 5); // off what was pressed last, whose hint may still stand there
    await page.getByRole("tooltip").first().waitFor({ state: "hidden" });
    await control(label).hover();
    await page.getByRole("tooltip").first().waitFor();
    const words = await page.getByRole("tooltip").first().innerText();
    return words;
  }
  return { page, step, choose, fill, slide, press, pick, pickCorners, pictures, download, hint };
}

function run(main) {
  main().catch((error) => {
    console.error(error.message);
    process.exit(1);
  });
}

module.exports = { open, visit, run };
