"""Bing's creator as the sandbox plays it, over real HTTP."""

from __future__ import annotations

import httpx
import pytest

from bingproject.sandbox.images.image_creator import split_results_path
from bingproject.sandbox.images.results import video_image_id
from bingproject.sandbox.server import SandboxServer
from tests.bingproject.sandbox.conftest import Browser, Visit, id_of

SIGNED_IN = 'id="id_a" style="display:none"'
REFUSALS = {
    "block": "BlockedByContentPolicy", "block-icon": "girer_center block_icon", "dq-err": 'dq-err="1"',
    "dq-err-empty": 'dq-err=""', "blocked-text": "prompt has been blocked", "review": "being reviewed",
    "warning": "Content warning", "vague": "more descriptive prompt", "language": "We're working hard",
    "busy": "You can't submit", "busy-entity": "You can&#39;t submit", "busy-curly": "You can\u2019t submit",
    "overload": "Due to high demand", "region": "coming soon to your region", "panda": "run into an issue",
    "no-coins": '"0 coins available"', "no-fast-video": "option-earn-more", "outage": "avaiable right now",
    "problem": "There was a problem", "home": "sb_form", "home-gallery": "OIG1.gallery1",
    "drift": "studio", "unknown": "studio", "truncated": "_G", "empty": "",
}  # fmt: skip
REJECTIONS = {
    "unsafe": "in-2zU3AJUdkgFe7ZKv19yPBHVs", "unsafe-text": "Unsafe image content", "unsafe-picture": "/rp/in-2zU",
    "poll-block": "BlockedByContentPolicy", "poll-dq-err": "dq-err", "poll-overload": "Due to high demand",
    "overload-picture": "TX9QuO3WzcCJz1uaaSwQAz39Kb0", "come-back": "come back later", "poll-outage": "avaiable",
    "error-message": "Request failed", "no-images": "gir_async", "poll-drift": "studio",
    "session-lost": "OIG1.gallery1", "session-lost-anonymous": "/fd/auth/signin", "poll-unknown": "studio",
    "video-went-wrong": "Something went wrong", "video-concurrent": "concurrent",
}  # fmt: skip


def test_a_picture_is_made_from_home_to_files(visit: Visit, server: SandboxServer) -> None:
    """Home, submit, the page after it, polls, pictures: as a browser does it, without a violation."""
    alice = visit()
    home = alice.http.get("/images/create")
    ig = home.text.split('IG:"')[1][:32]
    assert SIGNED_IN in home.text
    submitted = alice.submit('a "fine" cat\'s', IG=ig)
    assert submitted.headers["location"].startswith("/images/create?q=a+%22fine%22+cat%27s&rt=4")
    assert submitted.headers["location"].endswith("&nfy=1")
    assert "GI_FRE_COOKIE" in submitted.headers["set-cookie"]
    page = alice.http.get(submitted.headers["location"])
    assert f"&amp;id={id_of(submitted)}" in page.text
    ready = alice.poll(id_of(submitted), q='a "fine" cat\'s', IG=ig)
    assert ready.text.count("image-row-img") == 4
    assert "a &quot;fine&quot; cat&#39;s" in ready.text
    assert server.state.counts.violations == 0
    assert server.state.generations[id_of(submitted)].first_served_at is not None


def test_a_dead_or_missing_cookie_sees_the_anonymous_page(visit: Visit) -> None:
    """No cookie, a blank one and an expired one get the page with a sign-in link, on home, submit and poll."""
    for cookie in ("", "expired-1"):
        assert "/fd/auth/signin" in visit(cookie).http.get("/images/create").text
    dead = visit("expired-1")
    assert (dead.submit("a cat").status_code, "/fd/auth/signin" in dead.submit("a cat").text) == (200, True)
    assert "/fd/auth/signin" in dead.poll("1-00").text


@pytest.mark.parametrize(("name", "marker"), REFUSALS.items())
def test_a_refused_submit_shows_its_row(name: str, marker: str, visit: Visit, server: SandboxServer) -> None:
    """The answer is 200 with the row's marker, and nothing was taken."""
    answer = visit().submit(f"sandbox:{name}")
    assert answer.status_code == 200
    assert marker in answer.text
    assert server.state.generations == {}
    assert server.state.counts.outcomes == {name: 1}


@pytest.mark.parametrize("status", [403, 429, 500, 503])
def test_a_status_can_be_asked_for_anywhere(status: int, visit: Visit) -> None:
    """Submit and poll answer with it as often as asked, then all is well."""
    alice = visit()
    answers = [alice.submit(f"sandbox:http-{status}=1").status_code for _ in range(2)]
    assert answers == [status, 302]
    request_id = alice.create(f"sandbox:poll-http-{status}=2")
    assert [alice.poll(request_id).status_code for _ in range(3)] == [status, status, 200]


def test_redirects_that_are_no_acceptance(visit: Visit) -> None:
    """To a sign-in page, to nowhere, and to the creator without an id."""
    alice = visit()
    assert alice.submit("sandbox:signin").headers["location"].startswith("https://login.live.com/")
    assert "location" not in alice.submit("sandbox:no-location").headers
    assert "id=" not in alice.submit("sandbox:location-no-id").headers["location"]
    assert alice.submit("sandbox:http-429-retry-after").headers["retry-after"] == "7"


def test_other_forms_of_acceptance(visit: Visit, server: SandboxServer) -> None:
    """An id in a 200 page, and a Location without its usual end."""
    alice = visit()
    page = alice.submit("sandbox:body-id")
    assert page.status_code == 200
    assert next(iter(server.state.generations)) in page.text
    assert not alice.submit("sandbox:no-nfy").headers["location"].endswith("nfy=1")


@pytest.mark.parametrize("name", ["cut", "cut-body", "cut-accepted"])
def test_a_line_cut_within_a_submit(name: str, visit: Visit, server: SandboxServer) -> None:
    """The client sees a broken line; only the accepted one was taken."""
    with pytest.raises(httpx.RemoteProtocolError):
        visit().submit(f"sandbox:{name}")
    assert len(server.state.generations) == (name == "cut-accepted")


@pytest.mark.parametrize("name", ["stall", "stall-accepted"])
def test_a_submit_that_is_never_answered(name: str, visit: Visit, server: SandboxServer) -> None:
    """The client has to give up by itself; only the accepted one was taken."""
    alice = visit()
    alice.http.timeout = httpx.Timeout(0.2)
    with pytest.raises(httpx.ReadTimeout):
        alice.submit(f"sandbox:{name}")
    assert len(server.state.generations) == (name == "stall-accepted")


@pytest.mark.parametrize(("name", "marker"), REJECTIONS.items())
def test_a_poll_shows_its_rejection(name: str, marker: str, visit: Visit) -> None:
    """The creation is taken, and the poll has the marker in place of pictures."""
    alice = visit()
    answer = alice.poll(alice.create(f"sandbox:{name}"))
    assert (answer.status_code, marker in answer.text) == (200, True)
    assert "imgri-inner-container strm" not in answer.text


def test_a_finished_page_can_stop_half_way(visit: Visit) -> None:
    """The page ends within its first picture; the next one is whole."""
    alice = visit()
    request_id = alice.create("sandbox:poll-truncated=1")
    assert alice.poll(request_id).text.endswith('src="https:/')
    assert alice.poll(request_id).text.count("image-row-img") == 4


def test_progress_by_polls_by_seconds_and_never(visit: Visit, server: SandboxServer) -> None:
    """Pending as long as asked; a time in the future is kept, never is never."""
    alice = visit()
    request_id = alice.create("sandbox:after-polls=2")
    assert ["image-row-img" in alice.poll(request_id).text for _ in range(3)] == [False, False, True]
    later = server.state.generations[alice.create("sandbox:slow")]
    assert later.ready_at == later.accepted_at + 60
    endless = alice.create("sandbox:never-ready")
    assert [alice.poll(endless).text for _ in range(3)] == ["", "\n", '{"errorMessage":"Pending","showContent":""}']
    assert server.state.generations[endless].ready_at is None


def test_the_speed_of_a_prompt_is_drawn_within_the_range(visit: Visit, server: SandboxServer) -> None:
    """Different prompts take different times, all within what the option says."""
    server.app.control.set_options({"image_seconds": "30-60"})
    taken = [server.state.generations[visit().create(f"cat {number}")] for number in range(5)]
    times = [one.ready_at - one.accepted_at for one in taken if one.ready_at is not None]
    assert len(set(times)) == 5
    assert all(30 <= seconds <= 60 for seconds in times)


def test_the_option_after_polls_is_for_everybody(visit: Visit, server: SandboxServer) -> None:
    """With the option set, a result comes at the poll after so many."""
    server.app.control.set_options({"after_polls": 1})
    alice = visit()
    request_id = alice.create("a cat")
    assert ["image-row-img" in alice.poll(request_id).text for _ in range(2)] == [False, True]


def test_boosts_are_spent_by_the_fast_lane_only(visit: Visit, server: SandboxServer) -> None:
    """With no boost left the fast lane is refused as row m, the standard lane is taken."""
    server.app.control.set_account({"account": "alice", "boosts": 1})
    alice = visit()
    alice.create("one")
    assert '"0 coins available"' in alice.submit("two").text
    alice.create("three", rt="3")
    assert "sandbox:no-coins" in alice.submit("sandbox:no-coins", rt="3").headers["location"].replace("%3A", ":")


def test_no_account_runs_more_than_its_limit(visit: Visit, server: SandboxServer) -> None:
    """The one too many is refused as row i, images and videos each for themselves."""
    server.app.control.set_account({"account": "alice", "image_limit": 2, "video_limit": 0})
    alice = visit()
    alice.create("sandbox:slow one")
    alice.create("sandbox:slow two")
    assert "submit any more prompts" in alice.submit("three").text
    assert "submit any more prompts" in alice.submit_video("four").text
    assert server.state.account("alice").max_running == {"image": 2, "video": 0}


def test_a_cookie_can_die_in_the_middle_and_come_back(visit: Visit) -> None:
    """After one anonymous home page the account lives again, and so does its generation."""
    alice = visit()
    request_id = alice.create("sandbox:expire-then-back")
    assert "/fd/auth/signin" in alice.poll(request_id).text
    assert "/fd/auth/signin" in alice.http.get("/images/create").text
    assert SIGNED_IN in alice.http.get("/images/create").text
    assert "image-row-img" in alice.poll(request_id).text
    gone = alice.create("sandbox:expire-mid")
    assert "/fd/auth/signin" in alice.poll(gone).text
    assert "/fd/auth/signin" in alice.http.get("/images/create").text


def test_a_cookie_can_die_at_the_submit(visit: Visit) -> None:
    """The submit meets the anonymous page, and so does everything after it."""
    alice = visit()
    assert "/fd/auth/signin" in alice.submit("sandbox:home-expired").text
    assert "/fd/auth/signin" in alice.http.get("/images/create").text


def test_a_creation_by_get_is_found_out(visit: Visit, server: SandboxServer) -> None:
    """It is a violation, and the next submit meets the home page, as recorded; the one after it is taken."""
    alice = visit()
    alice.http.get("/images/create", params={"q": "a cat", "rt": "4", "FORM": "GENCRE"})
    assert SIGNED_IN in alice.submit("a cat").text
    alice.create("a cat")
    assert [one["kind"] for one in server.state.violations] == ["creation-by-get"]


def kinds(server: SandboxServer) -> list[str]:
    """Name the violations found."""
    return [one["kind"] for one in server.state.violations]


def test_another_accounts_things_are_out_of_reach(visit: Visit, server: SandboxServer) -> None:
    """Its id, its page, its IG and its session cookie are violations; an unknown id is 404."""
    alice, bob = visit(), visit("bob")
    request_id = alice.create("a cat")
    assert "image-row-img" not in bob.poll(request_id).text
    assert "gir" not in bob.http.get("/images/create", params={"id": request_id}).text.replace("girer", "")
    assert bob.poll("1-" + "0" * 32).status_code == 404
    bob.submit("a dog", IG=server.state.account("alice").ig)
    bob.poll(bob.create("a dog"), IG=server.state.account("alice").ig, q="another")
    assert kinds(server) == ["foreign-id", "foreign-id", "unknown-id", "foreign-ig", "poll-prompt", "poll-ig"]
    server.state.violations.clear()
    bob.http.cookies.set("SANDBOX_SESSION", server.state.account("alice").ig)
    bob.http.cookies.set("_U", "twice", path="/images")
    bob.http.get("/images/create")
    assert "foreign-cookie" in kinds(server)
    assert "two-cookies" in kinds(server)


def test_a_malformed_submit_is_refused_and_counted(visit: Visit, server: SandboxServer) -> None:
    """400, the reason in words, nothing counted as a submit; so for a missing cookie and an unknown scenario."""
    assert "mdl" in visit().submit("a cat", mdl="9").text
    assert visit("").submit("a cat").status_code == 400
    assert visit().submit("sandbox:bussy").status_code == 400
    assert kinds(server) == ["submit", "submit", "unknown-scenario"]
    assert server.state.counts.submits == 0


def video(alice: Browser, form: str) -> tuple[str, httpx.Response]:
    """Make a video that ends in a form, and poll it."""
    request_id = id_of(alice.submit_video(f"sandbox:{form}"))
    return request_id, alice.poll(request_id)


def test_a_finished_video_has_three_forms(visit: Visit, server: SandboxServer) -> None:
    """JSON, HTML with ourl, and a card whose address stands on the detail route."""
    alice = visit()
    assert video(alice, "video-a")[1].json()["showContent"].endswith("pid=videocreator")
    assert video(alice, "video-a-flag")[1].json()["showContent"] is True
    assert 'ourl="https://th.bing.com/th/id/OIG4.' in video(alice, "video-b")[1].text
    request_id, card = video(alice, "video-c")
    image_id = card.text.split(";id=")[1][:20]
    path = f"/images/create/detail/async/{request_id}"
    detail = alice.http.get(path, params={"imageId": image_id, "ctype": "video"}).json()
    assert detail["value"][0]["contentUrl"].endswith("?pid=videocreator")
    assert server.state.counts.violations == 0
    assert alice.http.get(path, params={"imageId": "x"}).status_code == 404
    assert visit("bob").http.get(path, params={"imageId": image_id}).status_code == 404
    assert "/fd/auth/signin" in visit("expired").http.get(path).text


def test_a_video_that_is_not_ready_has_no_detail(visit: Visit) -> None:
    """The route answers with an empty list."""
    alice = visit()
    request_id = id_of(alice.submit_video("sandbox:slow"))
    image_id = video_image_id(alice.server.state.generations[request_id])
    answer = alice.http.get(f"/images/create/detail/async/{request_id}", params={"imageId": image_id})
    assert answer.json() == {"value": []}


def test_fast_videos_have_a_door_and_credits(visit: Visit, server: SandboxServer) -> None:
    """The door takes the fast lane until the credits are gone; the page tells how many are left."""
    server.app.control.set_account({"account": "alice", "fast_videos": 1})
    alice = visit()
    fast = {"path": "/images/create/ai-video-generator", "ar": "5", "pt": "4", "sm": "1"}
    page = {"ctype": "video", "FORM": "GENEXP", "rt": "4"}
    assert "Fast (1 free remaining)" in alice.http.get("/images/create", params=page).text
    request_id = id_of(alice.submit("a cat", **fast))
    poll = alice.http.get(f"/images/create/ai-video-generator/async/results/{request_id}")
    assert "OIG4." in poll.text
    assert "option-earn-more" in alice.submit("a dog", **fast).text
    assert "option-earn-more" in alice.http.get("/images/create", params=page).text
    assert server.state.counts.violations == 0


def test_home_pages_have_their_own_scenarios(visit: Visit, server: SandboxServer) -> None:
    """A rule for the next two home pages shows twice."""
    server.app.control.set_scenario({"scenario": "home-http-503", "next": 1})
    server.app.control.set_scenario({"scenario": "home-no-ig", "next": 1})
    alice = visit()
    assert alice.http.get("/images/create").status_code == 503
    assert "IG:" not in alice.http.get("/images/create").text
    assert "IG:" in alice.http.get("/images/create").text


def test_paths_of_results_are_split_at_their_door() -> None:
    """Door and id, or nothing for any other path."""
    assert split_results_path("/images/create/async/results/1-a", "/async/results/") == ("/images/create", "1-a")
    assert split_results_path("/images/create/async/results/", "/async/results/") is None
    assert split_results_path("/else/async/results/1-a", "/async/results/") is None
