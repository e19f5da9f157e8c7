"""What a poll shows of one generation."""

from __future__ import annotations

import pytest

from bingproject.sandbox.core.state import IMAGE, VIDEO, SandboxGeneration
from bingproject.sandbox.images import results


def made(model: int = 0, kind: str = IMAGE, **course: float | None) -> SandboxGeneration:
    """A generation accepted at 100 and ready at 110."""
    names: dict[str, float | None] = {name.replace("_", "-"): number for name, number in course.items()}
    return SandboxGeneration(
        "1-a", "a cat", "alice", kind, model, 1, "fast", 4, "create", 100.0, 110.0, course=names, polls=1
    )


def test_pending_goes_through_all_recorded_forms() -> None:
    """One after the other, images and videos each their own."""
    image, video = made(), made(kind=VIDEO)
    bodies = []
    for poll in range(1, 6):
        image.polls = video.polls = poll
        bodies.append(results.render_pending(image, 101).body)
        assert results.render_pending(video, 101) in results.VIDEO_PENDING
    assert bodies[0] == bodies[4] == b""
    assert b"GenerativeImagesStatusPage" in bodies[3]


@pytest.mark.parametrize("name", list(results.PENDING))
def test_one_form_of_pending_can_be_asked_for(name: str) -> None:
    """It then stays, whatever the poll."""
    one = made()
    one.course, one.polls = {name: None}, 7
    assert results.render_pending(one, 101) is results.PENDING[name]


def test_streaming_models_show_a_preview_in_the_second_half() -> None:
    """GPT-4o and MAI do, DALL·E and videos do not, unless asked."""
    assert not results.shows_preview(made(1), 104)
    assert results.shows_preview(made(1), 106)
    assert results.shows_preview(made(4), 106)
    assert not results.shows_preview(made(0), 106)
    assert not results.shows_preview(made(1, VIDEO), 106)
    assert not results.shows_preview(made(1, never_ready=None), 106)
    assert results.shows_preview(made(0, preview_only=None), 101)
    assert b"imgri-inner-container strm" in results.render_pending(made(1), 106).body


def test_dalle_makes_four_pictures_on_varied_hosts() -> None:
    """A script stands beside them as bait; fewer and doubled ones can be asked for."""
    page = results.render_pictures(made())
    assert page.count("image-row-img bceimg mimg") == 4
    assert all(host in page for host in ('src="https://tse1.mm', 'src="https://th.bing.com', 'src="/th/id/'))
    assert 'src="https://r.bing.com/rp/app.br.js?v=1"' in page
    assert results.render_pictures(made(fewer_images=2)).count("bceimg") == 2
    assert results.render_pictures(made(duplicate_images=None)).count("bceimg") == 8


def test_the_other_models_make_one_with_a_caption() -> None:
    """The rewritten prompt stands there with its entities."""
    page = results.render_pictures(made(1))
    assert page.count("image-row-img mimg") == 1
    assert 'data-selcap="a cat, in an artist&#39;s &quot;best&quot; light &amp; colour"' in page


def test_a_video_takes_a_form_by_its_prompt() -> None:
    """The same prompt the same form, over some prompts all three."""
    forms = set()
    for number in range(20):
        one = made(kind=VIDEO)
        one.prompt = f"cat {number}"
        assert results.video_form(one) == results.video_form(one)
        forms.add(results.video_form(one))
    assert forms == set(results.VIDEO_FORMS)


def test_the_location_is_relative_and_complete() -> None:
    """Prompt, lane, model and id are in it."""
    location = results.result_location(made(), "/images/create", "&nfy=1")
    assert location == "/images/create?q=a+cat&rt=4&mdl=0&ar=1&FORM=GENCRE&id=1-a&nfy=1"
    bare = made()
    bare.rt = None
    assert "rt=" not in results.result_location(bare, "/images/create", "")
