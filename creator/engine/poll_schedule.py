"""Decide when to poll a generation next: rarely before it can be ready, often around its usual end, then less and less.

The schedule learns from recently finished generations, so that few polls find a picture soon after it exists. Pure: it
takes ages in seconds and returns pauses in seconds.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass

_POLL_SECONDS = 1.6  # the pause while a result is due: found after 0.8 s on average
_LONGEST_SECONDS = {"image": 15.0, "video": 60.0}
_FIRST_POLL_SECONDS = 2.0  # as long as too few generations of the sort are known
_MEMORY = 200  # durations kept per sort: the schedule follows a Bing that becomes slower or faster
_ENOUGH = 5  # durations without which a span would be a guess

Sort = tuple[str, str, str]  # kind, model, lane


@dataclass(frozen=True, slots=True)
class ExpectedAge:
    """The ages between which generations of one sort usually end."""

    first_seconds: float
    last_seconds: float


class PollSchedule:
    """The usual span of each sort of generation, learnt from finished ones."""

    def __init__(self) -> None:
        self._durations: dict[Sort, deque[float]] = defaultdict(lambda: deque(maxlen=_MEMORY))
        self._spans: dict[Sort, ExpectedAge | None] = {}

    def learn(self, sort: Sort, seconds: float) -> None:
        """Remember how long a generation took, from acceptance to its result."""
        self._durations[sort].append(seconds)
        self._spans.pop(sort, None)

    def span(self, sort: Sort) -> ExpectedAge | None:
        """Return when generations of this sort usually end; None until enough of them are known."""
        if sort not in self._spans:
            self._spans[sort] = _span_of(sorted(self._durations[sort]))
        return self._spans[sort]

    def pause_seconds(self, sort: Sort, age_seconds: float) -> float:
        """Return how long to wait before the next poll of a generation of this age."""
        longest = _LONGEST_SECONDS.get(sort[0], 15.0)
        span = self.span(sort)
        if span is None:
            early = _FIRST_POLL_SECONDS - age_seconds
            return early if early > 0 else min(max(_POLL_SECONDS, 0.1 * age_seconds), longest)
        if age_seconds < span.first_seconds:
            return max(span.first_seconds - age_seconds, _POLL_SECONDS / 2)
        if age_seconds <= span.last_seconds:
            # Over a long span, frequent polls cost more than they gain: a delay of 5 % of the age is acceptable.
            width = span.last_seconds - span.first_seconds
            return _POLL_SECONDS if width <= 60 else min(max(_POLL_SECONDS, 0.05 * age_seconds), longest)
        late_seconds = age_seconds - span.last_seconds
        return min(_POLL_SECONDS + 0.05 * late_seconds, longest)


def _span_of(known: list[float]) -> ExpectedAge | None:
    if len(known) < _ENOUGH:
        return None
    early, late = known[len(known) // 20], known[-1 - len(known) // 20]
    # All but the fastest and slowest 5 %. Begin a little earlier, so that an unusually fast one is found soon, too.
    return ExpectedAge(max(0.5, 0.93 * early - 0.3), late)
