"""The index of words: what is a term, what finds it, and that triggers keep it right in both databases."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from bingproject.database import word_search
from bingproject.database.word_search import Term, has_fts5, read_terms, repair_indexes
from creator.models import Task
from creator.services.search import TASK_WORDS
from tests.factories import make_task

on_sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite's triggers can go missing")


def found(text: str) -> set[str]:
    """The prompts that a search finds."""
    return set(Task.objects.filter(TASK_WORDS.matching(read_terms(text))).values_list("prompt", flat=True))


def count(sql: str) -> int:
    """One number from the database."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("fox", [Term(("fox",))]),
        ("red  fox", [Term(("red",)), Term(("fox",))]),
        ('"red fox" snow', [Term(("red", "fox"), is_prefix=False), Term(("snow",))]),
        ('"red foxes', [Term(("red", "foxes"))]),
        ("a of лис", [Term(("a",), is_prefix=False), Term(("of",), is_prefix=False), Term(("лис",))]),
        ("red-blue", [Term(("red", "blue"))]),
        ("fox's", [Term(("fox", "s"), is_prefix=False)]),
        ("'); DROP --", [Term(("DROP",))]),
        ('100% * " - :', [Term(("100",))]),
        ("लोमड़ी", [Term(("लोमड़ी",))]),
        ("!?", []),
    ],
)
def test_terms(text: str, terms: list[Term]) -> None:
    """Words by blanks and punctuation, quotes keep them together, marks belong to their letters."""
    assert read_terms(text) == terms


def test_terms_are_bounded() -> None:
    """A whole page pasted into the field is a short question to the database."""
    assert len(read_terms("word " * 500)) == word_search.MOST_TERMS


@pytest.mark.django_db
def test_a_search_longer_than_a_database_takes() -> None:
    """Its beginning counts: an error of the database would be told as an outage."""
    row = make_task(prompt="漢" * 3000)
    rows = Task.objects.all()
    for text in ("漢" * 20_000, f"{'漢' * 1999} {'a' * 60_000}漢"):
        assert list(rows.filter(TASK_WORDS.matching(read_terms(text)))) == [row]


@pytest.mark.django_db
def test_any_word_finds_the_prompt() -> None:
    """Anywhere in it, in any order, large or small letters, by its beginning; several words are all asked for."""
    fox, light = "A red fox in fresh snow, red/blue", "A lighthouse on a cliff (-5 degrees)"
    for prompt in (fox, light):
        make_task(prompt=prompt)
    for text in ("fox", "FOX", "snow", "sno", "snow fox", "blue", '"red fox"', "red-blue"):
        assert found(text) == {fox}, text
    for text in ("lighthouse", "lightho", "cliff", "5", "degrees"):
        assert found(text) == {light}, text
    assert found("a") == {fox, light}
    for text in ("ox", "fox lighthouse", '"fox red"', '"red fo"', "house"):
        assert found(text) == set(), text


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("рыжая лиса на снегу", ["лиса", "лис", "снегу"]),
        ("Ein Fuchs über dem Nebel", ["über", "nebel"]),
        ("बर्फ में लोमड़ी", ["लोमड़ी", "लोम"]),
        ("雪地里的红狐狸", ["红狐狸", "狐", "雪地"]),
        ("雪の中の赤いキツネ", ["キツネ", "赤い"]),
        ("ثعلب أحمر في الثلج", ["أحمر", "الثلج"]),
        ("จิ้งจอกแดงในหิมะ", ["หิมะ"]),
        ("100% wool_coat", ["100", "coat", "100%"]),
    ],
)
def test_words_of_any_script(prompt: str, words: list[str]) -> None:
    """Scripts without blanks between words, too."""
    make_task(prompt=prompt)
    make_task(prompt="something else")
    for word in words:
        assert found(word) == {prompt}, word


@pytest.mark.django_db
def test_the_index_follows_the_rows() -> None:
    """Inserted one by one or many at once, changed, deleted: no entry is left behind, none is missing."""
    fox = make_task(prompt="fox")
    Task.objects.bulk_create(Task(prompt=f"bear {n}", **_times()) for n in range(3))
    assert found("bear") == {"bear 0", "bear 1", "bear 2"}
    fox.prompt = "wolf"
    fox.save()
    assert (found("fox"), found("wolf")) == (set(), {"wolf"})
    fox.state = "failed"
    fox.save()
    assert found("wolf") == {"wolf"}
    Task.objects.filter(prompt__startswith="bear").delete()
    assert found("bear") == set() and found("wolf") == {"wolf"}
    assert count("SELECT count(*) FROM creator_taskwords") == 1
    make_task(prompt="")
    assert count("SELECT count(*) FROM creator_taskwords") == 1
    with transaction.atomic():
        make_task(prompt="hare")
        transaction.set_rollback(True)
    assert found("hare") == set()


def _times() -> dict[str, Any]:
    now = timezone.now()
    return {"caller_id": "open", "next_at": now, "deadline_at": now, "created_at": now}


@pytest.mark.django_db
def test_many_are_found_like_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a subquery instead of their ids, and together with another condition."""
    for number in range(5):
        make_task(prompt=f"bear {number}")
    make_task(prompt="a fox")
    monkeypatch.setattr(word_search, "MANY", 3)
    assert found("bear") == {f"bear {number}" for number in range(5)}
    assert found("bear 4") == {"bear 4"} and found("fox") == {"a fox"} and found("wolf") == set()


@pytest.mark.django_db
def test_a_very_long_text_is_taken() -> None:
    """Beyond what an index takes in: the row is written, and found by its beginning."""
    text = "beginning " + " ".join(f"w{n}" for n in range(300_000))
    task = make_task(prompt=text)
    assert Task.objects.filter(TASK_WORDS.matching(read_terms("beginning"))).get() == task
    task.delete()
    assert count("SELECT count(*) FROM creator_taskwords") == 0


@on_sqlite
@pytest.mark.django_db
def test_missing_triggers_are_made_again() -> None:
    """As after a migration that rebuilt the table: what was written meanwhile is in the index afterwards."""
    make_task(prompt="before")
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER creator_taskwords_insert")
    make_task(prompt="meanwhile")
    assert found("meanwhile") == set()
    repair_indexes(using="default")
    make_task(prompt="afterwards")
    assert [found(text) for text in ("before", "meanwhile", "afterwards")] == [
        {"before"},
        {"meanwhile"},
        {"afterwards"},
    ]


@on_sqlite
@pytest.mark.django_db
def test_without_fts5_a_search_reads_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """A build of SQLite that lacks the module: the triggers go, inserts work, each word is a part of the prompt."""
    make_task(prompt="A red fox")
    monkeypatch.setattr(word_search, "has_fts5", lambda: False)
    repair_indexes(using="default")
    assert count("SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'creator_taskwords%'") == 0
    make_task(prompt="A blue fox")
    assert found("fox") == {"A red fox", "A blue fox"} and found("fox red") == {"A red fox"}
    monkeypatch.undo()
    repair_indexes(using="default")
    assert found("fox") == {"A red fox", "A blue fox"}


def test_this_python_can_index_words() -> None:
    """Else the tests above would prove little."""
    assert has_fts5()


@pytest.mark.django_db(transaction=True)
def test_an_index_takes_in_what_is_there_and_goes_back() -> None:
    """Dropped, nothing of it is left; made, also a second time after an interruption, old rows are found."""
    with connection.schema_editor() as editor:
        TASK_WORDS.drop(None, editor)
    assert "creator_taskwords" not in connection.introspection.table_names()
    Task.objects.create(prompt="an old fox", **_times())
    for _ in range(2):
        with connection.schema_editor() as editor:
            TASK_WORDS.create(None, editor)
        assert found("fox") == {"an old fox"}
    assert count("SELECT count(*) FROM creator_taskwords") == 1


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no other way than its index")
@pytest.mark.django_db
def test_a_word_is_looked_up_in_the_index() -> None:
    """Among many rows the plan names it."""
    Task.objects.bulk_create(Task(prompt=f"bear {n}", **_times()) for n in range(2000))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE creator_taskwords")
        sql, query = TASK_WORDS.statement(read_terms("fox"))
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {sql} LIMIT 10", [query])
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "creator_taskwords_words" in plan
