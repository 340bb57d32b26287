"""open3d, which nerfstudio's exporter needs, wants a system library that a bare machine lacks.

`MNIF_TEST_LIBUSB` names that library where it lies unpacked but is not installed, so that everything else is tested
without it.
"""

import ctypes
import ctypes.util
import os

import pytest


def preload_libusb() -> None:
    """Load the library that `MNIF_TEST_LIBUSB` names, if it does, for open3d to find."""
    if path := os.environ.get("MNIF_TEST_LIBUSB"):
        ctypes.CDLL(path)


needs_open3d = pytest.mark.skipif(
    not os.environ.get("MNIF_TEST_LIBUSB") and ctypes.util.find_library("usb-1.0") is None,
    reason="open3d, which ns-export imports, needs libusb-1.0 (apt install libusb-1.0-0)",
)
