"""The admin's first page: cards of the apps, for those who may see them, kept for some seconds."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.module_loading import import_string
from pytest_django import Settings

from bingproject.database.statistics import Course
from bingproject.operators.dashboard import Card, course_card, machine_cards, read_cards
from tests.factories import make_account, make_machine

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    """Each test's cards are its own."""
    cache.clear()


def odd_cards(now: datetime) -> list[Card]:
    """What an app of this test offers."""
    return [
        Card("Odd <things>", "auth.view_group", rows=[("a cell",)], headers=("column",)),
        Card("Other", "auth.view_user"),
    ]


def page(client: Client) -> str:
    """The first page."""
    answer = client.get(reverse("admin:index"))
    assert answer.status_code == 200
    return answer.content.decode()


def test_each_app_has_its_cards(client: Client) -> None:
    """An operator sees all of them, also where nothing has happened yet."""
    make_account()
    client.force_login(User.objects.create_superuser("admin"))
    text = page(client)
    titles = (
        "Accounts that need you", "Queue", "Machines", "Pictures", "Videos", "Chat",
        "Latest failed pictures and videos", "Latest failed chat turns",
        "Most pictures and videos today", "Most chat turns today",
    )  # fmt: skip
    assert [card.title for card in read_cards()] and all(title in text for title in titles)
    assert "start a worker" in text and "Nothing has failed." in text


def test_cards_are_for_those_who_may_see_what_they_tell_of(client: Client, settings: Settings) -> None:
    """A viewer sees those of their permissions; texts are escaped."""
    settings.DASHBOARD_CARDS = ["tests.bingproject.operators.test_dashboard.odd_cards"]
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(content_type__app_label="auth", codename="view_group"))
    client.force_login(viewer)
    text = page(client)
    assert "Odd &lt;things&gt;" in text and "a cell" in text and "Other" not in text


def test_without_an_account_the_first_step_stands_there(client: Client) -> None:
    """A button for who may add one, the way to a cookie for all; not that all is well."""
    client.force_login(User.objects.create_superuser("admin"))
    text = page(client)
    assert "There is no account yet" in text and "all are well" not in text
    assert reverse("admin:accounts_account_add") in text and reverse("admin:accounts_account_how_to") in text
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(content_type__app_label="accounts", codename="view_account"))
    client.force_login(viewer)
    text = page(client)
    assert "There is no account yet" in text and "Add an account" not in text
    assert client.get(reverse("admin:accounts_account_how_to")).status_code == 200
    cache.clear()
    make_account(is_enabled=False)
    assert "None is switched on" in page(client)


def test_cards_are_kept_for_some_seconds() -> None:
    """The second reader asks the cache alone; what accounts need is found again after two seconds at most."""
    first = read_cards()
    with CaptureQueriesContext(connection) as queries:
        assert read_cards() == first
    assert not [query for query in queries if "creator_task" in query["sql"]]
    assert import_string("accounts.admin.cards.attention_cards").kept_seconds == 2
    make_account()
    assert read_cards() == first
    cache.clear()
    assert read_cards() != first


def test_a_course_is_told_in_words_and_charts() -> None:
    """Share, counts and times of hour and day; 24 hours as the theme's script reads them; no chart of nothing."""
    course = Course()
    course.put(0, "made", 9, 12.34, 60.0)
    course.put(0, "failed", 1, 0.0, 0.0)
    assert list(course_card("Pictures", "x.y", course, NOW).charts) == [], "one hour makes no chart"
    course.put(9, "made", 5, 8.0, 9.0)
    course.put(-1, "made", 30, 10.0, 50.0)
    course.put(-1, "failed", 20, 0.0, 0.0)
    course.put(-1, "refused", 2, 0.0, 0.0)
    card = course_card("Pictures", "x.y", course, NOW)
    hour, day = card.lines
    assert (hour.value, hour.note, hour.colour) == ("90%", "9 made, 1 failed, p50 12.3 s, p95 60.0 s", "warning")
    assert (day.value, day.colour) == ("60%", "danger") and "2 refused" in day.note
    counts, times = (json.loads(chart.value) for chart in card.charts)
    assert len(counts["labels"]) == len(counts["datasets"][0]["data"]) == 24
    assert [dataset["data"][-1] for dataset in counts["datasets"]] == [9, 1, 0]
    assert [dataset["data"][-2:] for dataset in times["datasets"]] == [[None, 12.3], [None, 60.0]]
    empty = course_card("Pictures", "x.y", Course(), NOW)
    assert (empty.lines[0].note, list(empty.charts)) == ("nothing ended", [])


def test_what_was_only_refused_has_no_share() -> None:
    """Nothing could have been made."""
    course = Course()
    course.put(0, "refused", 3, 0.0, 0.0)
    course.put(-1, "refused", 3, 0.0, 0.0)
    line = course_card("Pictures", "x.y", course, NOW).lines[0]
    assert (line.value, line.note, line.colour) == ("none", "3 refused", "")


def test_machines_say_when_they_were_heard_of() -> None:
    """Those that live are counted; those silent for a day are forgotten."""
    make_machine(machine_id="alive")
    make_machine(machine_id="silent", seen_at=NOW - timedelta(hours=1), problem="two of one id")
    make_machine(machine_id="gone", seen_at=NOW - timedelta(days=2))
    (card,) = machine_cards(timezone.now())
    assert card.lines[0].value == "1"
    assert [line.name for line in card.lines[1:]] == ["alive", "silent"]
    assert card.lines[2].note.endswith("ago: two of one id")
