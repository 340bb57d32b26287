"""Scenes of one's own meshes."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from tyro.conf import OmitArgPrefixes, Positional, arg

from mnif_core.data.mesh_scenes import RenderSettings


@dataclass
class RenderScenes:
    """Render a folder of meshes to scenes in SRN layout, which ns-train reads; run it again to go on."""

    meshes: Annotated[Path, Positional, arg(metavar="MESHES")]
    """Folder with meshes of any format that trimesh reads, with their textures; searched with all below it."""
    output: Annotated[Path, Positional, arg(metavar="OUTPUT")]
    """Folder to write to: <name of the meshes' folder>_train/ appears in it."""
    settings: Annotated[RenderSettings, OmitArgPrefixes] = field(default_factory=RenderSettings)
    workers: int | None = None
    """Processes. None: one a core."""

    def run_command(self) -> None:
        """Do it."""
        from mnif_core.data.mesh_scenes import render_meshes

        result = render_meshes(self.meshes, self.output, self.settings, self.workers)
        for line in result.notes:
            print(f"note: {line}")
        for line in result.bad:
            print(f"skipped: {line}")
        counts = f"{result.rendered} rendered, {result.present} were there, {len(result.bad)} skipped"
        counts += f", {len(result.notes)} with notes" if result.notes else ""
        print(f"meshes: {counts} | {self.output}", flush=True)
