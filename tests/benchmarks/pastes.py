"""A HAR as an operator uploads it: time and memory to read it, beside the code before each form had its parser.

Needs the repository's history for the comparison; without it there are no ratios.
"""

from __future__ import annotations

import json
import random
import subprocess
import tempfile
from itertools import cycle
from pathlib import Path
from typing import Any

from tests.benchmarks.builds import Build, both_builds
from tests.benchmarks.figures import Figure
from tests.samples.pastes import read_sample

MEBIBYTES, QUICK_MEBIBYTES = (2, 32), (2,)
RUNS, QUICK_RUNS = 3, 2
TIME_GOAL, MEMORY_GOAL = 0.5, 3.0
# A third of all answers is a page or a script, with a letter beyond Latin-1 here and there as pages have them; or
# ASCII alone; or a picture in base64. Browsers write a HAR in lines, some programs do not.
_ASCII = ("function ", "return ", 'var x="..." ', '<div class="a"> ', '{"k": 1} ', "\n ", "window.__x ")
_PAGES = (*_ASCII[:2], 'var x="…" ', *_ASCII[3:])
MIXES: dict[str, tuple[tuple[str, ...], int | None]] = {
    "pages": (_PAGES, 2),
    "pages in ASCII": (_ASCII, 2),
    "pictures": (("iVBORw0K", "QUJDREVG"), 2),
    "pictures, not in lines": (("iVBORw0K", "QUJDREVG"), None),
    "pages, not in lines": (_PAGES, None),
    "pages in ASCII, not in lines": (_ASCII, None),
}
CASES = (*(("bing", mix) for mix in MIXES), ("copilot", "pages"), ("copilot", "pages in ASCII"))
_READ = r"""
import re, sys, time, json
def kibibytes(name):  # not getrusage: its peak is that of the process that started this one
    with open("/proc/self/status") as status:
        return int(re.search(name + r":\s+(\d+)", status.read())[1])
sys.path.insert(0, sys.argv[1])
from accounts.microsoft.protocol import find_cookies, find_credentials
before = kibibytes("VmRSS")
data = open(sys.argv[3], "rb").read()
began = time.process_time()
given = data.decode("utf-8-sig", "replace").strip() if sys.argv[4] == "text" else data
found = find_cookies(given, 1.0) if sys.argv[2] == "bing" else find_credentials(given, "copilot", 1.0)
seconds = time.process_time() - began
after = kibibytes("VmHWM")
is_found = found.has_sign_in if sys.argv[2] == "bing" else found.has_clearance and found.token is not None
print(json.dumps({"seconds": seconds, "bytes": (after - before) * 1024, "is_found": is_found}))
"""


def run(database: str, *, is_quick: bool) -> list[Figure]:
    """Both kinds of accounts, all mixes and sizes, the two builds by turns; no database has part in it."""
    if database != "sqlite":
        return []
    figures: list[Figure] = []
    builds = both_builds()
    with tempfile.TemporaryDirectory() as folder:
        for size in QUICK_MEBIBYTES if is_quick else MEBIBYTES:
            for kind, mix in CASES:
                path = Path(folder) / f"{kind}-{size}.har"
                path.write_text(make_har(kind, mix, size * 1024 * 1024), encoding="utf-8")
                group = f"HAR of {size} MiB for {kind}, {mix}"
                figures += _compare(database, group, kind, path, builds, QUICK_RUNS if is_quick else RUNS)
    return figures


def _compare(database: str, group: str, kind: str, path: Path, builds: list[Build], runs: int) -> list[Figure]:
    found: dict[str, list[dict[str, Any]]] = {build.suffix: [] for build in builds}
    for _ in range(runs):
        for build in builds:
            found[build.suffix].append(_read(build, kind, path))
    seconds = {suffix: min(one["seconds"] for one in tries) for suffix, tries in found.items()}
    most = {suffix: max(one["bytes"] for one in tries) for suffix, tries in found.items()}
    return comparison(database, group, seconds, most, path.stat().st_size)


def comparison(database: str, group: str, seconds: dict[str, float], most: dict[str, float], size: int) -> list[Figure]:
    """Figures of both builds, by the suffix of each: CPU, and memory of the file's size with the file itself."""
    figures = [
        Figure(group, "CPU", database, seconds[""] * 1000, "ms"),
        Figure(group, "memory, of the file's size", database, most[""] / size, "x", MEMORY_GOAL),
    ]
    for suffix in filter(None, seconds):
        figures += [
            Figure(group, f"CPU, of that{suffix}", database, seconds[""] / seconds[suffix], "x", TIME_GOAL),
            Figure(group, f"memory{suffix}", database, most[suffix] / size, "x"),
        ]
    return figures


def _read(build: Build, kind: str, path: Path) -> dict[str, Any]:
    """One reading in a process of its own, which knows its own peak."""
    form = "text" if build.is_reference else "bytes"
    command = [build.python, "-c", _READ, str(build.root), kind, str(path), form]
    done = subprocess.run(command, cwd=build.root, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    if not found["is_found"]:
        raise RuntimeError(f"{build.root} finds nothing in the HAR for {kind}")
    return found


def make_har(kind: str, mix: str, size: int) -> str:
    """Chromium's own HAR, its entries again and again, with bodies."""
    words, indent = MIXES[mix]
    document = json.loads(read_sample(f"{kind}.har"))
    chance, entries, length = random.Random(1), [], 0
    for number, entry in enumerate(cycle(document["log"]["entries"])):
        answer = dict(entry["response"])
        if number % 3 == 0:
            text = "".join(chance.choices(words, k=chance.randrange(200, 20_000)))
            answer["content"] = {"mimeType": "text/html", "text": text}
        entries.append(entry | {"response": answer})
        length += len(json.dumps(entries[-1], indent=indent, ensure_ascii=False).encode())
        if length > 0.97 * size:
            break
    document["log"]["entries"] = entries
    return json.dumps(document, indent=indent, ensure_ascii=False)
