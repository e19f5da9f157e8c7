"""Memory of large blocks goes back to the system, in a process of its own: the option holds for a whole process."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

# Large blocks with small ones between them, as bodies are with what was made of them; only the small ones are kept.
PROGRAM = """
from bingproject.edge.allocator import return_large_blocks
import psutil
assert return_large_blocks()
process = psutil.Process()
for _ in range(2):
    before = process.memory_info().rss
    large, small = [], []
    for _ in range(40):
        large.append(b"x" * 5_000_000)
        small.append([b"y" * 10_000 for _ in range(20)])
    held = process.memory_info().rss - before
    del large
    print(held, process.memory_info().rss - before)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library has no such option")
def test_large_blocks_go_back() -> None:
    """Of 200 MB nearly all is the system's again, the second time as well, when the blocks have been freed before."""
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    for line in ran.stdout.splitlines():
        held, kept = map(int, line.split())
        assert held > 190_000_000 and kept < 20_000_000
    assert len(ran.stdout.splitlines()) == 2
