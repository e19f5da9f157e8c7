"""Tries the API's own description against a running server: every answer must be one that the description allows."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from demo import running

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Start the server on its sandbox, let schemathesis ask, stop it; the exit code is schemathesis's."""
    with tempfile.TemporaryDirectory(prefix="bingproject-schema-") as place:
        settings = {"SANDBOX": "1", "DATA_DIR": place}
        with running([sys.executable, "manage.py", "serve", "--demo"], ROOT, settings) as demo:  # accounts of all kinds
            demo.wait_for("readiness", demo.is_ready, 60)
            command = [
                str(Path(sys.executable).with_name("schemathesis")),
                "--config-file", str(ROOT / ".ci/schemathesis.toml"), "run", f"{demo.url}/api/schema/",
                "--seed", "1", "--workers", "2",
            ]  # fmt: skip
            code = subprocess.run(command, cwd=place, check=False).returncode
            demo.interrupt()
    sys.exit(code)


if __name__ == "__main__":
    main()
