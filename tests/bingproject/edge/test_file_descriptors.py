"""A process without file descriptors says so."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from typing import Any

import pytest

from bingproject.edge import file_descriptors
from bingproject.edge.file_descriptors import has_descriptor, watched_descriptors


def refuse(number: int) -> Any:
    """`os.open` of a process that has no descriptor left."""

    def opened(*_arguments: Any) -> int:
        raise OSError(number, os.strerror(number))

    return opened


def test_looks_by_taking_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """True while one can be had; any other trouble is no answer to the question."""
    assert has_descriptor()
    for number in (errno.EMFILE, errno.ENFILE):
        monkeypatch.setattr(os, "open", refuse(number))
        assert not has_descriptor()
    monkeypatch.setattr(os, "open", refuse(errno.EIO))
    with pytest.raises(OSError, match="Input/output"):
        has_descriptor()


async def test_says_so_once_a_minute(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """One line that says what to do, again only after a while, and none when all is well."""
    monkeypatch.setattr(file_descriptors, "LOOK_SECONDS", 0.01)
    with caplog.at_level(logging.ERROR):
        async with watched_descriptors():
            await asyncio.sleep(0.05)
            assert not caplog.records
            monkeypatch.setattr(os, "open", refuse(errno.EMFILE))
            await asyncio.sleep(0.1)
    (record,) = caplog.records
    assert "ulimit -n" in record.getMessage()
