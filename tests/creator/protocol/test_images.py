"""Polls for pictures: pending in all forms, previews, results, and what only looks like one."""

import pytest

from bingproject.errors import (
    CookieExpiredError,
    PromptRejectedError,
    ServiceError,
    UnexpectedResponseError,
    UpstreamUnavailableError,
)
from creator.protocol.images import Images, parse_results_page
from creator.protocol.pages import HomePage, Pending
from tests.samples.bing import DIRECTORY, read_sample

MEDIA = "https://th.bing.com"
STYLE = '<style type="text/css">.i{}</style>'


def _parse(text: str, status: int = 200) -> Pending | Images | HomePage:
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
        STYLE + '<div data-page="GenerativeImagesStatusPage"></div>',
    ],
)
def test_pending_in_every_form(text: str) -> None:
    """Nothing, JSON, the status page and a fragment without styles and pictures are all not ready yet."""
    assert _parse(text) == Pending(is_preview=False)


def test_preview_is_pending_for_mai1_too() -> None:
    """A streaming preview looks finished; it is none, and the parser is not even told the model."""
    assert _parse(read_sample("preview.html")) == Pending(is_preview=True)


def test_dalle_results_are_deduped_in_order_from_all_hosts() -> None:
    """Four pictures on four kinds of address, one of them twice, one only on its link; the script beside is none."""
    assert _parse(read_sample("dalle_ready.html")) == Images(
        _urls("OIG1.aaa1", "OIG1.bbb2", "OIG1.ccc3", "OIG1.ddd4"), 'a "fine" cat & dog'
    )


def test_bing_s_own_prompt_is_decoded() -> None:
    """The rewritten prompt goes before the picture's text, with its entities decoded."""
    assert _parse(read_sample("gpt4o_ready.html")) == Images(_urls("OIG3.bbb1"), "A cat's portrait")


def test_media_host_is_configurable() -> None:
    """Results are named on the media host of this server's settings."""
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
    """Each recorded class marks a result; without any the look of the id does. No prompt is an empty one."""
    assert _parse(html) == Images(_urls("OIG2.x"), "")


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
        '<img src="/th/id/LOGO.x"/>',
        "<!doctype html><p>Studio</p>",
    ],
)
def test_a_script_url_is_no_image_and_a_page_without_results_is_drift(html: str) -> None:
    """Finished by every rule, but with nothing of Bing's in it: unexpected, never a foreign address."""
    with pytest.raises(UnexpectedResponseError) as unexpected:
        _parse(html)
    assert unexpected.value.code == "upstream_protocol_error"


@pytest.mark.parametrize("sample", ["home_signed_in.html", "home_gallery.html", "home_anonymous.html"])
def test_home_page_on_poll_is_not_a_result(sample: str) -> None:
    """A start page with styles and a gallery, served after a session was lost, is not taken for pictures."""
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
    """Refusals that come with the poll are what they are at the submit; an error text of Bing's is not waited on."""
    with pytest.raises(error) as refused:
        _parse(read_sample(sample))
    assert refused.value.code == code


def test_bing_s_error_text_is_for_the_log_only() -> None:
    """The caller reads our sentence; Bing's words are in the detail."""
    with pytest.raises(UnexpectedResponseError) as failed:
        _parse(read_sample("error.json"))
    assert "Request failed" in failed.value.detail and "Request failed" not in failed.value.message


@pytest.mark.parametrize("text", ["{}", '{"showContent":"<div>"}', '{"errorMessage":"","showContent":true}', '{"err'])
def test_unknown_json_is_unexpected(text: str) -> None:
    """JSON without an error text that we know is not waited on for ever."""
    with pytest.raises(UnexpectedResponseError):
        _parse(text)


def test_a_status_page_with_a_refusal_is_a_refusal() -> None:
    """The pending page's name does not hide a marker beside it."""
    with pytest.raises(PromptRejectedError):
        _parse(read_sample("pending_status_page.html") + '<div class="girer_center block_icon"></div>')


def test_a_block_on_a_fragment() -> None:
    """Row c on a bare fragment is a block; beside results nobody knows what it means, and the results win."""
    with pytest.raises(PromptRejectedError):
        _parse('<div dq-err="1"></div>')
    assert _parse('<div dq-err=""></div><img class="mimg" src="/th/id/OIG1.x"/>') == Images(_urls("OIG1.x"), "")


def test_a_withheld_picture_beside_results_loses_nothing() -> None:
    """Of four pictures one may be withheld; the others are delivered."""
    withheld = '<img class="mimg" src="/rp/in-2zU3AJUdkgFe7ZKv19yPBHVs.png"/>'
    assert _parse(withheld + '<img class="mimg" src="/th/id/OIG1.x"/>') == Images(_urls("OIG1.x"), "")


def test_a_withheld_preview_is_a_refusal() -> None:
    """A preview that is taken back does not stay pending."""
    with pytest.raises(PromptRejectedError):
        _parse(read_sample("preview.html") + '<div id="girer">Unsafe image content detected</div>')


def test_statuses() -> None:
    """A server error, a sign-in and an unknown status are told apart."""
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
    """However short a page is cut, it is pending, a start page, one of our errors, or pictures of the whole page."""
    body = (DIRECTORY / sample).read_bytes()
    whole = set(_urls("OIG1.aaa1", "OIG1.bbb2", "OIG1.ccc3", "OIG1.ddd4", "OIG3.bbb1", "OIG4.thm1"))
    for end in range(len(body)):
        try:
            found = _parse(body[:end].decode("utf-8", "replace"))
        except ServiceError:
            continue
        assert found == HomePage() or isinstance(found, Pending | Images)
        assert not isinstance(found, Images) or set(found.urls) <= whole


def test_a_cut_page_never_shows_its_gallery() -> None:
    """A start page that breaks off behind a gallery picture of a result's class is no result."""
    text = read_sample("home_gallery.html").replace('class="gal"', 'class="mimg"')
    for end in range(text.index("OIG1.gallery1"), len(text)):
        try:
            assert _parse(text[:end]) == HomePage()
        except ServiceError as error:
            assert error.code == "upstream_protocol_error"
