"""What a newcomer does: clone, `make demo`, look at the first picture, Ctrl-C; then once more without a network.

`fresh_clone.py --system` does the first half with nothing but /usr/bin and /bin on the PATH: the system's own Python,
which is often older than the one that tests run on.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from demo import Demo, running

ROOT = Path(__file__).resolve().parent.parent
SYSTEM_PYTHON = "/usr/bin/python3"
SETUP_SECONDS = 300
VIDEO_SECONDS = 180
SECOND_START_SECONDS = 5  # to a listening port, as promised


def check_picture(demo: Demo, seconds: float) -> None:
    """The first picture is printed, can be fetched and is a JPEG."""
    address = demo.wait_for("picture", demo.first_picture, seconds)
    with urllib.request.urlopen(address, timeout=10) as answer:
        head = answer.read()
    if not (head.startswith(b"\xff\xd8\xff") and head.rstrip(b"\0").endswith(b"\xff\xd9")):
        sys.exit(f"{address} is no JPEG")
    print(f"   first picture: {address}, {len(head):,} bytes")


def ask(demo: Demo, path: str, body: dict[str, str] | None = None, seconds: float = 120) -> dict[str, object]:
    """Return `data` of an answer of the public API; with a body the request is a POST."""
    content = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(
        f"{demo.url}{path}", content, {"content-type": "application/json", "prefer": "wait=60"}
    )
    with urllib.request.urlopen(request, timeout=seconds) as answer:
        return dict(json.load(answer)["data"])


def check_api(demo: Demo) -> None:
    """A picture and a video are made for whoever asks as the README does."""
    made = ask(demo, "/create/image", {"query": "a red fox in fresh snow"})
    print(f"   asked for a picture, got {made['images']}")
    started = ask(demo, "/create/video", {"query": "waves at a lighthouse"})
    until = time.monotonic() + VIDEO_SECONDS
    while (task := ask(demo, f"/task/{started['taskId']}"))["status"] == "processing" and time.monotonic() < until:
        pass  # each look waits up to a minute
    if not (made["images"] and task["status"] == "completed" and task["video"]):
        sys.exit(f"no picture or no video: {made}, {task}")
    print(f"   asked for a video, got {task['video']}")


def try_system_python() -> None:
    """Set up with /usr/bin/python3 and make a picture; where there is none that can be used, say so."""
    words = [SYSTEM_PYTHON, "-c", "import ensurepip, venv, sys; print('%d.%d.%d' % sys.version_info[:3])"]
    try:
        found = subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        print(f"   skipped: {SYSTEM_PYTHON} is missing or has no venv module (Debian: apt install python3-venv)")
        return
    if tuple(map(int, found.split("."))) < (3, 11):
        print(f"   skipped: {SYSTEM_PYTHON} is {found}, and 3.11 is needed")
        return
    with tempfile.TemporaryDirectory(prefix="bingproject-system-") as place:
        clone = Path(place, "bingproject")
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        settings = {"PATH": "/usr/bin:/bin", "PYTHON": SYSTEM_PYTHON}
        with running(["/usr/bin/env", "make", "demo"], clone, settings) as demo:
            check_picture(demo, SETUP_SECONDS)
            check_api(demo)
            demo.interrupt()
        made = subprocess.run([clone / ".venv/bin/python", "-V"], capture_output=True, text=True, check=True).stdout
    print(f"   {SYSTEM_PYTHON} is {found}, the environment {made.strip()}")


def main() -> None:
    """Run the demo twice in a clone of what is committed."""
    if "--system" in sys.argv[1:]:
        try_system_python()
        return
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
