"""A folder to share a field by, as model hubs expect it: card, weights, picture."""

import shutil
from pathlib import Path
from typing import Any

from mnif_core.field_facts import facts
from mnif_core.files.atomic import whole_folder
from mnif_core.files.stored_config import parse_json
from mnif_core.generative_field import GenerativeField
from mnif_core.sheets import arrange, save_png, tiles

PICTURE, SAMPLES, COLUMNS = "samples.png", 16, 8
SHEETS = ("sheet.png", "contact_sheet.png")  # that runs leave
CARD = """---
library_name: mnif-nerfstudio
tags:
- neural-fields
- generative-neural-fields
- mnif
- {kind}
---

# {name}

A generative neural field of {kind}s: one small latent each becomes one small network each, and {draws} draws
new ones. After "Generative Neural Fields by Mixtures of Neural Implicit Functions" (NeurIPS 2023).

![{alt}]({picture})

## Use

```python
from mnif_core import GenerativeField

field = GenerativeField.load("path/to/this/folder")
{use}
```

```sh
{commands}
```

## The model

| | |
|---|---|
{rows}

## Files

`config.json`, `model.safetensors` (modulation{prior}), `latents.safetensors` (of the {count} training instances).
No file holds code.
"""
USE = {
    "image": "images = field.sample(16, seed=0)  # [16, height, width, channels] in [0, 1]",
    "voxel": "grids = field.sample(16, seed=0)  # [16, r, r, r] in [0, 1], inside from 0.5",
    "scene": "views = field.sample(16, seed=0)  # [16, 4 views, height, width, 3] in [0, 1]",
}
ANY_USE = "instances = field.sample(16, seed=0)"
USE_WITHOUT_PRIOR = "instances = field.decode(field.latents[:16])"
COMMANDS = {"voxel": "mnif export {0} solid.glb", "scene": "mnif export {0} scene.glb"}
ANY_COMMAND = "mnif export {0} latents.npz"


def write_model_folder(field: GenerativeField, folder: Path, run: Path | None = None, half: bool = False) -> None:
    """Write the field's own files with a card (`README.md`) that has its picture, its figures and how to load it.

    `GenerativeField.load` reads the folder.

    Args:
        field: to share.
        folder: must not exist, or be empty.
        run: the folder of the run that trained it, whose sheet and `summary.json` go onto the card.
        half: see `GenerativeField.save`.

    Raises:
        OutputError: the place cannot be written to, or holds something.
    """
    with whole_folder(folder) as scratch:
        field.save(scratch, half)
        alt = _picture(field, run, scratch / PICTURE)
        (scratch / "README.md").write_text(_card(field, folder.resolve().name, alt, _figures(run), half))


def _picture(field: GenerativeField, run: Path | None, path: Path) -> str:
    """Copy the run's sheet, or make one; what it shows."""
    for name in SHEETS if run is not None else ():
        if run is not None and (run / name).is_file():
            shutil.copyfile(run / name, path)
            return "Real instances beside their reconstructions, then samples"
    sampled = field.prior is not None
    latents = field.sample_latents(SAMPLES, seed=0) if sampled else field.latents[:SAMPLES]
    save_png(arrange(list(tiles(field, latents)), COLUMNS), path)
    return "Samples" if sampled else "Training instances"


def _figures(run: Path | None) -> dict[str, Any]:
    """What the run measured, paths of its machine left out."""
    try:
        summary = parse_json((run / "summary.json").read_text()) if run is not None else {}
    except (OSError, ValueError):
        return {}
    items = summary.items() if isinstance(summary, dict) else ()
    return {name: value for name, value in items if isinstance(value, (int, float))}


def _card(field: GenerativeField, name: str, alt: str, figures: dict[str, Any], half: bool) -> str:
    kind, sampled = field.signal.kind, field.prior is not None
    said = facts(field) | ({"kept as": "numbers of 16 bits"} if half else {})
    said |= {name.replace("_", " "): f"{value:.4g}" for name, value in figures.items()}
    commands = ["mnif sample {0} --count 16 --seed 1"] if sampled else []
    commands.append(COMMANDS.get(kind, ANY_COMMAND))
    return CARD.format(
        kind=kind,
        name=name,
        alt=alt,
        picture=PICTURE,
        use=USE.get(kind, ANY_USE) if sampled else USE_WITHOUT_PRIOR,
        commands="\n".join(command.format("path/to/this/folder") for command in commands),
        rows="\n".join(f"| {fact} | {value} |" for fact, value in said.items()),
        draws="a prior over the latents" if field.prior is None else f"a prior over the latents ({field.prior.title})",
        prior=", prior" if sampled else "",
        count=f"{len(field.latents):,}",
    )
