"""Valid and invalid ids, expiries, limits and scopes, with their errors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from accounts.callers import validation
from bingproject.errors import InvalidRequestError

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", ["anna", " anna ", "anna@example.org", "שרה", "x" * 100])
def test_a_valid_id(text: str) -> None:
    """Surrounding spaces are removed."""
    assert validation.check_user_id(text) == text.strip()


@pytest.mark.parametrize("text", ["", "  ", "x" * 101, "a b", "a\tb", "a\nb", "a\x00b", "a\u00a0b", "a\u200bb"])
def test_an_invalid_id(text: str) -> None:
    """Spaces of all kinds, and invisible characters: two such ids would look the same."""
    with pytest.raises(InvalidRequestError, match="without spaces"):
        validation.check_user_id(text)


def test_an_expiry_is_in_the_future() -> None:
    """None is never."""
    assert validation.check_expiry(None, NOW) is None
    assert validation.check_expiry(NOW + timedelta(seconds=1), NOW) == NOW + timedelta(seconds=1)
    for moment in (NOW, NOW - timedelta(days=1)):
        with pytest.raises(InvalidRequestError, match="has passed"):
            validation.check_expiry(moment, NOW)


@pytest.mark.parametrize(
    ("number", "least", "passes"),
    [(None, 1, True), (0, 0, True), (0, 1, False), (-1, 0, False), (1_000_000, 0, True), (1_000_001, 0, False)],
)
def test_a_limit_is_none_or_a_whole_number(number: int | None, least: int, passes: bool) -> None:
    """The error names the field and the valid range."""
    if passes:
        assert validation.check_limit(number, "daily_images", least=least) == number
        return
    with pytest.raises(InvalidRequestError, match=f"from {least} to 1,000,000") as refusal:
        validation.check_limit(number, "daily_images", least=least)
    assert refusal.value.param == "daily_images"


@pytest.mark.parametrize(
    ("names", "images", "videos", "chat"),
    [
        (["images", " chat "], True, False, True),
        (["videos"], False, True, False),
        (["read"], False, False, False),
        ([""], False, False, False),
        (["read", "chat"], False, False, True),
    ],
)
def test_scopes_are_columns(names: list[str], images: bool, videos: bool, chat: bool) -> None:
    """Reading is always allowed; `read` alone allows nothing else."""
    expected = {"can_make_images": images, "can_make_videos": videos, "can_chat": chat}
    assert validation.check_scopes(names) == expected


def test_an_unknown_scope_is_named() -> None:
    """The error also names the known scopes."""
    with pytest.raises(InvalidRequestError, match=r"'admin'\. Name some of images, videos, chat, or only read"):
        validation.check_scopes(["images", "admin"])


def test_parse_moment() -> None:
    """A date is its first moment; without an offset, UTC applies."""
    assert validation.parse_moment("2027-01-31") == datetime(2027, 1, 31, tzinfo=UTC)
    assert validation.parse_moment(" 2027-01-31T18:00 ") == datetime(2027, 1, 31, 18, tzinfo=UTC)
    assert validation.parse_moment("2027-1-31") == datetime(2027, 1, 31, tzinfo=UTC)
    assert validation.parse_moment("2027-01-31 8:05") == datetime(2027, 1, 31, 8, 5, tzinfo=UTC)
    berlin = datetime(2027, 1, 31, 18, tzinfo=timezone(timedelta(hours=1)))
    assert validation.parse_moment("2027-01-31T18:00+01:00") == berlin
    for text in ("", "tomorrow", "31.01.2027", "2027-02-30"):
        with pytest.raises(InvalidRequestError, match="such as 2027-01-31"):
            validation.parse_moment(text)
