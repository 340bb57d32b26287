"""What a finished run leaves for a person: held-out PSNR, a contact sheet, the artefact, one summary line."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from nerfstudio.utils.rich_utils import CONSOLE
from rich.progress import track
from torch import Tensor

from mnif_core.files.atomic import write_json
from mnif_core.generative_field import GenerativeField
from mnif_core.latents.novelty import copying, sample_novelty
from mnif_core.sheets import arrange, save_png
from mnif_nerfstudio.datamanager import HeldOutViews

if TYPE_CHECKING:
    from mnif_nerfstudio.pipeline import MnifPipeline

EVALUATED_VIEWS = 512  # at most, for the report's PSNR
SAMPLES, SAMPLE_VIEWS = 16, 4  # scenes on the sheet, views of each
PAIRS_PER_ROW, PAIR_ROWS = 8, 3  # of a held-out view and its reconstruction


def write_report(pipeline: "MnifPipeline", folder: Path) -> str:
    """Write `field/`, `contact_sheet.png` and `summary.json` into `folder`; what they say in one line.

    The summary: held-out PSNR in dB, seconds of each stage, how far samples are from training latents, paths. Before it
    comes one more line where samples are copies.
    """
    pipeline.eval()
    model = pipeline.mnif
    field = model.generative_field()
    artefact = field.save(folder / "field")
    views = HeldOutViews(pipeline.datamanager.store, model.device, EVALUATED_VIEWS)
    psnr = [
        model.get_image_metrics_and_images(model.get_outputs_for_camera(camera), batch)[0]["psnr"]
        for camera, batch in track(views, "Held-out views", console=CONSOLE, transient=True)
    ]
    seconds = pipeline.stage_seconds.tolist()
    summary: dict[str, Any] = {
        "held_out_psnr_db": round(sum(psnr) / len(psnr), 3),
        "held_out_views": len(psnr),
        "stage_1_seconds": round(seconds[0], 1),
        "stage_2_seconds": round(seconds[1], 1),
        "scenes": model.num_scenes,
    }
    samples = None
    if field.prior is not None:
        samples = field.sample_latents(SAMPLES, seed=0)
        summary |= sample_novelty(field.sample_latents(256, seed=1), field.latents)
    if model.choice is not None:
        summary |= model.choice.summary()
    sheet = folder / "contact_sheet.png"
    save_png(_contact_sheet(pipeline, field, samples), sheet)
    summary |= {"contact_sheet": str(sheet), "field": str(artefact)}
    write_json(folder / "summary.json", summary)
    line = (
        f"held-out PSNR {summary['held_out_psnr_db']:.2f} dB over {len(psnr)} views of {model.num_scenes} scenes"
        f" | stage 1 {seconds[0]:.0f} s, stage 2 {seconds[1]:.0f} s"
    )
    if model.choice is not None:
        line += f" | {model.choice.line()}"
    if "novelty_ratio" in summary:
        line += f" | sample-to-train / train-to-train distance {summary['novelty_ratio']:.2f}"
    line = f"{line} | {sheet} | {artefact}"
    warning = copying(summary)
    return line if warning is None else f"{warning}\n{line}"


def _contact_sheet(pipeline: "MnifPipeline", field: GenerativeField, samples: Tensor | None) -> Tensor:
    """Rows of (real held-out view, reconstruction) pairs, then samples from several views: `[height, width, 3]`."""
    store = pipeline.datamanager.store
    columns = 2 * PAIRS_PER_ROW
    pairs = HeldOutViews(store, pipeline.mnif.device, PAIRS_PER_ROW * PAIR_ROWS)
    tiles = []
    for camera, batch in pairs:
        tiles += [batch["image"], pipeline.mnif.get_outputs_for_camera(camera)["rgb"]]
    if samples is not None:
        tiles += [torch.ones_like(tiles[0])] * (-len(tiles) % columns)
        for latent in samples:
            tiles += list(field.decode(latent, views=SAMPLE_VIEWS)[0])
    return arrange(tiles, columns)
