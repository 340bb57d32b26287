"""One instance network as ONNX: coordinates in, values out, for any runtime.

Shape letters: p points, d coordinates, f features, k values, i channels, e corners along an edge.
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
from mnif_core.networks.spatial_mixture import CornerWeights
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
        ConfigError: the network reads features of which no graph is known.
        OutputError: the place cannot be written to.
    """
    import onnx

    graph = _Graph()
    x, last, dims = "coordinates", len(network.weights) - 1, network.weights[0].shape[2]
    psi = None
    if network.features is not None:
        if type(network.features) not in FEATURES:
            raise ConfigError(f"{path}: no ONNX of the features that this network reads; export its latent as .npz")
        psi = FEATURES[type(network.features)](graph, network.features, dims)
    for index, folded in enumerate(network.folded()):
        weights = graph.constant(folded[0, :, :-1].cpu().numpy().T)
        biases = graph.constant(folded[0, :, -1].cpu().numpy())
        sine = index < last or network.sine_output
        out = "values" if index == last else None
        if psi is not None:
            x = graph.add("Concat", [x, psi], axis=1)
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
            [_tensor("coordinates", dims)],
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


def _corner_weights(graph: _Graph, psi: CornerWeights, dims: int) -> str:
    """`CornerWeights` of the coordinates, `[p, d]` -> `[p, f]`."""
    zero, one, last = graph.constant(0.0), graph.constant(1.0), psi.grid - 1
    moved = graph.add("Add", [graph.add("Div", ["coordinates", graph.constant(psi.extent)]), one])
    place = graph.add("Clip", [graph.add("Mul", [moved, graph.constant(0.5 * last)]), zero, graph.constant(last)])
    product = ""
    for axis in range(dims):
        here = graph.add("Slice", [place, *(graph.constant([number]) for number in (axis, axis + 1, 1))])
        away = graph.add("Abs", [graph.add("Sub", [here, graph.constant(np.arange(psi.grid))])])
        hats = graph.add("Max", [graph.add("Sub", [one, away]), zero])
        if axis > 0:  # [p, f, 1] times [p, 1, e]
            pair = [graph.add("Unsqueeze", [part, graph.constant([at])]) for part, at in ((product, 2), (hats, 1))]
            hats = graph.add("Reshape", [graph.add("Mul", pair), graph.constant([-1, psi.grid ** (axis + 1)])])
        product = hats
    return product


FEATURES: dict[type, Callable[[_Graph, Any, int], str]] = {CornerWeights: _corner_weights}
"""Kind of features -> the node that gives them, of the coordinates of some dimensions."""
OUTPUTS: dict[str, Callable[[_Graph, Any, int], dict[str, int]]] = {
    "image": partial(_shown, name="color"),
    "voxel": partial(_shown, name="occupancy"),
    "scene": _color_and_density,
}
"""Kind of signal -> what its values mean, as outputs of a graph; see `_shown`, which serves all others."""


def _tensor(name: str, channels: int) -> "onnx.ValueInfoProto":
    from onnx import TensorProto, helper

    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["points", channels])
