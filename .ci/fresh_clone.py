"""What a newcomer does: clone, `make demo`, look at the first picture, Ctrl-C; then once more without a network."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from demo import Demo, running

ROOT = Path(__file__).resolve().parent.parent
SETUP_SECONDS = 300
SECOND_START_SECONDS = 5  # to a listening port, as promised


def check_picture(demo: Demo, seconds: float) -> None:
    """The first picture is printed, can be fetched and is a JPEG."""
    address = demo.wait_for("picture", demo.first_picture, seconds)
    with urllib.request.urlopen(address, timeout=10) as answer:
        head = answer.read()
    if not (head.startswith(b"\xff\xd8\xff") and head.rstrip(b"\0").endswith(b"\xff\xd9")):
        sys.exit(f"{address} is no JPEG")
    print(f"   first picture: {address}, {len(head):,} bytes")


def main() -> None:
    """Run the demo twice in a clone of what is committed."""
    with tempfile.TemporaryDirectory(prefix="bingproject-clone-") as place:
        clone = Path(place, "bingproject")
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        with running(["make", "demo"], clone, {}) as demo:
            check_picture(demo, SETUP_SECONDS)
            print(f"   all gone {demo.interrupt():.1f} s after Ctrl-C")
        began = time.monotonic()
        # A package index nobody answers at: the second start must not ask for one.
        with running(["make", "demo"], clone, {"PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_NO_INDEX": "1"}) as demo:
            demo.wait_for("listening port", demo.is_listening, SECOND_START_SECONDS)
            print(f"   second start: listening after {time.monotonic() - began:.1f} s")
            demo.wait_for("readiness", demo.is_ready, 30)
            print(f"   all gone {demo.interrupt():.1f} s after Ctrl-C")


if __name__ == "__main__":
    main()
