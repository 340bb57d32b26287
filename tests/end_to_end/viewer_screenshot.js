// Drives a running ns-viewer in headless Chromium: node viewer_screenshot.js <port> <folder> <chromium> <seed>
// Saves a screenshot of each step, and what it downloads.
const { open, visit, run } = require("./browser.js");

const [port, folder, executablePath, firstSeed] = process.argv.slice(2);
const seed = (more) => +firstSeed + more;
const RESOLUTION = 164; // of the full picture; nerfstudio's 512 only takes longer

function atFullSize(body) {
  const size = /Resolution: (\d+)x(\d+)px/.exec(body);
  return size && Math.max(+size[1], +size[2]) === RESOLUTION;
}

run(async () => {
  const browser = await open(executablePath);
  const { page, step, choose, fill, slide, press, pick, pickCorners, pictures, download } = await visit(browser, port, folder);
  const show = (name, status) => step(name, status, { ready: atFullSize });

  await page.locator('input[type="text"][value="512"]').fill(String(RESOLUTION));
  await show("training_scene_0", "training scene 0");
  await choose("Source", "Sample");
  await fill("Seed", String(seed(0)));
  await show("sample_0", `seed ${seed(0)},`);
  await press("New sample");
  await show("sample_1", `seed ${seed(1)},`);
  await press("New sample");
  await show("sample_2", `seed ${seed(2)},`);
  await fill("Seed", String(seed(1)));
  await show("sample_1_again", `seed ${seed(1)},`);
  await choose("Source", "Between two");
  await show("between", "50%");
  await pictures(12);
  await choose("Source", "Between four");
  await pickCorners([2, 5, 7, 4]);
  await show("corners", "50% across");
  await slide("Across", "0");
  await slide("Down", "0");
  await show("corner", "0% across and 0% down");
  await choose("Source", "Training scene");
  await show("training_scene_0_again", "training scene 0");
  await pick(2);
  await show("training_scene_2", "training scene 2");
  await download("npz");
  await fill("Cells", "32");
  await download("ply");
  await browser.close();
});
