"""Memory that a training step frees stays with the process for the next one.

GNU's C library gives large blocks back to the system when they are freed, and the next step asks for them again, page
by page: a tenth of a step of auto-decoding, whose bases' gradients are made and freed in each.
"""

import ctypes
import functools

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # the C library's names for them
MAPPED = 32 << 20  # bytes from which a block is the system's own: the most that it allows
KEPT = 1 << 30  # bytes free at the end of the heap, beyond which they are given back


@functools.cache
def keep_freed_memory() -> None:
    """From now on; nothing changes under another C library or on another system."""
    try:
        adjust = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # macOS and musl have none, Windows no such handle
        return
    adjust(MMAP_THRESHOLD, MAPPED)
    adjust(TRIM_THRESHOLD, KEPT)
