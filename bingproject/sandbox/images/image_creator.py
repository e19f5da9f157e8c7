"""Bing's image and video creator: the home page, the submit, the page after it, and the polls."""

from __future__ import annotations

import hashlib
from html import escape as escape_attribute
from urllib.parse import quote_plus

from bingproject.sandbox.core import answers
from bingproject.sandbox.core.exchange import Request, SandboxReply
from bingproject.sandbox.core.scenario import Stage
from bingproject.sandbox.core.scenarios import Chosen, UnknownScenarioError
from bingproject.sandbox.core.state import IMAGE, VIDEO, SandboxAccount, SandboxGeneration, SandboxState
from bingproject.sandbox.core.templates import fill, read_page
from bingproject.sandbox.images import results
from bingproject.sandbox.images.submit_form import CREATE, SubmitForm, parse_submit

FREE_COOKIE = (b"set-cookie", b"GI_FRE_COOKIE=gi_prompt=2; domain=.bing.com; path=/; secure; SameSite=None")
GATE = {Stage.POLL: frozenset({Stage.POLL}), Stage.HOME: frozenset({Stage.HOME})}


class ImageCreator:
    """The emulated server; one object per sandbox."""

    def __init__(self, state: SandboxState) -> None:
        self.state = state

    # -- pages ---------------------------------------------------------------------------------------------------

    def page(self, request: Request) -> SandboxReply:
        """Answer a GET on the creator's own address: home, the page of an id, or a creation tried the wrong way."""
        query = request.query()
        account = self.state.identify(request)
        if "id" in query:
            return self._result_page(request, account, query["id"])
        if query.get("q"):
            self.state.violation(
                "creation-by-get", "a GET carries a creation query", path=request.path, account=account
            )
            if account is not None:
                account.nonce_spent = True
            return answers.home(account)
        return self._home(account, query)

    def _home(self, account: SandboxAccount | None, query: dict[str, str]) -> SandboxReply:
        self.state.counts.homes += 1
        if account is not None:
            account.homes += 1
            account.nonce_spent = False
        chosen = self.state.scenarios.choose(GATE[Stage.HOME], account.name if account else "")
        if chosen is not None:
            return answers.answer(chosen.scenario, account)
        if account is not None and query.get("ctype") == "video" and account.is_alive:
            return answers.home(account, self._video_credits(account))
        reply = answers.home(account)
        if account is not None:
            self._revive(account)
        return reply

    @staticmethod
    def _video_credits(account: SandboxAccount) -> str:
        if account.fast_videos <= 0:
            return read_page("submit/no-fast-video.html")
        return fill("video_credits.html", credits=account.fast_videos)

    def _revive(self, account: SandboxAccount) -> None:
        """Count down the anonymous home pages after which a dead cookie is valid again."""
        if not account.is_alive and account.revive_after is not None:
            left = account.revive_after - 1
            self.state.set_alive(account, left <= 0, left if left > 0 else None)

    def _result_page(self, request: Request, account: SandboxAccount | None, request_id: str) -> SandboxReply:
        self.state.counts.result_pages += 1
        generation = self.state.generations.get(request_id)
        if account is None or not account.is_alive:
            return answers.home(account)
        if generation is None or generation.account != account.name:
            self._report_foreign(request, account, generation)
            return answers.home(account)
        return self._accepted_page(generation, request.path)

    def _accepted_page(self, generation: SandboxGeneration, path: str) -> SandboxReply:
        account = self.state.account(generation.account)
        poll_path = f"{path}/async/results/{generation.id}?q={quote_plus(generation.prompt, errors='replace')}"
        location = results.result_location(generation, path, "")
        poll_path += f"&IG={account.ig}&IID=images.as"
        return SandboxReply(
            fill(
                "result.html",
                location=escape_attribute(location),
                poll_path=escape_attribute(poll_path),
                spent=answers.spent(account),
            ),
            headers=(answers.session_cookie(account),),
        )

    # -- submit --------------------------------------------------------------------------------------------------

    def submit(self, request: Request, body: bytes) -> SandboxReply:
        """Take or refuse a creation."""
        account = self.state.identify(request)
        form = parse_submit(request, body)
        if account is None:
            form.faults.append("there is no _U cookie")
        if form.faults or account is None:
            detail = "; ".join(form.faults)
            self.state.violation("submit", detail, path=request.path, account=account)
            return SandboxReply(f"sandbox: {detail}", status=400, content_type="text/plain; charset=utf-8", page=False)
        ig = request.query().get("IG")
        if ig is not None and ig != account.ig and any(ig == other.ig for other in self.state.accounts.values()):
            self.state.violation("foreign-ig", "the IG is another account's", path=request.path, account=account)
        if not account.is_alive:
            return self._refuse(form, account, "expired", answers.home(account))
        try:
            chosen = self.state.scenarios.at_submit(form.prompt, account.name, form.door)
        except UnknownScenarioError as error:
            self.state.violation("unknown-scenario", str(error), path=request.path, account=account)
            return SandboxReply(f"sandbox: no scenario {error}", status=400, content_type="text/plain", page=False)
        return self._decide(form, account, chosen, request.path)

    def _refuse(self, form: SubmitForm, account: SandboxAccount, outcome: str, reply: SandboxReply) -> SandboxReply:
        self.state.count_submit(form.prompt, account, outcome, None)
        return reply

    def _decide(self, form: SubmitForm, account: SandboxAccount, chosen: list[Chosen], path: str) -> SandboxReply:
        shown = None
        for one in chosen:
            if one.scenario.stage is Stage.SUBMIT and shown is None and self._shows(form, one):
                shown = one.scenario
        if shown is not None and not shown.accepts:
            if shown.name == "home-expired":
                self.state.set_alive(account, False)
            return self._refuse(form, account, shown.name, answers.answer(shown, account))
        refusal = self._natural_refusal(form, account)
        if refusal is not None:
            return self._refuse(form, account, *refusal)
        generation = self._accept(form, account, chosen)
        if shown is not None and shown.page == "result.html":
            return self._accepted_page(generation, path)
        nfy = "" if shown is not None and shown.name == "no-nfy" else "&nfy=1"
        location = results.result_location(generation, path, nfy).encode()
        reply = SandboxReply(
            status=302, headers=((b"location", location), FREE_COOKIE, answers.session_cookie(account))
        )
        if shown is not None:
            reply.fault = shown.fault
        return reply

    def _shows(self, form: SubmitForm, chosen: Chosen) -> bool:
        """Return whether a submit scenario applies now: only the fast lane needs boosts, and `=N` applies N times."""
        if chosen.scenario.name.startswith("no-coins") and "ever" not in chosen.scenario.name and form.lane != "fast":
            return False
        return self.state.scenarios.still_refuses(form.prompt, chosen)

    def _natural_refusal(self, form: SubmitForm, account: SandboxAccount) -> tuple[str, SandboxReply] | None:
        """Return a refusal without a scenario: the nonce was spent by a GET, a limit is reached, no boosts are left."""
        if account.nonce_spent:
            account.nonce_spent = False
            return "nonce-spent", answers.home(account)
        if self.state.running(account, form.kind, self.state.now()) >= self.state.limit(account, form.kind):
            return "busy", answers.notice(account, "busy")
        if form.lane == "fast" and form.kind == IMAGE and account.boosts <= 0:
            return "no-coins", answers.notice(account, "no-coins")
        if form.lane == "fast" and form.kind == VIDEO and account.fast_videos <= 0:
            return "no-fast-video", answers.notice(account, "no-fast-video")
        return None

    def _accept(self, form: SubmitForm, account: SandboxAccount, chosen: list[Chosen]) -> SandboxGeneration:
        course = {one.scenario.name: one.number for one in chosen if one.scenario.stage is not Stage.SUBMIT}
        now = self.state.now()
        generation = SandboxGeneration(
            id=self.state.new_id(form.kind),
            prompt=form.prompt,
            account=account.name,
            kind=form.kind,
            model=form.model,
            aspect=form.aspect,
            lane=form.lane,
            rt=form.rt,
            door=form.door,
            accepted_at=now,
            ready_at=None,
            after_polls=self.state.options.after_polls or None,
            course=course,
        )
        self._schedule(generation)
        self.state.count_submit(form.prompt, account, "accepted", generation)
        if "expire-mid" in course:
            self.state.set_alive(account, False)
        elif "expire-then-back" in course:
            self.state.set_alive(account, False, max(1, int(course["expire-then-back"] or 1)))
        return generation

    def _schedule(self, generation: SandboxGeneration) -> None:
        """Set when the result is ready: by the prompt's words, else by a hash of prompt and repetition."""
        course = generation.course
        if "never-ready" in course or "preview-only" in course:
            generation.after_polls = None
            return
        if "after-polls" in course:
            generation.after_polls = int(course["after-polls"] or 0)
        for name in ("seconds", "slow", "instant"):
            if name in course:
                generation.after_polls = None
                generation.ready_at = generation.accepted_at + (course[name] or 0.0)
                return
        if generation.after_polls is None:
            options = self.state.options
            low, high = options.video_seconds if generation.kind == VIDEO else options.image_seconds
            times = self.state.counts.submits_by_prompt[generation.prompt]
            digest = hashlib.sha256(f"{generation.prompt}/{times}".encode("utf-8", "replace")).digest()
            share = int.from_bytes(digest[:4], "big") / 0xFFFFFFFF
            generation.ready_at = generation.accepted_at + low + (high - low) * share

    # -- polls ---------------------------------------------------------------------------------------------------

    def poll(self, request: Request, request_id: str) -> SandboxReply:
        """Answer a poll of a generation; requested a thousand times a second, it does as little as it can."""
        state = self.state
        state.counts.polls += 1
        account = self.state.identify(request)
        generation = state.generations.get(request_id)
        if account is None or not account.is_alive:
            return answers.home(account)
        if generation is None or generation.account != account.name:
            self._report_foreign(request, account, generation)
            return SandboxReply(answers.home_with_gallery(account).body, status=404 if generation is None else 200)
        generation.polls += 1
        if request.query_string != generation.checked_query:
            self._check_poll(request, generation, account)
        if state.scenarios.rules or generation.course:
            fault = self._poll_fault(generation, account)
            if fault is not None:
                return fault
        now = state.now()
        if generation.ready_at is None and generation.after_polls is not None:
            generation.ready_at = now if generation.polls > generation.after_polls else None
        if not generation.is_ready(now):
            return results.render_pending(generation, now)
        state.served(generation, now)
        return self._ending(generation, account)

    def _poll_fault(self, generation: SandboxGeneration, account: SandboxAccount) -> SandboxReply | None:
        """Return the fault of a rule, else that of the prompt's words, which applies N times or always."""
        chosen = self.state.scenarios.choose(GATE[Stage.POLL], account.name, generation.door)
        if chosen is None:
            chosen = self.state.scenarios.at_poll(generation.course, generation.polls)
        if chosen is None:
            return None
        if chosen.scenario.name == "poll-truncated":
            page = results.render_pictures(generation)
            return SandboxReply(page[: page.index("src=") + 12])
        return answers.answer(chosen.scenario, account)

    def _ending(self, generation: SandboxGeneration, account: SandboxAccount) -> SandboxReply:
        """Return the finished page, or the rejection by which a scenario replaces it."""
        rejection = self.state.scenarios.rejection(generation.course)
        if rejection is None:
            return results.render_ready(generation)
        if rejection.page.startswith("submit/"):
            return SandboxReply('<style type="text/css">.i{}</style>' + read_page(rejection.page))
        return answers.answer(rejection, account)

    def detail(self, request: Request, request_id: str) -> SandboxReply:
        """Answer the route that tells a finished video's address."""
        self.state.counts.details += 1
        account = self.state.identify(request)
        generation = self.state.generations.get(request_id)
        if account is None or not account.is_alive:
            return answers.home(account)
        if generation is None or generation.account != account.name:
            self._report_foreign(request, account, generation)
            return SandboxReply(status=404)
        wanted = request.query().get("imageId")
        if wanted != results.video_image_id(generation):
            self.state.violation("detail-image-id", f"imageId is {wanted!r}", path=request.path, account=account)
            return SandboxReply(status=404)
        if generation.kind != VIDEO or not generation.is_ready(self.state.now()):
            return SandboxReply.json({"value": []})
        return SandboxReply.json(results.video_detail(generation))

    def _report_foreign(self, request: Request, account: SandboxAccount, generation: SandboxGeneration | None) -> None:
        kind = "unknown-id" if generation is None else "foreign-id"
        self.state.violation(kind, "an id this account never got", path=request.path, account=account)

    def _check_poll(self, request: Request, generation: SandboxGeneration, account: SandboxAccount) -> None:
        """Check a poll's query the first time and when it changes."""
        query = request.query()
        if query.get("q", generation.prompt) != generation.prompt:
            self.state.violation("poll-prompt", "q is not the prompt submitted", path=request.path, account=account)
        if query.get("IG", account.ig) != account.ig:
            self.state.violation("poll-ig", "IG is not this account's", path=request.path, account=account)
        generation.checked_query = request.query_string


def split_results_path(path: str, kind: str) -> tuple[str, str] | None:
    """Split `<door>/async/results/<id>` (or another `kind` of route) into door and id; None for any other path."""
    door, marker, request_id = path.partition(kind)
    return (door, request_id) if marker and request_id and door.startswith(CREATE) else None
