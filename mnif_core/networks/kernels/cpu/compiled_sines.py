"""Sines of float32 compiled by numba, and run by the threads that torch has already.

|x| is reduced by the next multiple of pi, taken away in three parts of which the first two have few bits (Cody and
Waite 1980), so that nothing is lost with or without fused multiply-adds; minimax polynomials in the rest, of degree 9
for the sine and 10 for the cosine, err by less than 5e-9. Beyond `LARGE` that reduction ends, and the C library's
sine in double precision serves. No value depends on where it lies, nor on the number of threads.
Threads are those of torch's own OpenMP, which is entered as GNU's compilers do: a second pool beside it, such as
numba's, would fight over the same cores.
Importing this file imports numba and compiles, from numba's cache where it can: ImportError, OSError and
AttributeError say that numba or such an OpenMP is not to be had.
"""

# mypy: disallow-untyped-defs=False, disallow-untyped-calls=False, disable-error-code="attr-defined,call-arg,operator"
# numba's parameters are typed by what it is called with

import ctypes
import math
from collections.abc import Callable
from typing import Any

import llvmlite.binding
import numba
import numpy as np
import torch
from numba.core.cgutils import voidptr_t
from numba.extending import intrinsic
from torch import Tensor

LARGE = np.float32(8192.0)  # radians
GRAIN = 1 << 15  # sines that are worth another thread: as torch has it
VECTOR = 16  # sines; threads' shares are multiples
BLOCK = 1024  # sines that are looked through for large arguments at once

ONE_OVER_PI, PI = np.float32(1.0 / math.pi), (np.float32(3.140625), np.float32(9.67502593994140625e-4))
PI_REST = np.float32(math.pi - 3.140625 - 9.67502593994140625e-4)
ROUNDING = np.float32(1.5 * 2.0**23)  # added, it leaves whole numbers, the last bit odd or even as they are
ONE, SIGN, SHIFT = np.float32(1.0), np.int32(-(2**31)), np.int32(31)
SINE = tuple(np.float32(c) for c in (2.59994817e-06, -1.98065711e-04, 8.33301712e-03, -1.66666567e-01))
COSINE = tuple(np.float32(c) for c in (-2.60541071e-07, 2.47604403e-05, -1.38883712e-03, 4.16666381e-02, -0.5))

_loop = numba.njit(fastmath={"contract"}, error_model="numpy")


@_loop
def _reduced(x):
    """The rest of |x| beyond k pi, in [-pi / 2, pi / 2], and the sign bit if k is odd."""
    rounded = abs(x) * ONE_OVER_PI + ROUNDING
    k = rounded - ROUNDING
    rest = ((abs(x) - k * PI[0]) - k * PI[1]) - k * PI_REST
    return rest, np.int32(np.float32(rounded).view(np.int32) << SHIFT)


@_loop
def _turned(value, sign):
    """`value` with its sign turned where that bit is set."""
    return np.int32(np.float32(value).view(np.int32) ^ sign).view(np.float32)


@_loop
def _sine(x):
    rest, odd = _reduced(x)
    z = rest * rest
    tail = ((SINE[0] * z + SINE[1]) * z + SINE[2]) * z + SINE[3]
    return _turned(rest + (rest * z) * tail, odd ^ (np.float32(x).view(np.int32) & SIGN))


@_loop
def _cosine(x):
    rest, odd = _reduced(x)
    z = rest * rest
    tail = (((COSINE[0] * z + COSINE[1]) * z + COSINE[2]) * z + COSINE[3]) * z + COSINE[4]
    return _turned(tail * z + ONE, odd)


@_loop
def _any_is_large(angles):
    found = False
    for i in range(angles.size):
        found |= abs(angles[i]) > LARGE
    return found


@_loop
def _sines(angles, sines):
    if _any_is_large(angles):
        for i in range(angles.size):
            x = angles[i]
            sines[i] = np.float32(math.sin(np.float64(x))) if abs(x) > LARGE else _sine(x)
    else:
        for i in range(angles.size):
            sines[i] = _sine(angles[i])


@_loop
def _sines_and_cosines(angles, sines):
    if _any_is_large(angles):
        for i in range(angles.size):
            x = angles[i]
            large = abs(x) > LARGE
            sines[i] = np.float32(math.sin(np.float64(x))) if large else _sine(x)
            angles[i] = np.float32(math.cos(np.float64(x))) if large else _cosine(x)
    else:
        for i in range(angles.size):
            x = angles[i]
            sines[i] = _sine(x)
            angles[i] = _cosine(x)


def _cast(typing, address):
    """A whole number to the pointer that it is."""

    def generate(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], voidptr_t)

    return numba.types.voidptr(address), generate


_pointer: Any = intrinsic(_cast)


_openmp = ctypes.CDLL(torch._C.__file__)  # with all that it is linked to
for _name in ("omp_get_thread_num", "omp_get_num_threads"):
    llvmlite.binding.add_symbol(f"mnif_{_name}", ctypes.cast(getattr(_openmp, _name), ctypes.c_void_p).value)
_in_threads = _openmp.GOMP_parallel
_in_threads.argtypes, _in_threads.restype = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint], None
_thread_number: Any = numba.types.ExternalFunction("mnif_omp_get_thread_num", numba.types.int32())
_thread_count: Any = numba.types.ExternalFunction("mnif_omp_get_num_threads", numba.types.int32())

_Task = ctypes.c_int64 * 7


def _share_of_a_thread(task):
    """One thread's share of a `_Task`: where angles and sines lie, rows, their length and strides, cosines or not."""
    angles, sines, rows, length, angles_stride, sines_stride, cosines = numba.carray(task, 7)
    total, number, count = rows * length, _thread_number(), _thread_count()
    at = total * number // count // VECTOR * VECTOR
    end = total * (number + 1) // count // VECTOR * VECTOR if number + 1 < count else total
    while at < end:
        row, column = at // length, at % length
        size = min(length - column, end - at, BLOCK)
        read = numba.carray(_pointer(angles + 4 * (row * angles_stride + column)), size, np.float32)
        written = numba.carray(_pointer(sines + 4 * (row * sines_stride + column)), size, np.float32)
        if cosines:
            _sines_and_cosines(read, written)
        else:
            _sines(read, written)
        at += size


def _compiled(function: Callable[..., None]) -> Any:
    signature = numba.types.void(numba.types.CPointer(numba.types.int64))
    try:
        return numba.cfunc(signature, cache=True)(function)
    except Exception:  # whatever its cache of machine code holds, or where that may not be written
        return numba.cfunc(signature)(function)


_work = _compiled(_share_of_a_thread)


class CompiledSines:
    """See `kernels.cpu.sines.Sines`; of float32 alone, angles and `out` in one piece but for their first dimension."""

    def sine(self, angles: Tensor, out: Tensor) -> None:
        """See `Sines.sine`."""
        self._run(angles, out, cosines=False)

    def sine_and_cosine(self, angles: Tensor, out: Tensor) -> None:
        """See `Sines.sine_and_cosine`."""
        self._run(angles, out, cosines=True)

    def _run(self, angles: Tensor, out: Tensor, cosines: bool) -> None:
        total, rows = angles.numel(), len(angles)
        if not total:
            return
        where = angles.data_ptr(), out.data_ptr()
        task = _Task(*where, rows, total // rows, angles.stride(0), out.stride(0), cosines)
        threads = max(1, min(torch.get_num_threads(), total // GRAIN))
        _in_threads(_work.address, ctypes.addressof(task), threads, 0)
