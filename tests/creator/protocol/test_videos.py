"""Polls for videos: pending, the three forms of a finished one, failures, and thumbnails that are none."""

import pytest

from bingproject.errors import (
    AccountThrottledError,
    PromptRejectedError,
    ServiceError,
    UnexpectedResponseError,
    UpstreamUnavailableError,
)
from creator.protocol.pages import HomePage, Pending
from creator.protocol.requests import VideoCard
from creator.protocol.videos import Video, parse_video_detail, parse_video_result
from tests.samples.bing import DIRECTORY, read_sample

MEDIA = "https://th.bing.com"
VIDEO = Video("https://th.bing.com/th/id/OIG4.vid1?pid=videocreator")


def _parse(text: str, status: int = 200) -> Pending | Video | VideoCard | HomePage:
    return parse_video_result(status, {}, text, media_url=MEDIA)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        read_sample("pending.json"),
        read_sample("pending_still.json"),
        '{"errorMessage":"","showContent":""}',
        '{"errorMessage":"Pending","showContent":"<div></div>"}',
        "<div>Rendering</div>",
        '<a href="https://[bad">x</a><a href="/images/search?view=detailv2&datatype=image&id=1">x</a>',
        '<a href="/images/search?view=detailv2&datatype=video">x</a>',
    ],
)
def test_pending_in_every_form(text: str) -> None:
    """Nothing, JSON and fragments without a known marker are not ready yet."""
    assert _parse(text) == Pending()


@pytest.mark.parametrize(
    "sample", ["video_address.json", "video_fragment.json", "video_ourl.html", "video_detail.json"]
)
def test_finished_with_an_address(sample: str) -> None:
    """An address, a fragment in JSON, a page with ourl and the detail itself are the same video, decoded."""
    assert _parse(read_sample(sample)) == VIDEO


def test_thumbnails_of_videos_are_refused() -> None:
    """A page that has only the still in front of a video has no video yet."""
    html = read_sample("video_ourl.html").partition("\n")[0]
    assert "videocreator" in html
    assert _parse(html) == Pending()


def test_finished_as_a_card() -> None:
    """A card names the picture id under which the detail is asked for, and its keys when it has them."""
    assert _parse(read_sample("video_card.html")) == VideoCard("31ad396e7705b83417cf")
    keyed = read_sample("video_card.html").replace("&amp;thId", "&amp;skey=k&amp;safeSearch=Strict&amp;thId")
    assert _parse(keyed) == VideoCard("31ad396e7705b83417cf", skey="k", safe_search="Strict")


@pytest.mark.parametrize(
    "content", ["true", "1", '{"url":"x"}', '["https://th.bing.com/th/id/OIG4.v?pid=videocreator"]']
)
def test_show_content_that_is_not_a_string_is_no_video(content: str) -> None:
    """A flag or a structure in the place of the address is not handed on as one."""
    with pytest.raises(UnexpectedResponseError):
        _parse(f'{{"errorMessage":"","showContent":{content}}}')


@pytest.mark.parametrize("text", ["{}", '{"value":[]}', '{"value":5}', '{"errorMessage":"Pend'])
def test_unknown_json_is_unexpected(text: str) -> None:
    """JSON that neither waits nor names a video is a fault."""
    with pytest.raises(UnexpectedResponseError):
        _parse(text)


@pytest.mark.parametrize(
    "words",
    [
        "Something went wrong",
        "Try again later",
        "We couldn't create your video",
        "We couldn\u2019t create your video",
        "An error occurred",
        "Unable to generate the video",
    ],
)
def test_failures_are_not_waited_on(words: str) -> None:
    """The recorded words of a failure end the wait, as a heading, as plain text and in JSON."""
    for text in (f"<h2>{words}</h2>", f"<div>{words}</div>", f'{{"errorMessage":"{words}"}}'):
        with pytest.raises(UnexpectedResponseError):
            _parse(text)
    with pytest.raises(UnexpectedResponseError):
        _parse(f'<div class="gil_err_mt" role="heading">Oh no: {words}</div>')


@pytest.mark.parametrize("words", ["Too many requests", "Rate limit reached", "Concurrent creations exceeded"])
def test_limits_throttle_the_account(words: str) -> None:
    """A named limit is the account's, not a fault of the page."""
    for text in (f"<h2>{words}</h2>", f'{{"errorMessage":"Sorry. {words}"}}'):
        with pytest.raises(AccountThrottledError) as throttled:
            _parse(text)
        assert throttled.value.code == "throttled"


def test_a_prompt_with_words_of_failure_is_no_failure() -> None:
    """Text that repeats the prompt does not end the wait."""
    assert _parse("<p>A race of concurrent runners where something went wrong</p>") == Pending()


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (read_sample("blocked_tag.html"), PromptRejectedError),
        ('<div class="girer_center block_icon"></div>', PromptRejectedError),
        ('<div dq-err="1"></div>', PromptRejectedError),
        (read_sample("unsafe.html"), PromptRejectedError),
        (read_sample("outage.html"), UpstreamUnavailableError),
        (read_sample("error.json"), UnexpectedResponseError),
        ("<!doctype html><p>Studio</p>", UnexpectedResponseError),
    ],
)
def test_refused_results(text: str, error: type[ServiceError]) -> None:
    """Refusals, outages, error texts and whole pages of no known kind are told apart."""
    with pytest.raises(error):
        _parse(text)


def test_home_page_on_poll() -> None:
    """A start page is no video and no waiting either; so is a redirect to it."""
    assert _parse(read_sample("home_gallery.html")) == HomePage()
    assert parse_video_result(302, {"location": "/images/create"}, "", media_url=MEDIA) == HomePage()
    with pytest.raises(UpstreamUnavailableError):
        _parse("", 500)


def test_detail_names_the_video() -> None:
    """The first entry with a video's address is the video."""
    assert parse_video_detail(200, {}, read_sample("video_detail.json"), media_url=MEDIA) == VIDEO
    mixed = '{"value":[5,{"contentUrl":7},{"contentUrl":"https://th.bing.com/th/id/OIG4.thm1?pid=ImgGn"},'
    mixed += '{"contentUrl":"https://th.bing.com/th/id/OIG4.vid1?pid=videocreator"}]}'
    assert parse_video_detail(200, {}, mixed, media_url=MEDIA) == VIDEO


@pytest.mark.parametrize(
    "text", ["", "<div></div>", '{"value":[]}', '{"value":[{"contentUrl":"https://evil.example/x"}]}']
)
def test_detail_without_a_video_may_pass(text: str) -> None:
    """Nothing there yet, or nothing of Bing's: asked for again, never handed on."""
    with pytest.raises(UnexpectedResponseError) as interrupted:
        parse_video_detail(200, {}, text, media_url=MEDIA)
    assert interrupted.value.code == "upstream_interrupted"


def test_detail_statuses() -> None:
    """A detail that is refused by status is not read."""
    with pytest.raises(UpstreamUnavailableError):
        parse_video_detail(503, {}, read_sample("video_detail.json"), media_url=MEDIA)
    with pytest.raises(UnexpectedResponseError):
        parse_video_detail(302, {"location": "/images/create"}, read_sample("video_detail.json"), media_url=MEDIA)


CUT = ["video_*", "home_gallery*", "pending*", "error*"]


@pytest.mark.parametrize("sample", sorted(path.name for pattern in CUT for path in DIRECTORY.glob(pattern)))
def test_bodies_cut_at_every_byte(sample: str) -> None:
    """However short a body is cut, it is never another video, and nothing but our errors is raised."""
    body = (DIRECTORY / sample).read_bytes()
    for end in range(len(body)):
        text = body[:end].decode("utf-8", "replace")
        try:
            found = _parse(text)
        except ServiceError:
            continue
        assert found in (VIDEO, HomePage(), Pending(), VideoCard("31ad396e7705b83417cf"))
