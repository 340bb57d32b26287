"""The `mnif` command: train on images and solids, and make something of any saved field."""

import sys
from collections.abc import Sequence
from typing import Annotated

import tyro
from tyro.conf import subcommand

from mnif_core.commands.analyse import Bases, Efficiency, Evaluate, ImportOfficial
from mnif_core.commands.compare import Compare
from mnif_core.commands.export import Export
from mnif_core.commands.fit_scene import FitScene
from mnif_core.commands.render import RenderScenes
from mnif_core.commands.show import Interpolate, Reconstruct, Sample
from mnif_core.commands.train import Image, Voxel
from mnif_core.commands.tune import Tune
from mnif_core.commands.view import View
from mnif_core.errors import MnifError

Command = (
    Annotated[Image, subcommand("image")]
    | Annotated[Voxel, subcommand("voxel")]
    | Annotated[View, subcommand("view")]
    | Annotated[Sample, subcommand("sample")]
    | Annotated[Reconstruct, subcommand("reconstruct")]
    | Annotated[Interpolate, subcommand("interpolate")]
    | Annotated[Evaluate, subcommand("evaluate")]
    | Annotated[Compare, subcommand("compare")]
    | Annotated[Tune, subcommand("tune")]
    | Annotated[Bases, subcommand("bases")]
    | Annotated[Efficiency, subcommand("efficiency")]
    | Annotated[FitScene, subcommand("fit-scene")]
    | Annotated[Export, subcommand("export")]
    | Annotated[RenderScenes, subcommand("render-scenes")]
    | Annotated[ImportOfficial, subcommand("import-official")]
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; what a user can mend is one line on standard error.

    Returns:
        0, 1 after an error, 130 when interrupted.
    """
    command = tyro.cli(Command, args=arguments, prog="mnif", description=__doc__)
    try:
        command.run_command()
    except MnifError as error:
        print(f"mnif: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("mnif: interrupted; train on with --resume, or run the command again", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
