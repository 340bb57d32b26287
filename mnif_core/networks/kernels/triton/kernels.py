"""Triton kernels of one SIREN per instance: all layers of a block of points without leaving the chip.

A program holds the activations of BLOCK points `[BLOCK, WIDTH]` in registers and reads one layer's weights at a time.
The parameters of an instance lie in one row, layer by layer, weight `[o, i]` then bias `[o]`; see `pack`.
Sines are taken in turns: the argument w0 (W x + b) is scaled by `turns` = w0 / 2 pi, its nearest whole number is
subtracted (exactly), and the rest, in [-1/2, 1/2], goes to the GPU's sine unit (`hardware`; Triton's own sine in the
interpreter). Absolute error: 5e-7 + 1.2e-7 |argument| up to 2^22 turns, of which the second part is what single
precision leaves of the argument itself.
Products of layers accumulate in float32 over factors that `_product` shortens; the first layer is float32 throughout.
Shape letters: p points of a block, i/o channels.
"""

# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False, disallow-untyped-decorators=False
# Triton reads no types but tl.constexpr

import triton
import triton.language as tl
from triton.language.extra import libdevice

FULL_TURN = tl.constexpr(6.283185307179586)  # radians
ROUND = tl.constexpr(12582912.0)  # 1.5 * 2^23: adding and subtracting it rounds to the nearest whole number
OUTPUT_COLUMNS = tl.constexpr(16)  # the smallest tile of a matrix product; values are padded to it


@triton.jit
def _phase(preactivation, turns):
    """What is left of the sine's argument, in turns in [-1/2, 1/2]."""
    whole = tl.fma(preactivation, turns, ROUND) - ROUND
    return tl.fma(preactivation, turns, -whole)


@triton.jit
def _sine(phase, hardware: tl.constexpr):
    if hardware:
        return libdevice.fast_sinf(phase * FULL_TURN)
    else:
        return tl.sin(phase * FULL_TURN)


@triton.jit
def _cosine(phase, hardware: tl.constexpr):
    if hardware:
        return libdevice.fast_cosf(phase * FULL_TURN)
    else:
        return tl.cos(phase * FULL_TURN)


@triton.jit
def _shorten(x):
    """Round to the nearest number that the tensor cores read (tf32: 10 bits of fraction); they would cut it off."""
    return ((x.to(tl.int32, bitcast=True) + 4096) & -8192).to(tl.float32, bitcast=True)


@triton.jit
def _product(a, b, precision: tl.constexpr):
    """Matrix product a b on tensor cores, with each factor shortened (`tf32`) or in two parts (`tf32x3`)."""
    short_a, short_b = _shorten(a), _shorten(b)
    if precision == "tf32x3":
        product = tl.dot(_shorten(a - short_a), short_b, input_precision="tf32")
        product = tl.dot(short_a, _shorten(b - short_b), product, input_precision="tf32")
        return tl.dot(short_a, short_b, product, input_precision="tf32")
    else:
        return tl.dot(short_a, short_b, input_precision="tf32")


@triton.jit
def _first_preactivation(coordinates, inside, layer, dims: tl.constexpr, width: tl.constexpr):
    """W x + b of the first layer in float32 throughout: coordinates times w0 bear no shorter factors."""
    channels = tl.arange(0, width)
    preactivation = tl.load(layer + width * dims + channels)[None, :]
    for axis in tl.static_range(dims):
        coordinate = tl.load(coordinates + axis, mask=inside, other=0.0)
        weight = tl.load(layer + channels * dims + axis)
        preactivation = preactivation + coordinate[:, None] * weight[None, :]
    return preactivation


@triton.jit
def _hidden_preactivation(x, layer, width: tl.constexpr, precision: tl.constexpr):
    channels = tl.arange(0, width)
    weight = tl.load(layer + channels[None, :] * width + channels[:, None])
    bias = tl.load(layer + width * width + channels)
    return _product(x, weight, precision) + bias[None, :]


@triton.jit
def _last_preactivation(x, layer, width: tl.constexpr, outputs: tl.constexpr, precision: tl.constexpr):
    channels = tl.arange(0, width)
    columns = tl.arange(0, OUTPUT_COLUMNS)
    weight = tl.load(layer + columns[None, :] * width + channels[:, None], mask=(columns < outputs)[None, :], other=0.0)
    bias = tl.load(layer + outputs * width + columns, mask=columns < outputs, other=0.0)
    return _product(x, weight, precision) + bias[None, :]


@triton.jit
def forward_kernel(
    coordinates,
    parameters,
    values,
    points,
    blocks,
    turns,
    dims: tl.constexpr,
    width: tl.constexpr,
    hidden: tl.constexpr,
    outputs: tl.constexpr,
    sine_output: tl.constexpr,
    precision: tl.constexpr,
    hardware: tl.constexpr,
    block: tl.constexpr,
):
    """Values `[s, p, k]` at coordinates `[s, p, d]`; program = instance * blocks + block of points."""
    first_size: tl.constexpr = width * dims + width
    hidden_size: tl.constexpr = width * width + width
    size: tl.constexpr = first_size + hidden * hidden_size + outputs * width + outputs
    instance = (tl.program_id(0) // blocks).to(tl.int64)
    rows = (tl.program_id(0) % blocks) * block + tl.arange(0, block)
    inside = rows < points
    layer = parameters + instance * size

    here = coordinates + instance * points * dims + rows * dims
    x = _sine(_phase(_first_preactivation(here, inside, layer, dims, width), turns), hardware)
    layer += first_size
    for index in range(hidden):
        x = _sine(_phase(_hidden_preactivation(x, layer + index * hidden_size, width, precision), turns), hardware)
    value = _last_preactivation(x, layer + hidden * hidden_size, width, outputs, precision)
    if sine_output:
        value = _sine(_phase(value, turns), hardware)
    columns = tl.arange(0, OUTPUT_COLUMNS)
    tl.store(
        values + instance * points * outputs + (rows[:, None] * outputs + columns[None, :]),
        value,
        mask=inside[:, None] & (columns < outputs)[None, :],
    )


@triton.jit
def _accumulate(pointers, amount, mask):
    """Add to a program's own sums: no other program touches them, so the order of addition is always the same."""
    tl.store(pointers, tl.load(pointers, mask=mask) + amount, mask=mask)


@triton.jit
def backward_kernel(
    coordinates,
    parameters,
    value_gradients,
    phases,
    parameter_gradients,
    coordinate_gradients,
    points,
    blocks,
    chunks,
    blocks_per_chunk,
    turns,
    dims: tl.constexpr,
    width: tl.constexpr,
    hidden: tl.constexpr,
    outputs: tl.constexpr,
    sine_output: tl.constexpr,
    precision: tl.constexpr,
    hardware: tl.constexpr,
    block: tl.constexpr,
    want_coordinates: tl.constexpr,
):
    """Gradients from gradients of the values `[s, p, k]`; program = instance * chunks + chunk of blocks of points.

    Nothing is kept from the forward pass: each block is evaluated again. Phases of its sines wait in `phases`
    `[programs, hidden, block, width]`, few enough programs being in flight for that to stay in the cache.

    Writes `parameter_gradients` `[programs, size]` (zero before; to be summed over chunks) and, if
    `want_coordinates`, `coordinate_gradients` `[s, p, d]`.
    """
    first_size: tl.constexpr = width * dims + width
    hidden_size: tl.constexpr = width * width + width
    size: tl.constexpr = first_size + hidden * hidden_size + outputs * width + outputs
    instance = (tl.program_id(0) // chunks).to(tl.int64)
    chunk = tl.program_id(0) % chunks
    w0 = turns * FULL_TURN

    channels = tl.arange(0, width)
    columns = tl.arange(0, OUTPUT_COLUMNS)
    valued = columns < outputs
    square = channels[:, None] * width + channels[None, :]
    row = tl.arange(0, block)
    tile = row[:, None] * width + channels[None, :]
    phases += tl.program_id(0).to(tl.int64) * (hidden * block * width)
    first_layer = parameters + instance * size
    hidden_layers = first_layer + first_size
    last_layer = hidden_layers + hidden * hidden_size
    first_gradient = parameter_gradients + tl.program_id(0).to(tl.int64) * size
    hidden_gradients = first_gradient + first_size
    last_gradient = hidden_gradients + hidden * hidden_size

    for index in range(chunk * blocks_per_chunk, tl.minimum((chunk + 1) * blocks_per_chunk, blocks)):
        rows = index * block + row
        inside = rows < points
        here = coordinates + instance * points * dims + rows * dims

        phase = _phase(_first_preactivation(here, inside, first_layer, dims, width), turns)
        for depth in range(hidden):
            tl.store(phases + depth * (block * width) + tile, phase)
            x = _sine(phase, hardware)
            phase = _phase(_hidden_preactivation(x, hidden_layers + depth * hidden_size, width, precision), turns)
        x = _sine(phase, hardware)
        # what one thread has stored another may read
        tl.debug_barrier()

        gradient = tl.load(
            value_gradients + instance * points * outputs + (rows[:, None] * outputs + columns[None, :]),
            mask=inside[:, None] & valued[None, :],
            other=0.0,
        )
        if sine_output:
            value_phase = _phase(_last_preactivation(x, last_layer, width, outputs, precision), turns)
            gradient = gradient * _cosine(value_phase, hardware) * w0
        _accumulate(
            last_gradient + columns[:, None] * width + channels[None, :],
            _product(tl.trans(gradient), x, precision),
            valued[:, None],
        )
        _accumulate(last_gradient + outputs * width + columns, tl.sum(gradient, 0), valued)
        last_weight = tl.load(
            last_layer + columns[:, None] * width + channels[None, :], mask=valued[:, None], other=0.0
        )
        delta = _product(gradient, last_weight, precision)

        for step in range(hidden):
            depth = hidden - 1 - step
            delta = delta * _cosine(phase, hardware) * w0
            phase = tl.load(phases + depth * (block * width) + tile)
            x = _sine(phase, hardware)
            layer_gradient = hidden_gradients + depth * hidden_size
            _accumulate(layer_gradient + square, _product(tl.trans(delta), x, precision), None)
            _accumulate(layer_gradient + width * width + channels, tl.sum(delta, 0), None)
            weight = tl.load(hidden_layers + depth * hidden_size + square)
            delta = _product(delta, weight, precision)

        delta = delta * _cosine(phase, hardware) * w0
        for axis in tl.static_range(dims):
            coordinate = tl.load(here + axis, mask=inside, other=0.0)
            _accumulate(first_gradient + channels * dims + axis, tl.sum(delta * coordinate[:, None], 0), None)
            if want_coordinates:
                weight_column = tl.load(first_layer + channels * dims + axis)
                towards = tl.sum(delta * weight_column[None, :], 1)
                tl.store(coordinate_gradients + instance * points * dims + rows * dims + axis, towards, mask=inside)
        _accumulate(first_gradient + width * dims + channels, tl.sum(delta, 0), None)
        # sums and phases of this block must be complete before the next one reads or replaces them
        tl.debug_barrier()
