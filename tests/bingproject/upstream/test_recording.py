"""A probe's transcript: everything is kept, steps are shown, secrets are in neither."""

from __future__ import annotations

from bingproject.upstream.recording import Transcript


def test_steps_are_shown_and_all_is_kept() -> None:
    """Each with the seconds since the beginning."""
    shown: list[str] = []
    transcript = Transcript(shown.append)
    transcript.note("opened")
    transcript.record('< {"event": "done"}')
    assert [line.split("  ")[-1] for line in shown] == ["opened"]
    lines = transcript.text.splitlines()
    assert [line[10:] for line in lines] == ["opened", '< {"event": "done"}']
    assert all(float(line[:8]) >= 0 for line in lines)


def test_what_turns_out_to_be_a_secret_is_masked_in_what_was_kept() -> None:
    """As it is, in an address and in JSON."""
    transcript = Transcript(str)
    transcript.record('found a+b/c"d, a%2Bb%2Fc%22d and a+b/c\\"d')
    transcript.hide('a+b/c"d')
    assert transcript.text[10:] == "found [hidden], [hidden] and [hidden]\n"


def test_secrets_are_masked_by_value_and_by_name() -> None:
    """What is told to be hidden, longer ones first, and what looks like a secret; what is too short stays."""
    shown: list[str] = []
    transcript = Transcript(shown.append)
    transcript.hide("opaque-value", "opaque-value-and-more", "ab", "")
    transcript.note("opaque-value-and-more opaque-value ab access_token=hidden2 Authorization: Bearer abcdefgh123")
    assert "opaque" not in transcript.text and "hidden2" not in transcript.text and "abcdefgh123" not in shown[0]
    assert "-and-more" not in transcript.text and " ab " in transcript.text
