"""The kinds of signals that there are, by the name that saved fields have for them."""

from mnif_core.signals.images import ImageSignal
from mnif_core.signals.protocol import Signal
from mnif_core.signals.scenes import SceneSignal
from mnif_core.signals.voxels import VoxelSignal

SIGNALS: dict[str, type[Signal]] = {signal.kind: signal for signal in (ImageSignal, VoxelSignal, SceneSignal)}
"""Kind -> class; a kind that is added from outside puts itself in here."""
