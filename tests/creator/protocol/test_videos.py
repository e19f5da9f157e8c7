"""Polls for videos: pending, the three forms of a finished one, failures, and thumbnails."""

import pytest

from bingproject.errors import (
    AccountThrottledError,
    PromptRejectedError,
    ServiceError,
    UnexpectedResponseError,
    UpstreamUnavailableError,
)
from creator.protocol.pages import HomePage, NotReady
from creator.protocol.requests import VideoCard
from creator.protocol.videos import Video, parse_video_detail, parse_video_result
from tests.samples.bing import DIRECTORY, read_sample

MEDIA = "https://th.bing.com"
VIDEO = Video("https://th.bing.com/th/id/OIG4.vid1?pid=videocreator")


def _parse(text: str, status: int = 200) -> NotReady | Video | VideoCard | HomePage:
    return parse_video_result(status, {}, text, media_url=MEDIA)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        read_sample("pending.json"),
        read_sample("pending_still.json"),
        '{"errorMessage":"","showContent":""}',
        '{"errorMessage":"","showContent":" "}',
        '{"status":0,"records":[]}',
        '{"errorMessage":"Pending","showContent":"<div></div>"}',
        "<div>Rendering</div>",
        "0",
        '""',
        "[]",
        '{"errorMessage":"","showContent":[]}',
        '{"ERRORMESSAGE":"Pending"}',
        "Still pending",
        read_sample("pending_status_page.html"),
        '{"errorMessage":"","showContent":"","id":"1-abc"}',
        '<a href="https://[bad">x</a><a href="/images/search?view=detailv2&datatype=image&id=1">x</a>',
        '<a href="/images/search?view=detailv2&datatype=video">x</a>',
    ],
)
def test_pending_in_every_form(text: str) -> None:
    """An empty body, JSON and fragments without a known marker are not ready."""
    assert _parse(text) == NotReady()


@pytest.mark.parametrize(
    "sample", ["video_address.json", "video_fragment.json", "video_ourl.html", "video_detail.json"]
)
def test_finished_with_an_address(sample: str) -> None:
    """A URL, a fragment in JSON, a page with ourl and the detail itself give the same decoded video."""
    assert _parse(read_sample(sample)) == VIDEO


BARE = "https://th.bing.com/th/id/OVG1.0123456789abcdef.mp4"


@pytest.mark.parametrize(
    "text",
    [
        f'{{"errorMessage": "", "showContent": "{BARE}"}}',
        '{"errorMessage": "", "showContent": "http://th.bing.com/th/id/OVG1.0123456789abcdef.mp4"}',
        '{"errorMessage": "", "showContent": "/th/id/OVG1.0123456789abcdef.mp4"}',
        f'{{"showContent": " {BARE} "}}',
        f'{{"errorMessage":"","showContent":"<div><video src=\\"{BARE}\\" ourl=\\"{BARE}\\"></video></div>"}}',
        f'{{"errorMessage":"","showContent":"<video><source src=\\"{BARE}\\"></video>"}}',
        f'<div ourl="{BARE}"></div>',
        f'<!doctype html><html><body><div ourl="{BARE}"></div></body></html>',
        BARE,
        f" {BARE}\n",
        "/th/id/OVG1.0123456789abcdef.mp4",
        f'"{BARE}"',
        f'["{BARE}"]',
        f'\ufeff ["https://th.bing.com/th/id/OVG1.still?w=1&h=1", "{BARE}"]',
        f'{{"errorMessage":"","showContent":["{BARE}"]}}',
        f'{{"ErrorMessage":"","ShowContent":"{BARE}"}}',
        f'{{"SHOWCONTENT":"no","showContent":"{BARE}","showcontent":"no"}}',
        f'{{"Value":[{{"ContentURL":"{BARE}"}}]}}',
        f'{{"status":2,"records":[{{"mediaItems":[{{"src":"{BARE}","thid":"x"}}]}}]}}',
        f'{{"errorMessage":"","records":[7,{{"mediaItems":5}},{{"mediaItems":[5,{{"src":5}},{{"src":"{BARE}"}}]}}]}}',
    ],
)
def test_finished_with_an_address_without_pid(text: str) -> None:
    """Reported 2026-11-30: a URL on a media host in a field of the video's is the video, in every form."""
    assert _parse(text) == Video(BARE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"errorMessage":"","showContent":"<section class=\\"a\\"></section>"}', "showContent: HTML section.a of 1"),
        ('{"errorMessage":"","showContent":"soon"}', "showContent: text 'soon'"),
        (
            '{"errorMessage":"","showContent":"https://x.example/v?q=words"}',
            "showContent: address https://x.example/v ['q']",
        ),
        ('{"records":[]}', "records: object {records: list}"),
        ("soon", "body: text 'soon'"),
        (f"see {BARE}", "body: text"),
        ("https://www.bing.com/th?id=OVG1.a&pid=videocreator", "body: address https://www.bing.com/th ['id', 'pid']"),
        ('["soon", 1]', "body: text"),
        ('"soon"', "body: text 'soon'"),
        ('["soon', "body: text"),
        (f'<div data-video="{BARE}"></div>', "body: HTML div[data-video] of 1"),
        ('<video poster="/x"></video>', "body: HTML video[poster] of 1"),
        (f'{{"errorMessage":"","content":"{BARE}"}}', "JSON: object {errorMessage: str, content: str}"),
        (r'{"errorMessage":"","content":"\/th\/id\/OVG1.a"}', "JSON: object"),
    ],
)
def test_content_of_no_known_form_is_not_pending(text: str, expected: str) -> None:
    """It has an outline, so that a finished video in a new form does not wait for the deadline."""
    found = _parse(text)
    assert isinstance(found, NotReady)
    assert found.unknown.startswith(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [('{"status":2,"records":[]}', "status 2"), ('{"status":3,"errorType":9,"records":[]}', "errorType 9")],
)
def test_failures_of_the_newer_endpoint_have_their_number(text: str, expected: str) -> None:
    """Only one number is known to refuse a prompt; any other is a fault, with the number for the log."""
    with pytest.raises(UnexpectedResponseError) as unexpected:
        _parse(text)
    assert expected in unexpected.value.detail
    assert _parse('{"status":1,"records":[{"mediaItems":[{"src":"/th/id/OIG1.a"}]}]}') == NotReady()


def test_a_card_is_known_by_the_type_of_its_data() -> None:
    """The name of the view may change."""
    assert _parse('<a href="/images/detail?view=newer&dataType=video&amp;datatype=Video&id=abc">x</a>') == VideoCard(
        "abc"
    )


def test_thumbnails_of_videos_are_refused() -> None:
    """A page with only the still of a video has no video yet."""
    html = read_sample("video_ourl.html").partition("\n")[0]
    assert "videocreator" in html
    assert _parse(html) == NotReady()


def test_finished_as_a_card() -> None:
    """A card names the picture id for the detail, and its keys if it has any."""
    assert _parse(read_sample("video_card.html")) == VideoCard("31ad396e7705b83417cf")
    keyed = read_sample("video_card.html").replace("&amp;thId", "&amp;skey=k&amp;safeSearch=Strict&amp;thId")
    assert _parse(keyed) == VideoCard("31ad396e7705b83417cf", skey="k", safe_search="Strict")


@pytest.mark.parametrize(
    "content", ["true", "1", '{"url":"x"}', '[5, "https://th.bing.com/th/id/OIG4.v?pid=videocreator"]']
)
def test_show_content_that_is_not_a_string_is_no_video(content: str) -> None:
    """A flag or a structure is not returned as a URL."""
    with pytest.raises(UnexpectedResponseError):
        _parse(f'{{"errorMessage":"","showContent":{content}}}')


@pytest.mark.parametrize("text", ["{}", '{"value":[]}', '{"value":5}', '{"errorMessage":"Pend'])
def test_unknown_json_is_unexpected(text: str) -> None:
    """JSON that is neither pending nor names a video is a fault."""
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
def test_failures_are_not_pending(words: str) -> None:
    """The recorded texts of a failure count as a heading, as plain text and in JSON."""
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
    """A text that repeats the prompt is still pending."""
    assert _parse("<p>A race of concurrent runners where something went wrong</p>") == NotReady()


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
    """Refusals, outages, error texts and whole pages of no known kind are different errors."""
    with pytest.raises(error):
        _parse(text)


def test_home_page_on_poll() -> None:
    """A start page is neither a video nor pending; nor is a redirect to it."""
    assert _parse(read_sample("home_gallery.html")) == HomePage()
    assert parse_video_result(302, {"location": "/images/create"}, "", media_url=MEDIA) == HomePage()
    with pytest.raises(UpstreamUnavailableError):
        _parse("", 500)


def test_detail_names_the_video() -> None:
    """The first entry with a video's URL is the video."""
    assert parse_video_detail(200, {}, read_sample("video_detail.json"), media_url=MEDIA) == VIDEO
    mixed = '{"value":[5,{"contentUrl":7},{"contentUrl":"https://th.bing.com/th/id/OIG4.thm1?pid=ImgGn"},'
    mixed += '{"contentUrl":"https://th.bing.com/th/id/OIG4.vid1?pid=videocreator"}]}'
    assert parse_video_detail(200, {}, mixed, media_url=MEDIA) == VIDEO


@pytest.mark.parametrize(
    "text", ["", "<div></div>", '{"value":[]}', '{"value":[{"contentUrl":"https://evil.example/x"}]}']
)
def test_detail_without_a_video_may_pass(text: str) -> None:
    """Nothing yet, or nothing of Bing's: it is fetched again."""
    with pytest.raises(UnexpectedResponseError) as interrupted:
        parse_video_detail(200, {}, text, media_url=MEDIA)
    assert interrupted.value.code == "upstream_interrupted"


def test_detail_statuses() -> None:
    """A detail with an error status is not parsed."""
    with pytest.raises(UpstreamUnavailableError):
        parse_video_detail(503, {}, read_sample("video_detail.json"), media_url=MEDIA)
    with pytest.raises(UnexpectedResponseError):
        parse_video_detail(302, {"location": "/images/create"}, read_sample("video_detail.json"), media_url=MEDIA)


CUT = ["video_*", "home_gallery*", "pending*", "error*"]


@pytest.mark.parametrize("sample", sorted(path.name for pattern in CUT for path in DIRECTORY.glob(pattern)))
def test_bodies_cut_at_every_byte(sample: str) -> None:
    """A truncated body never gives another video, and raises only our errors."""
    body = (DIRECTORY / sample).read_bytes()
    for end in range(len(body)):
        text = body[:end].decode("utf-8", "replace")
        try:
            found = _parse(text)
        except ServiceError:
            continue
        assert found in (VIDEO, HomePage(), NotReady(), VideoCard("31ad396e7705b83417cf"))
