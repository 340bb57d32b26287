"""One instance network as ONNX: coordinates in, values out, for any runtime.

Shape letters: p points, d coordinates, k values.
"""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mnif_core.errors import ConfigError
from mnif_core.files.atomic import whole_file
from mnif_core.networks.instance_networks import InstanceNetworks
from mnif_core.signals.protocol import Signal
from mnif_core.signals.scenes import SceneSignal

if TYPE_CHECKING:
    import onnx

OPSET, IR_VERSION = 17, 8  # as old as serves, so that old runtimes read it
MEANING = {
    "image": (
        "row, column; from -1 to 1, the outermost pixels' centres included",
        "values: [red, green, blue] or [grey] in [-1, 1]; color: the same in [0, 1]",
    ),
    "voxel": (
        "x, y, z; cell i of r has its centre at (2 i + 1) / r - 1",
        "values: [occupancy] in [-1, 1]; occupancy: in [0, 1], inside from 0.5",
    ),
    "scene": (
        "x, y, z in the frame of the cameras, z up; the object is around the origin",
        "values: [red, green, blue, raw density]; color: RGB in [0, 1]; density: per unit length, at least 0",
    ),
}
"""Kind of signal -> what coordinates and values are."""
ANY_MEANING = ("from -1 to 1", "values: in [-1, 1]; shown: the same in [0, 1]")


def write_onnx(signal: Signal, network: InstanceNetworks, path: Path) -> None:
    """Write one instance network, with any number of points p.

    Input `coordinates` `[p, d]`; outputs `values` `[p, k]`, as the network gives them, and what they mean: `color`
    `[p, 3]` in [0, 1] of images (`[p, k]`) and scenes, `density` `[p, 1]` of scenes, `occupancy` `[p, 1]` of solids;
    `shown` `[p, k]` in [0, 1] of other kinds.
    The model's metadata say so too, and hold the signal's numbers.

    Args:
        signal: what values mean.
        network: one instance.
        path: ends in `.onnx`.

    Raises:
        ConfigError: the network reads features, which ONNX would have to compute.
        OutputError: the place cannot be written to.
    """
    import onnx

    if network.features is not None:
        raise ConfigError(f"{path}: no ONNX of a network that reads features; export it as .glb, .ply or .npz")

    graph = _Graph()
    x, last = "coordinates", len(network.weights) - 1
    for index, folded in enumerate(network.folded()):
        weights = graph.constant(folded[0, :, :-1].cpu().numpy().T)
        biases = graph.constant(folded[0, :, -1].cpu().numpy())
        sine = index < last or network.sine_output
        out = "values" if index == last else None
        if sine:
            x = graph.add("Sin", [graph.add("Gemm", [x, weights, biases])], out)
        else:
            x = graph.add("Gemm", [x, weights, biases], out)
    channels = network.weights[-1].shape[1]
    outputs = {"values": channels} | OUTPUTS.get(signal.kind, _shown)(graph, signal, channels)
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            graph.nodes,
            signal.kind,
            [_tensor("coordinates", network.weights[0].shape[2])],
            [_tensor(name, channels) for name, channels in outputs.items()],
            graph.constants,
        ),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="mnif-nerfstudio",
    )
    coordinates, values = MEANING.get(signal.kind, ANY_MEANING)
    described = {
        "kind": signal.kind,
        "coordinates": coordinates,
        "values": values,
        "output_activation": network.output_activation,
        "w0": network.w0,
        **{f"signal.{name}": value for name, value in asdict(signal).items()},
    }
    onnx.helper.set_model_props(model, {name: str(value) for name, value in described.items()})
    onnx.checker.check_model(model, full_check=True)
    with whole_file(path) as scratch:
        scratch.write_bytes(model.SerializeToString())


class _Graph:
    """Nodes and constants, named as they come."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, value: np.ndarray | float | list[int]) -> str:
        from onnx import numpy_helper

        array = np.ascontiguousarray(value, np.int64 if isinstance(value, list) else np.float32)
        array = array if np.ndim(value) else array.reshape(())
        self.constants.append(numpy_helper.from_array(array, f"constant_{len(self.constants)}"))
        return self.constants[-1].name

    def add(self, operation: str, inputs: list[str], output: str | None = None, **attributes: Any) -> str:
        from onnx import helper

        output = output or f"node_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, inputs, [output], **attributes))
        return output


def _shown(graph: _Graph, signal: Signal, channels: int, name: str = "shown") -> dict[str, int]:
    """Add what the values mean, the same in [0, 1]; names of the outputs and their channels."""
    _to_unit_range(graph, "values", name)
    return {name: channels}


def _color_and_density(graph: _Graph, signal: SceneSignal, channels: int) -> dict[str, int]:
    columns = [graph.constant([at]) for at in (0, 3, 4, 1)]
    _to_unit_range(graph, graph.add("Slice", ["values", columns[0], columns[1], columns[3]]), "color")
    raw = graph.add("Slice", ["values", columns[1], columns[2], columns[3]])
    if signal.density == "softplus":
        graph.add("Mul", [graph.add("Softplus", [raw]), graph.constant(10.0)], "density")
    else:
        raised = graph.add("Add", [graph.add("Elu", [raw], alpha=0.1), graph.constant(0.1)])
        graph.add("Clip", [raised, graph.constant(0.0), graph.constant(10.0)], "density")
    return {"color": 3, "density": 1}


def _to_unit_range(graph: _Graph, values: str, output: str) -> None:
    half = graph.constant(0.5)
    moved = graph.add("Add", [graph.add("Mul", [values, half]), half])
    graph.add("Clip", [moved, graph.constant(0.0), graph.constant(1.0)], output)


OUTPUTS: dict[str, Callable[[_Graph, Any, int], dict[str, int]]] = {
    "image": partial(_shown, name="color"),
    "voxel": partial(_shown, name="occupancy"),
    "scene": _color_and_density,
}
"""Kind of signal -> what its values mean, as outputs of a graph; see `_shown`, which serves all others."""


def _tensor(name: str, channels: int) -> "onnx.ValueInfoProto":
    from onnx import TensorProto, helper

    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["points", channels])
