"""What browsers and other programs give of two sites' requests and cookies; README.md says which made them."""

from pathlib import Path

DIRECTORY = Path(__file__).parent


def read_sample(name: str) -> str:
    """One sample as it is pasted."""
    return (DIRECTORY / name).read_bytes().decode("utf-8")
