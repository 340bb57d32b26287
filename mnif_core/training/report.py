"""What a finished run leaves for a person: the field, a sheet, a summary, one last line."""

from pathlib import Path
from typing import Any

from torch import Tensor

from mnif_core.files.atomic import write_json
from mnif_core.generative_field import GenerativeField
from mnif_core.latents.novelty import copying, nearest, sample_novelty
from mnif_core.sheets import arrange, beside, save_png, tiles
from mnif_core.signals.observations import Observations
from mnif_core.unseen.reconstruction import PAIRS_PER_ROW, WHOLE_SCORES, pairs
from mnif_core.unseen.reconstruction import scores as reconstruction_scores

UNSEEN_ROWS, SAMPLES = 2, 32  # rows of the sheet, instances on it


def write_report(
    field: GenerativeField,
    train: Observations,
    unseen: Observations | None,
    folder: Path,
    summary: dict[str, Any],
    about_prior: str,
    latents: Tensor | None = None,
) -> str:
    """Write `field/`, `sheet.png` and `summary.json` into `folder`; what they say in one line.

    The line has `about_prior`; before it comes one more where samples are copies.
    The sheet has pairs: unseen instances (training ones, if none is held out), each beside its reconstruction; then
    samples, each beside the training instance nearest to it.
    `latents` `[n, h]` are of the unseen instances, where they are known already.
    """
    artefact = field.save(folder / "field")
    shown = train if unseen is None else unseen
    kind = "training" if unseen is None else "unseen"
    latents = field.reconstruct(shown) if latents is None or unseen is None else latents
    scores = reconstruction_scores(field, shown, latents)
    signal = shown.signal
    samples = field.sample_latents(SAMPLES, seed=0)
    novelty = sample_novelty(field.sample_latents(256, seed=1), field.latents)
    sheet = save_png(_sheet(field, train, shown, latents, samples), folder / "sheet.png")
    summary |= {
        f"{kind}_{signal.score_name.lower()}": round(float(scores.mean()), 4),
        f"{kind}_instances": len(scores),
        **novelty,
        "sheet": str(sheet),
        "field": str(artefact),
    }
    for name, score in WHOLE_SCORES.get(signal.kind, {}).items():
        summary[f"{kind}_{name}"] = score(field, shown, latents)
    write_json(folder / "summary.json", summary)
    line = (
        f"{signal.score_name} of {len(scores)} {kind} instances {float(scores.mean()):.3f}{signal.score_unit}"
        f" | stage 1 {summary['stage_1_seconds']:.0f} s, stage 2 {summary.get('stage_2_seconds', 0.0):.0f} s"
        f" | {about_prior}"
    )
    if novelty:
        line += f" | sample-to-train / train-to-train distance {novelty['novelty_ratio']:.2f}"
    line = f"{line} | {sheet} | {artefact}"
    warning = copying(novelty)
    return line if warning is None else f"{warning}\n{line}"


def _sheet(
    field: GenerativeField, train: Observations, shown: Observations, latents: Tensor, samples: Tensor
) -> Tensor:
    count = min(PAIRS_PER_ROW * UNSEEN_ROWS, len(shown.names))
    pictures = pairs(field, shown.subset(range(count)), latents[:count])
    near = nearest(samples, field.latents).cpu()
    real = train.pictures(near)
    pictures += beside(tiles(field, samples), tiles(field, field.latents[near]) if real is None else real)
    return arrange(pictures, 2 * PAIRS_PER_ROW)
