"""`python -m tests.browser.scenery`: rows worth a picture, for a server with nothing in it. The environment says which.

Times count back from now, everything else is fixed: two runs differ in their times and ids alone.
"""

from __future__ import annotations

import os
import random
import uuid
from datetime import datetime, timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bingproject.settings")
django.setup()

from django.utils import timezone  # noqa: E402  # only now: models need the set-up

from accounts.models import Account, AccountState, Capability, WhitelistedUser  # noqa: E402
from chat.models import Conversation, Origin, Turn, TurnState  # noqa: E402
from creator.models import Kind, State, Task  # noqa: E402

ACCOUNTS = (
    ("atelier", AccountState.OK, ""),
    ("harbour", AccountState.OK, ""),
    ("meadow", AccountState.CHALLENGED, "Bing wants to see a human."),
    ("quarry", AccountState.EXPIRED, "Bing shows the page of somebody not signed in."),
    ("summit", AccountState.OK, ""),
)
PROMPTS = (
    "a red fox in fresh snow, early light", "a lighthouse in a storm, oil painting", "an owl reading by candlelight",
    "a paper city at dusk, isometric", "waves at a harbour wall, slow", "a quiet library with a glass roof",
    "three bicycles against a yellow wall", "a map of an island that does not exist",
)  # fmt: skip
FAILURES = ("blocked", "timeout", "upstream_overloaded", "throttled")
PEOPLE = ("anna", "bert", "carla", "dmitri", "emre")
HOURS = 24
TASKS_AN_HOUR = 12


def set_the_scene(now: datetime) -> None:
    """Accounts in several states, users, a day of tasks, one chat."""
    Account.objects.filter(name="sandbox").update(is_enabled=False)
    dice = random.Random(7)
    accounts = [add_account(name, state, reason, now) for name, state, reason in ACCOUNTS]
    resting = accounts[1].capabilities.get(capability=Capability.IMAGE)
    resting.cool_down(now + timedelta(minutes=40), "throttled: Bing asked to slow down.", now)
    WhitelistedUser.objects.bulk_create(
        WhitelistedUser(user_id=f"{name}@example.org", name=name.capitalize(), daily_images=50) for name in PEOPLE
    )
    count = HOURS * TASKS_AN_HOUR
    Task.objects.bulk_create(make_task(number, now, dice, accounts) for number in range(1, count))
    Task.objects.bulk_create(make_waiting(number, now) for number in range(3))
    add_chat(accounts[0], now)


def add_account(name: str, state: AccountState, reason: str, now: datetime) -> Account:
    """An account as it stands after some days."""
    account = Account.objects.create(name=name)
    tail = uuid.uuid5(uuid.NAMESPACE_DNS, name).hex[:4]
    account.rotate({"_U": f"{name}-cookie-that-is-none-{tail}"}, now - timedelta(days=3))
    account.mark(state, reason, now - timedelta(minutes=25))
    account.capabilities.update(last_success_at=now - timedelta(minutes=30))
    return account


def make_task(number: int, now: datetime, dice: random.Random, accounts: list[Account]) -> Task:
    """One of the day's tasks; most went well."""
    created = now - timedelta(seconds=number * HOURS * 3600 / (HOURS * TASKS_AN_HOUR) + dice.random() * 200)
    seconds = 6 + dice.expovariate(1 / 9)
    has_failed = dice.random() < 0.08
    is_video = dice.random() < 0.15
    return Task(
        id=uuid.UUID(int=dice.getrandbits(128), version=4),
        kind=Kind.VIDEO if is_video else Kind.IMAGE,
        prompt=PROMPTS[number % len(PROMPTS)],
        caller_id=f"user:{PEOPLE[min(int(dice.expovariate(0.8)), len(PEOPLE) - 1)]}@example.org",
        route="video" if is_video else "image",
        account=accounts[number % 2 * 4],
        lane="fast",
        state=State.FAILED if has_failed else State.COMPLETED,
        error_code=FAILURES[number % len(FAILURES)] if has_failed else "",
        error_message="It did not work out." if has_failed else "",
        request_id=f"1-{number:032x}",
        created_at=created,
        submit_at=created,
        accepted_at=created + timedelta(seconds=1.3),
        finished_at=created + timedelta(seconds=seconds * (6 if is_video else 1)),
        next_at=created,
        deadline_at=created + timedelta(hours=1),
    )


def make_waiting(number: int, now: datetime) -> Task:
    """A task in the queue, of another world than the running worker's: it is due tomorrow."""
    created = now - timedelta(seconds=20 + 35 * number)
    return Task(
        prompt=PROMPTS[number], caller_id=f"user:{PEOPLE[number]}@example.org", route="image", created_at=created,
        next_at=now + timedelta(days=1), deadline_at=now + timedelta(days=2),
    )  # fmt: skip


def add_chat(account: Account, now: datetime) -> None:
    """A conversation with sources, and one turn that was cut."""
    began = now - timedelta(minutes=4)
    chat = Conversation.objects.create(
        caller_id="user:anna@example.org", user_id="anna@example.org", origin=Origin.COMPLETION, model="balanced",
        account=account, turn_count=2, created_at=began, used_at=now, opened_at=began, upstream_turn_count=2,
    )  # fmt: skip
    sources = [
        {"title": "Tide", "url": "https://en.wikipedia.org/wiki/Tide"},
        {"title": "What causes tides?", "url": "https://oceanservice.noaa.gov/education/tutorial_tides/"},
    ]
    said = (
        (
            "Why are there two tides a day?",
            "The Moon pulls the water on its near side more than the Earth itself, and the Earth more than the water "
            "on the far side. So the sea bulges on both sides, and as the Earth turns, every coast passes both bulges "
            "in about 24 hours and 50 minutes.",
            sources,
        ),
        (
            "And in the Mediterranean?",
            "There the tides are small, mostly less than half a metre: the basin is nearly closed, so little water can "
            "flow in and out in the time.",
            sources[:1],
        ),
    )
    for index, (prompt, answer, links) in enumerate(said):
        at = began + timedelta(minutes=2 * index)
        Turn.objects.create(
            conversation=chat, index=index, state=TurnState.FINISHED, account=account, prompt=prompt, answer=answer,
            sources=links, suggestions=["What is a spring tide?"], started_at=at,
            first_text_at=at + timedelta(seconds=1.2), finished_at=at + timedelta(seconds=6.8),
        )  # fmt: skip


if __name__ == "__main__":
    set_the_scene(timezone.now())
