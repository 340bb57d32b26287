"""A folder of tensors and their settings, which takes an older one's place only when it is complete."""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from mnif_core.errors import ConfigError


def write_tensor_folder(
    folder: Path, config: dict[str, Any], files: Mapping[str, Mapping[str, Tensor]], half: bool, kept: str
) -> None:
    """Write `config.json` and safetensors files.

    Args:
        folder: to write.
        config: for JSON.
        files: tensors by the names of their files.
        half: store floats with 16 bits.
        kept: sub-folder of an older one that the new one has too.

    Raises:
        ConfigError: a number that 16 bits cannot hold.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for name, tensors in files.items():
            save_file({key: _stored(key, value, half) for key, value in tensors.items()}, scratch / name)
        (scratch / "config.json").write_text(json.dumps(config, indent=1))
        if (folder / kept).is_dir():
            shutil.copytree(folder / kept, scratch / kept)
        scratch.chmod(0o755)
        if folder.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
            os.replace(folder, old)
            os.replace(scratch, folder)
            shutil.rmtree(old)
        else:
            os.replace(scratch, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _stored(name: str, value: Tensor, half: bool) -> Tensor:
    """As files take it."""
    whole = value.detach().cpu().contiguous()
    if not half or not whole.is_floating_point():
        return whole
    halved = whole.half()
    if bool(halved.isinf().any()):
        raise ConfigError(f"{name} has numbers that 16 bits cannot hold; save it without --half")
    return halved
