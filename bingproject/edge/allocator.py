"""Have the C library return large freed blocks of memory to the system."""

from __future__ import annotations

import ctypes
import sys

# glibc's own number for the option; see mallopt(3).
M_MMAP_THRESHOLD = -3
LARGE_BLOCK_BYTES = 256 * 1024


def return_large_blocks() -> bool:
    """Return freed blocks of `LARGE_BLOCK_BYTES` and more to the system at once; False if libc has no such option.

    glibc raises its own threshold to the size of the largest block that was ever freed. Bodies of megabytes then come
    from heaps that small blocks keep from shrinking, and a process stays as large as its largest load ever was.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none, and returns large blocks anyway
    return mallopt is not None and bool(mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES))
