// Drives pages of `mnif view` in headless Chromium: node view_page.js <folder> <chromium> <kind>:<port> ...
// Saves a screenshot of each step as <kind>_<step>.png, and what it downloads, in <folder>/<kind>.
const fs = require("fs");
const path = require("path");
const { open, visit, run } = require("./browser.js");

const FILES = { image: "png", solid: "ply", scene: "onnx" };
const [folder, executablePath, ...pages] = process.argv.slice(2);

async function drive(browser, kind, port) {
  const own = path.join(folder, kind);
  fs.mkdirSync(own);
  const { page, step, choose, fill, slide, press, pick, pickCorners, pictures, download, hint } = await visit(browser, port, own);
  await slide("Resolution", kind === "solid" ? "8" : "64"); // the finest picture follows the coarse one at once
  await step("first", "Shown: training");
  await pictures(5);
  await pick(3);
  await step("training_3", `training ${kind} 3`);
  await press("New sample");
  await step("seed_1", "seed 1,");
  await choose("Source", "Between four");
  await pickCorners([3, 1, 0, 2]);
  await step("corners", "50% across");
  await slide("Across", "0");
  await slide("Down", "0");
  await step("corner_3", "0% across and 0% down");
  await press("Show it");
  await step("training_3_again", `training ${kind} 3`, { changed: false });
  await page.mouse.move(450, 400);
  await page.mouse.wheel(0, -400);
  await step("nearer", `training ${kind} 3`);
  await download("npz");
  await fill(kind === "image" ? "Height" : "Cells", "32");
  await download(FILES[kind]);
  console.log(JSON.stringify({ kind, hint: await hint("Source") }));
  await page.close();
}

run(async () => {
  const browser = await open(executablePath);
  for (const page of pages) await drive(browser, ...page.split(":"));
  await browser.close();
});
