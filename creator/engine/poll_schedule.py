"""When to look at a generation next: rarely before it can be done, often around its usual end, then less and less.

Learns from what finished lately, so that a picture is seen soon after it exists with few looks. Pure: ages in seconds
in, pauses in seconds out.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass

_LOOK_SECONDS = 1.6  # the pause while a result is due: seen after 0.8 s on average
_LONGEST_SECONDS = {"image": 15.0, "video": 60.0}
_FIRST_LOOK_SECONDS = 2.0  # of a sort that nothing is known of yet
_MEMORY = 200
_ENOUGH = 5

Sort = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Span:
    """Between which ages such a generation usually ends."""

    first_seconds: float
    last_seconds: float


class PollPlan:
    """The usual spans of each sort of generation, learnt while they finish."""

    def __init__(self) -> None:
        self._durations: dict[Sort, deque[float]] = defaultdict(lambda: deque(maxlen=_MEMORY))
        self._spans: dict[Sort, Span | None] = {}

    def learn(self, sort: Sort, seconds: float) -> None:
        """Remember how long one took, from acceptance to its result."""
        self._durations[sort].append(seconds)
        self._spans.pop(sort, None)

    def span(self, sort: Sort) -> Span | None:
        """Where ends of this sort lie; None until enough of them are known."""
        if sort not in self._spans:
            self._spans[sort] = _span_of(sorted(self._durations[sort]))
        return self._spans[sort]

    def pause_seconds(self, sort: Sort, age_seconds: float) -> float:
        """How long to wait before the next look at a generation of this age."""
        longest = _LONGEST_SECONDS.get(sort[0], 15.0)
        span = self.span(sort)
        if span is None:
            early = _FIRST_LOOK_SECONDS - age_seconds
            return early if early > 0 else min(max(_LOOK_SECONDS, 0.1 * age_seconds), longest)
        if age_seconds < span.first_seconds:
            return max(span.first_seconds - age_seconds, _LOOK_SECONDS / 2)
        if age_seconds <= span.last_seconds:
            # Over a long span a look costs more than it tells: 5 % of the age is soon enough.
            width = span.last_seconds - span.first_seconds
            return _LOOK_SECONDS if width <= 60 else min(max(_LOOK_SECONDS, 0.05 * age_seconds), longest)
        late_seconds = age_seconds - span.last_seconds
        return min(_LOOK_SECONDS + 0.05 * late_seconds, longest)


def _span_of(known: list[float]) -> Span | None:
    if len(known) < _ENOUGH:
        return None
    early, late = known[len(known) // 20], known[-1 - len(known) // 20]
    # A little before the earliest seen: what ends sooner than ever is still seen soon.
    return Span(max(0.5, 0.93 * early - 0.3), late)
