"""Answers of Bing's image and video creator, as bytes; where they come from is in README.md."""

from pathlib import Path

DIRECTORY = Path(__file__).parent


def read_sample(name: str) -> str:
    """One sample as a client would hand it to a parser: decoded text."""
    return (DIRECTORY / name).read_bytes().decode("utf-8")
