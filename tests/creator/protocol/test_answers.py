"""Answers to a submit, parsed in the order of the wire page."""

import pytest

from bingproject.errors import (
    AccountThrottledError,
    CookieExpiredError,
    PromptRejectedError,
    ServiceError,
    UnexpectedResponseError,
    UpstreamRefusedError,
    UpstreamUnavailableError,
)
from creator.protocol.answers import JobReference, parse_create_response, parse_visit
from creator.protocol.catalogue import Paths
from creator.protocol.pages import HomePage
from tests.samples.bing import DIRECTORY, read_sample

REQUEST_ID = "1-6930d798aebe4d2a9d54027da1fdb513"
LOCATION = f"/images/create?q=a+cat&rt=4&mdl=0&ar=1&FORM=GENCRE&id={REQUEST_ID}"


def _redirect(location: str) -> JobReference | HomePage:
    return parse_create_response(302, {"Location": location}, "")


@pytest.mark.parametrize("location", [LOCATION, LOCATION + "&nfy=1", f"/images/create?id={REQUEST_ID}&q=x"])
def test_redirect_with_an_id_is_accepted(location: str) -> None:
    """The id is the query field named id, at any position."""
    assert _redirect(location) == JobReference(REQUEST_ID, location)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_any_redirect_status_is_accepted(status: int) -> None:
    """Only its target counts."""
    assert parse_create_response(status, {"location": LOCATION}, "") == JobReference(REQUEST_ID, LOCATION)


def test_id_in_the_path_is_accepted() -> None:
    """One client reports a redirect with the id as a path segment."""
    location = "/images/create/a-cat/4-6930d798aebe4d2a9d54027da1fdb513?FORM=GENCRE"
    assert _redirect(location) == JobReference("4-6930d798aebe4d2a9d54027da1fdb513", location)


@pytest.mark.parametrize(
    "location",
    [
        "/images/create",
        "/images/create?q=a&pid=ImgGn",
        "/images/create?client_id=00000000-aaaa-0000",
        "/images/create?id=",
        "/images/create?id=short",
        "/images/create?id=../../../etc",
    ],
)
def test_pid_and_client_id_are_not_taken_for_an_id(location: str) -> None:
    """A redirect to the creator without a field named id is the start page."""
    assert _redirect(location) == HomePage()


def test_a_sign_in_redirect_is_an_expired_cookie() -> None:
    """The sign-in's client_id is not taken for a request id."""
    with pytest.raises(CookieExpiredError):
        _redirect("https://login.live.com/oauth20_authorize.srf?client_id=00000000-aaaa&scope=x")


def test_base_paths_are_configurable() -> None:
    """With other base paths, only their redirects are accepted."""
    assert parse_create_response(302, {"location": f"/i?id={REQUEST_ID}"}, "", paths=Paths(image="/i")) == JobReference(
        REQUEST_ID, f"/i?id={REQUEST_ID}"
    )


@pytest.mark.parametrize(
    ("sample", "error", "code"),
    [
        ("blocked_tag.html", PromptRejectedError, "blocked"),
        ("blocked_icon.html", PromptRejectedError, "blocked"),
        ("blocked_dq_err.html", PromptRejectedError, "blocked"),
        ("blocked_dq_err_empty.html", PromptRejectedError, "blocked"),
        ("blocked_text.html", PromptRejectedError, "blocked"),
        ("under_review.html", PromptRejectedError, "under_review"),
        ("content_warning.html", PromptRejectedError, "unsafe_output"),
        ("too_vague.html", PromptRejectedError, "too_vague"),
        ("unsupported_language.html", PromptRejectedError, "unsupported_language"),
        ("too_many_running.html", AccountThrottledError, "too_many_running"),
        ("overloaded.html", UpstreamUnavailableError, "upstream_overloaded"),
        ("region.html", UpstreamRefusedError, "upstream_refused"),
        ("panda.html", UpstreamRefusedError, "upstream_refused"),
        ("no_coins.html", AccountThrottledError, "no_boosts"),
        ("no_fast_videos.html", AccountThrottledError, "no_boosts"),
        ("outage.html", UpstreamUnavailableError, "upstream_overloaded"),
        ("problem.html", UpstreamUnavailableError, "upstream_overloaded"),
    ],
)
def test_rows_a_to_o(sample: str, error: type[ServiceError], code: str) -> None:
    """Each refusal page raises its row's error, in spite of the hidden overload block on all of them."""
    with pytest.raises(error) as refused:
        parse_create_response(200, {}, read_sample(sample))
    assert refused.value.code == code


@pytest.mark.parametrize("sample", ["home_signed_in.html", "home_gallery.html", "home_anonymous.html"])
def test_row_p_is_the_home_page(sample: str) -> None:
    """A plain start page has no meaning of its own: its gallery, links, coins and hidden block are ignored."""
    assert parse_create_response(200, {}, read_sample(sample)) == HomePage()


def test_row_q_other_statuses() -> None:
    """Unknown statuses are unreadable, known ones mean the same as everywhere."""
    for status in (400, 401, 404, 418, 204):
        with pytest.raises(UnexpectedResponseError) as unexpected:
            parse_create_response(status, {}, "no")
        assert unexpected.value.code == "upstream_protocol_error"
    with pytest.raises(UpstreamUnavailableError):
        parse_create_response(500, {}, read_sample("result_page.html"))
    with pytest.raises(AccountThrottledError):
        parse_create_response(429, {}, "")
    with pytest.raises(UpstreamRefusedError):
        parse_create_response(403, {}, read_sample("blocked_text.html"))


def test_an_empty_balance_is_no_refusal_of_the_prompt_in_either_lane() -> None:
    """Reported 2026-11-30: the start page with "0 coins available" became a refused prompt."""
    with pytest.raises(AccountThrottledError) as fast:
        parse_create_response(200, {}, read_sample("no_coins.html"), lane="fast")
    with pytest.raises(AccountThrottledError) as standard:
        parse_create_response(200, {}, read_sample("no_coins.html"), lane="standard")
    assert (fast.value.code, standard.value.code) == ("no_boosts", "no_boosts")
    assert "speed 'standard'" in fast.value.message
    assert "change the prompt" in standard.value.message


@pytest.mark.parametrize("sample", ["result_page.html", "result_link.html"])
def test_an_id_in_the_page_is_accepted(sample: str) -> None:
    """A 200 page about a running job is an acceptance; its links to older jobs are ignored."""
    assert parse_create_response(200, {}, read_sample(sample)) == JobReference(REQUEST_ID, "")


@pytest.mark.parametrize("name", ["data-rewriteurl", "data-mseturl", "data-imgseturl"])
def test_video_pages_name_their_job(name: str) -> None:
    """The attributes of video pages contain the job's id."""
    html = f'<div {name}="/x"></div><div {name}="/images/create/x/4-6930d798aebe4d2a9d54027da1fdb513?a=b"></div>'
    assert parse_create_response(200, {}, html) == JobReference("4-6930d798aebe4d2a9d54027da1fdb513", "")


@pytest.mark.parametrize("field", ["jobId", "taskId", "requestId", "id"])
def test_json_with_an_id_is_accepted(field: str) -> None:
    """A submit answered in JSON names the job."""
    assert parse_create_response(200, {}, f'{{"{field}":"{REQUEST_ID}"}}') == JobReference(REQUEST_ID, "")


@pytest.mark.parametrize(
    "text", ["{}", '{"jobId":5}', '{"jobId":"a/b/c/d/e"}', '{"errorMessage":"no"}', '{"jobId":"1-6']
)
def test_json_without_an_id_is_unexpected(text: str) -> None:
    """JSON that names no job has no known meaning."""
    with pytest.raises(UnexpectedResponseError):
        parse_create_response(200, {}, text)


def test_two_linked_jobs_are_none() -> None:
    """If links name several jobs, none is taken, because it is unknown which is the right one."""
    link = '<a href="/images/create?FORM=GENCRE&id=1-{:032x}">x</a>'
    html = "<html><form id=sb_form></form><a href='https://[bad'>x</a>" + link.format(1) + link.format(2) + "</html>"
    assert parse_create_response(200, {}, html) == HomePage()


@pytest.mark.parametrize(
    "html",
    [
        '<div id="gir" data-c="/images/create/async/results/"></div>',
        '<div id="gir" data-c="/images/create/async/results/1-6930d798aebe4d2a9d54027da1fdb5131"></div>',
        '<a href="/images/create?FORM=GENCRE&id=ImgGn">x</a>',
        '<a href="/images/search?FORM=GENCRE&id=1-6930d798aebe4d2a9d54027da1fdb513">x</a>',
        '<a href="/images/create?FORM=GUH2CR&id=1-6930d798aebe4d2a9d54027da1fdb513">x</a>',
        "",
        "<html><body>Studio</body></html>",
    ],
)
def test_pages_of_no_known_kind_are_unexpected(html: str) -> None:
    """Neither a start page nor an id in a known place: no account is marked."""
    with pytest.raises(UnexpectedResponseError):
        parse_create_response(200, {}, html)


def test_visit_only_raises_refusals() -> None:
    """The page behind the redirect can refuse late; anything else on it is ignored."""
    with pytest.raises(PromptRejectedError):
        parse_visit(200, {}, read_sample("blocked_tag.html"))
    parse_visit(200, {}, read_sample("result_page.html"))
    parse_visit(200, {}, "")
    parse_visit(500, {}, read_sample("blocked_tag.html"))


SUBMIT_PAGES = sorted(path.name for path in DIRECTORY.glob("*.html"))


@pytest.mark.parametrize("sample", SUBMIT_PAGES)
def test_pages_cut_at_every_byte(sample: str) -> None:
    """A truncated page gives its own id, a whole start page, or one of our errors."""
    body = (DIRECTORY / sample).read_bytes()
    for end in range(len(body)):
        text = body[:end].decode("utf-8", "replace")
        try:
            answer = parse_create_response(200, {}, text)
        except ServiceError:
            continue
        assert answer in (JobReference(REQUEST_ID, ""), HomePage())
        assert answer != HomePage() or "</html" in text
