"""Polls for pictures: every pending form, previews, results, and pages that only look like one."""

import pytest

from bingproject.errors import (
    CookieExpiredError,
    PromptRejectedError,
    ServiceError,
    UnexpectedResponseError,
    UpstreamUnavailableError,
)
from creator.protocol.images import Images, parse_results_page
from creator.protocol.pages import HomePage, NotReady
from tests.samples.bing import DIRECTORY, read_sample

MEDIA = "https://th.bing.com"
STYLE = '<style type="text/css">.i{}</style>'


def _parse(text: str, status: int = 200) -> NotReady | Images | HomePage:
    return parse_results_page(status, {}, text, media_url=MEDIA)


def _urls(*image_ids: str) -> tuple[str, ...]:
    return tuple(f"https://th.bing.com/th/id/{image_id}?pid=ImgGn" for image_id in image_ids)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        read_sample("pending.json"),
        read_sample("pending_still.json"),
        '{"errorMessage":"","showContent":""}',
        read_sample("pending_status_page.html"),
        "<div class='progress'>Drawing</div>",
        "0",
        "Pending",
        "[]",
        STYLE + '<div data-page="GenerativeImagesStatusPage"></div>',
    ],
)
def test_pending_in_every_form(text: str) -> None:
    """An empty body, JSON, the status page and a fragment without styles and pictures are not ready."""
    assert _parse(text) == NotReady(is_preview=False)


def test_preview_is_pending_for_mai1_too() -> None:
    """A streaming preview looks finished but is not; the parser does not know the model."""
    assert _parse(read_sample("preview.html")) == NotReady(is_preview=True)


def test_dalle_results_are_deduped_in_order_from_all_hosts() -> None:
    """Four pictures with four kinds of URL, one of them twice, one only on its link; the script beside them is none."""
    assert _parse(read_sample("dalle_ready.html")) == Images(
        _urls("OIG1.aaa1", "OIG1.bbb2", "OIG1.ccc3", "OIG1.ddd4"), 'a "fine" cat & dog'
    )


def test_bing_s_own_prompt_is_decoded() -> None:
    """The rewritten prompt comes before the picture's text, and its entities are decoded."""
    assert _parse(read_sample("gpt4o_ready.html")) == Images(_urls("OIG3.bbb1"), "A cat's portrait")


def test_media_host_is_configurable() -> None:
    """Results are URLs on the configured media host."""
    found = parse_results_page(200, {}, read_sample("gpt4o_ready.html"), media_url="http://127.0.0.1:1/")
    assert isinstance(found, Images) and found.urls == ("http://127.0.0.1:1/th/id/OIG3.bbb1?pid=ImgGn",)


@pytest.mark.parametrize(
    "html",
    [
        '<img class="mimg" src="/th/id/OIG2.x"/>',
        '<img class="gir_mmimg" src="/th/id/OIG2.x"/>',
        '<img class="image-row-img" alt=" " src="/th/id/OIG2.x"/><div data-selcap=" "></div>',
        '<div class="imgri-inner-container"><img src="/th/id/OIG2.x"/></div>',
        STYLE + '<img class="renamed" src="/th/id/OIG2.x"/>',
    ],
)
def test_every_known_class_and_the_id_itself(html: str) -> None:
    """Each recorded class marks a result; without any, the form of the id does. A missing prompt is ""."""
    assert _parse(html) == Images(_urls("OIG2.x"), "")


@pytest.mark.parametrize(
    "text",
    [
        '<img src="/th/id/OIG1.a"/><img src="/th/id/OIG1.b"/>',
        '<img src="/th/id/NEW.a"/><img src="/th/id/NEW.b"/>'.replace("NEW", "OIG1"),
        '<a href="https://th.bing.com/th/id/OIG1.a">1</a><img data-src="/th/id/OIG1.b">',
        "/th/id/OIG1.a\nhttps://th.bing.com/th/id/OIG1.b?w=1&h=1\n",
        '{"errorMessage":"","showContent":"/th/id/OIG1.a https://th.bing.com/th/id/OIG1.b"}',
        '{"errorMessage":"","showContent":"<img src=\\"/th/id/OIG1.a\\"/><img src=\\"/th/id/OIG1.b\\"/>"}',
        '["/th/id/OIG1.a", "/th/id/OIG1.b"]',
        '"/th/id/OIG1.a /th/id/OIG1.b"',
        '{"errorMessage":"","ShowContent":["/th/id/OIG1.a","/th/id/OIG1.b"]}',
        '{"Status":2,"Records":[{"MediaItems":[{"Src":"/th/id/OIG1.a"},{"ThId":"OIG1.b"},{"thid":"OVG1.c.mp4"}]}]}',
        '{"status":2,"records":[{"mediaItems":[{"src":"/th/id/OIG1.a?w=1"},{"thid":"OIG1.b"},{"thid":"no id!"}]}]}',
        '{"status":9,"records":[{"mediaItems":[{"thid":"OIG1.a"},{"thid":"OIG1.b"},{"thid":"OIG1.b"}]}]}',
    ],
)
def test_pictures_by_their_address_alone(text: str) -> None:
    """URLs /th/id/ without class, style or `pid`, in a fragment, in JSON and in records of the newer endpoint."""
    found = _parse(text)
    assert isinstance(found, Images)
    assert sorted(found.urls) == sorted(_urls("OIG1.a", "OIG1.b"))


def test_a_fragment_without_generated_ids_gives_its_pictures() -> None:
    """The prefix of ids may change: a picture from the media path in a poll's fragment is then the result."""
    assert _parse('<img src="/th/id/NEW.x"/>') == Images(_urls("NEW.x"), "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"errorMessage":"","showContent":"<section></section>"}', "showContent: HTML section of 1"),
        ('{"errorMessage":"","showContent":"/th/id/OIG1.a soon"}', "showContent: text"),
        ('{"records":[{"mediaItems":[]}]}', "records: object"),
        ("soon", "body: text 'soon'"),
        ("https://th.bing.com/th/id/OVG1.a.mp4", "body: address https://th.bing.com/th/id/OVG1.a.mp4"),
        ('<div style="background: url(/th/id/OIG1.a)"></div>', "body: HTML div of 1"),
        ('<a href="/th/id/OVG1.a.mp4">x</a>', "body: HTML a[href] of 1"),
        ('{"errorMessage":"","content":"/th/id/OIG1.a"}', "JSON: object {errorMessage: str, content: str}"),
    ],
)
def test_content_of_no_known_form_is_not_pending(text: str, expected: str) -> None:
    """It has an outline, by which an equal body is recognised."""
    found = _parse(text)
    assert isinstance(found, NotReady)
    assert found.unknown.startswith(expected)


@pytest.mark.parametrize("status", [0, 1])
def test_the_newer_endpoint_is_pending(status: int) -> None:
    """0: no picture yet; 1: some of the pictures, which are a preview."""
    text = f'{{"status":{status},"records":[{{"mediaItems":[{{"thid":"OIG1.a"}}]}}]}}'
    assert _parse(text) == NotReady(is_preview=True)


def test_the_newer_endpoint_refuses() -> None:
    """Status 3 with 16 is a withheld picture, with another number a fault; so is 2 without a picture."""
    with pytest.raises(PromptRejectedError) as kept_back:
        _parse('{"status":3,"errorType":16,"records":[]}')
    assert kept_back.value.code == "unsafe_output"
    for text in ('{"status":3,"errorType":1,"records":[]}', '{"status":2,"records":[]}'):
        with pytest.raises(UnexpectedResponseError):
            _parse(text)


def test_generated_pictures_go_before_decoration() -> None:
    """Beside generated ids other media are left out; without any, marked media are the result."""
    decoration = '<img class="mimg" src="/th/id/AVATAR.1"/>'
    assert _parse(decoration + '<img class="mimg" src="/th/id/OIG.x"/>') == Images(_urls("OIG.x"), "")
    assert _parse(decoration) == Images(_urls("AVATAR.1"), "")


@pytest.mark.parametrize(
    "html",
    [
        STYLE + '<img class="mimg" src="https://r.bing.com/rp/x.js?v=1"/>',
        STYLE + '<script src="https://r.bing.com/rp/x.js?v=1"></script>',
        STYLE + '<img class="mimg" src="https://evil.example/th/id/OIG1.x?pid=ImgGn"/>',
        STYLE + '<a m="not json"><img class="mimg" src="data:x"/></a>',
        STYLE + "<a m='{\"CustomData\":\"5\"}'><img class='mimg'/></a>",
        STYLE + "<a m='{\"CustomData\":7}'><img class='mimg'/></a>",
        STYLE + "<div><img class='mimg' src='data:x'/></div>",
        STYLE + '<div id="gir_async"></div>',
        '<img src="/rp/LOGO.x"/>',
        "<!doctype html><p>Studio</p>",
    ],
)
def test_a_script_url_is_no_image_and_a_page_without_results_is_drift(html: str) -> None:
    """A finished page without any media of Bing's is unexpected, and never gives a foreign URL."""
    with pytest.raises(UnexpectedResponseError) as unexpected:
        _parse(html)
    assert unexpected.value.code == "upstream_protocol_error"


@pytest.mark.parametrize("sample", ["home_signed_in.html", "home_gallery.html", "home_anonymous.html"])
def test_home_page_on_poll_is_not_a_result(sample: str) -> None:
    """A start page with styles and a gallery, sent after the session was lost."""
    assert _parse(read_sample(sample)) == HomePage()
    assert _parse(read_sample(sample).replace('class="gal"', 'class="mimg"')) == HomePage()


@pytest.mark.parametrize(
    ("sample", "error", "code"),
    [
        ("blocked_icon.html", PromptRejectedError, "blocked"),
        ("blocked_tag.html", PromptRejectedError, "blocked"),
        ("blocked_text.html", PromptRejectedError, "blocked"),
        ("unsafe.html", PromptRejectedError, "unsafe_output"),
        ("unsafe_picture.html", PromptRejectedError, "unsafe_output"),
        ("overload_picture.html", UpstreamUnavailableError, "upstream_overloaded"),
        ("outage.html", UpstreamUnavailableError, "upstream_overloaded"),
        ("error.json", UnexpectedResponseError, "upstream_protocol_error"),
    ],
)
def test_refused_results(sample: str, error: type[ServiceError], code: str) -> None:
    """Refusals of a poll mean the same as at the submit; an error text of Bing's is not pending."""
    with pytest.raises(error) as refused:
        _parse(read_sample(sample))
    assert refused.value.code == code


def test_bing_s_error_text_is_for_the_log_only() -> None:
    """The caller gets our message; Bing's text is in the detail."""
    with pytest.raises(UnexpectedResponseError) as failed:
        _parse(read_sample("error.json"))
    assert "Request failed" in failed.value.detail and "Request failed" not in failed.value.message


@pytest.mark.parametrize("text", ["{}", '{"errorMessage":"","showContent":true}', '{"err'])
def test_unknown_json_is_unexpected(text: str) -> None:
    """JSON without a known error text is not pending forever."""
    with pytest.raises(UnexpectedResponseError):
        _parse(text)


def test_a_status_page_with_a_refusal_is_a_refusal() -> None:
    """The pending page's name does not hide a marker beside it."""
    with pytest.raises(PromptRejectedError):
        _parse(read_sample("pending_status_page.html") + '<div class="girer_center block_icon"></div>')


def test_a_block_on_a_fragment() -> None:
    """Row c on a bare fragment is a block; beside results its meaning is unknown, and the results win."""
    with pytest.raises(PromptRejectedError):
        _parse('<div dq-err="1"></div>')
    assert _parse('<div dq-err=""></div><img class="mimg" src="/th/id/OIG1.x"/>') == Images(_urls("OIG1.x"), "")


def test_a_withheld_picture_beside_results_loses_nothing() -> None:
    """One of four pictures may be withheld; the others are delivered."""
    withheld = '<img class="mimg" src="/rp/in-2zU3AJUdkgFe7ZKv19yPBHVs.png"/>'
    assert _parse(withheld + '<img class="mimg" src="/th/id/OIG1.x"/>') == Images(_urls("OIG1.x"), "")


def test_a_withheld_preview_is_a_refusal() -> None:
    """A withdrawn preview does not stay pending."""
    with pytest.raises(PromptRejectedError):
        _parse(read_sample("preview.html") + '<div id="girer">Unsafe image content detected</div>')


def test_statuses() -> None:
    """A server error, a sign-in and an unknown status are different errors."""
    with pytest.raises(UpstreamUnavailableError):
        _parse("", 502)
    with pytest.raises(CookieExpiredError):
        parse_results_page(302, {"location": "https://login.live.com/"}, "", media_url=MEDIA)
    assert parse_results_page(302, {"location": "/images/create"}, "", media_url=MEDIA) == HomePage()
    with pytest.raises(UnexpectedResponseError):
        _parse(read_sample("gpt4o_ready.html"), 404)


CUT = ["home_*", "result_*", "*_ready*", "preview*", "unsafe*", "pending*", "blocked_icon*"]


@pytest.mark.parametrize("sample", sorted(path.name for pattern in CUT for path in DIRECTORY.glob(pattern)))
def test_pages_cut_at_every_byte(sample: str) -> None:
    """A truncated page is pending, a start page, one of our errors, or has pictures of the whole page."""
    body = (DIRECTORY / sample).read_bytes()
    whole = set(_urls("OIG1.aaa1", "OIG1.bbb2", "OIG1.ccc3", "OIG1.ddd4", "OIG3.bbb1", "OIG4.thm1"))
    for end in range(len(body)):
        try:
            found = _parse(body[:end].decode("utf-8", "replace"))
        except ServiceError:
            continue
        assert found == HomePage() or isinstance(found, NotReady | Images)
        assert not isinstance(found, Images) or set(found.urls) <= whole


def test_a_cut_page_never_shows_its_gallery() -> None:
    """A start page truncated after a gallery picture with a result's class is no result."""
    text = read_sample("home_gallery.html").replace('class="gal"', 'class="mimg"')
    for end in range(text.index("OIG1.gallery1"), len(text)):
        try:
            assert _parse(text[:end]) == HomePage()
        except ServiceError as error:
            assert error.code == "upstream_protocol_error"
