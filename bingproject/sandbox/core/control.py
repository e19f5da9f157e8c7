"""The routes under `/_sandbox/`, with which tests and benchmarks set scenarios and read counts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from bingproject.sandbox.core.exchange import Request, SandboxReply
from bingproject.sandbox.core.options import change_options
from bingproject.sandbox.core.provider import SandboxProvider
from bingproject.sandbox.core.scenarios import Rule, UnknownScenarioError
from bingproject.sandbox.core.state import IMAGE, VIDEO, SandboxState
from bingproject.sandbox.core.tokens import LIFE_SECONDS, make_token

PREFIX = "/_sandbox/"


class Control:
    """The control endpoints of one sandbox."""

    def __init__(self, state: SandboxState, providers: Sequence[SandboxProvider]) -> None:
        self.state = state
        self._doors = sorted({door for provider in providers for door in provider.doors})
        self._token_rules = {provider.name: provider.token for provider in providers if provider.token is not None}
        self._chat_labels = {provider.name: provider.chat_label for provider in providers if provider.chat_label}
        self._routes = {
            ("GET", "state"): self.show_state,
            ("GET", "submits"): self.show_submits,
            ("GET", "turns"): self.show_turns,
            ("GET", "scenarios"): self.show_scenarios,
            ("POST", "scenario"): self.set_scenario,
            ("POST", "account"): self.set_account,
            ("POST", "options"): self.set_options,
            ("POST", "clock"): self.set_clock,
            ("POST", "token"): self.make_token,
            ("POST", "reset"): self.reset,
        }

    def route(self, request: Request, body: bytes) -> SandboxReply:
        """Answer one control request."""
        handle = self._routes.get((request.method, request.path.removeprefix(PREFIX)))
        if handle is None:
            return SandboxReply.json({"error": "no such control route"}, status=404)
        try:
            wanted = json.loads(body) if body.strip() else {}
            if not isinstance(wanted, dict):
                raise ValueError("a JSON object is needed")
            return handle(wanted)
        except (ValueError, TypeError) as error:
            return SandboxReply.json({"error": str(error)}, status=400)

    def show_state(self, _wanted: dict[str, Any]) -> SandboxReply:
        """Return all counts and every generation."""
        return SandboxReply.json(describe(self.state))

    def show_submits(self, _wanted: dict[str, Any]) -> SandboxReply:
        """Return every generation, compact: `[prompt, id, account, accepted_at, ready_at, first_served_at]`."""
        return SandboxReply.json(
            [
                [one.prompt, one.id, one.account, one.accepted_at, one.ready_at, one.first_served_at]
                for one in self.state.generations.values()
            ]
        )

    def show_turns(self, _wanted: dict[str, Any]) -> SandboxReply:
        """Return every turn of a chat: question, system prompt and outcome."""
        return SandboxReply.json(
            [
                turn.record() | {"server": label}
                for name, label in self._chat_labels.items()
                for turn in self.state.chats[name].turns
            ]
        )

    def show_scenarios(self, _wanted: dict[str, Any]) -> SandboxReply:
        """Return the catalogue: name → stage, emulated row, effect."""
        return SandboxReply.json(
            {
                name: {"stage": one.stage, "row": one.row, "effect": one.effect}
                for name, one in self.state.scenarios.catalogue.items()
            }
        )

    def set_scenario(self, wanted: dict[str, Any]) -> SandboxReply:
        """Set a rule: `{"scenario", "number"?, "next"?, "account"?, "door"?}`; `{"scenario": null}` forgets all."""
        name = wanted.pop("scenario", None)
        if name is None:
            self.state.scenarios.clear()
            return SandboxReply.json({"rules": 0})
        try:
            chosen = self.state.scenarios.find(str(name), wanted.pop("number", None))
        except UnknownScenarioError:
            raise ValueError(f"there is no scenario {name!r}") from None
        uses = wanted.pop("next", None)
        if uses is not None and (not isinstance(uses, int) or isinstance(uses, bool) or uses < 1):
            raise ValueError("next is a whole number from 1 up")
        rule = Rule(chosen, uses, wanted.pop("account", None), wanted.pop("door", None))
        if wanted:
            raise ValueError(f"unknown: {', '.join(sorted(wanted))}")
        if rule.door is not None and rule.door not in self._doors:
            raise ValueError(f"door is one of {', '.join(self._doors)}")
        self.state.scenarios.add(rule)
        return SandboxReply.json({"rules": len(self.state.scenarios.rules)})

    def set_account(self, wanted: dict[str, Any]) -> SandboxReply:
        """Change an account: `{"account", "is_alive"?, "revive_after"?, "boosts"?, <other numbers>?}`."""
        account = self.state.account(str(wanted.pop("account")) if "account" in wanted else "")
        if not account.name:
            raise ValueError("account is needed")
        if "is_alive" in wanted or "revive_after" in wanted:
            alive = bool(wanted.pop("is_alive", False))
            self.state.set_alive(account, alive, wanted.pop("revive_after", None))
        for name in ("boosts", "fast_videos", "image_limit", "video_limit"):
            if name in wanted:
                setattr(account, name, int(wanted.pop(name)))
        if "chat_turns" in wanted:
            turns = wanted.pop("chat_turns")
            account.chat_turns = None if turns is None else int(turns)
        if wanted:
            raise ValueError(f"unknown: {', '.join(sorted(wanted))}")
        return SandboxReply.json({"account": account.name, "is_alive": account.is_alive, "boosts": account.boosts})

    def set_options(self, wanted: dict[str, Any]) -> SandboxReply:
        """Change speeds and limits from now on. The journal's path cannot be changed."""
        if "journal" in wanted:
            raise ValueError("the journal is chosen at start")
        self.state.options = change_options(self.state.options, wanted)
        return SandboxReply.json(self.state.options.describe() | {"journal": None})

    def set_clock(self, wanted: dict[str, Any]) -> SandboxReply:
        """Advance the sandbox's clock by `{"advance": seconds}`; advances add up."""
        self.state.ahead += float(wanted.get("advance", 0))
        return SandboxReply.json({"ahead": self.state.ahead})

    def make_token(self, wanted: dict[str, Any]) -> SandboxReply:
        """Return an account's token: `{"service", "account", "seconds"?, "audience"?, "is_opaque"?}`."""
        service, account = str(wanted.pop("service", "")), str(wanted.pop("account", ""))
        rules = self._token_rules.get(service)
        if rules is None or not account:
            raise ValueError(f"service is one of {', '.join(self._token_rules)}, and account is needed")
        ends_at = self.state.now() + float(wanted.pop("seconds", LIFE_SECONDS))
        audience, is_opaque = str(wanted.pop("audience", "")), bool(wanted.pop("is_opaque", False))
        if wanted:
            raise ValueError(f"unknown: {', '.join(sorted(wanted))}")
        return SandboxReply.json({"token": make_token(rules, account, ends_at, audience=audience, is_opaque=is_opaque)})

    def reset(self, _wanted: dict[str, Any]) -> SandboxReply:
        """Forget everything but the options."""
        self.state.reset()
        return SandboxReply.json({"reset": True})


def describe(state: SandboxState) -> dict[str, Any]:
    """Return all counts as plain values.

    Shape: `submits`, `accepted`, `polls`, `homes`, `result_pages`, `details`, `media`, `accounts`,
    `violations`, `violation_count`, and the counts of each chat under its provider's name.
    """
    counts, now = state.counts, state.now()
    return {
        "submits": {
            "total": counts.submits,
            "accepted": len(state.generations),
            "by_prompt": dict(counts.submits_by_prompt),
            "by_account": dict(counts.submits_by_account),
            "outcomes": dict(counts.outcomes),
        },
        "accepted": [generation.record() for generation in state.generations.values()],
        "polls": {"total": counts.polls, "by_id": {one.id: one.polls for one in state.generations.values()}},
        "homes": counts.homes,
        "result_pages": counts.result_pages,
        "details": counts.details,
        "media": dict(counts.media),
        "accounts": {
            account.name: {
                "is_alive": account.is_alive,
                "boosts": account.boosts,
                "fast_videos": account.fast_videos,
                "homes": account.homes,
                "running": {kind: state.running(account, kind, now) for kind in (IMAGE, VIDEO)},
                "max_running": dict(account.max_running),
            }
            for account in state.accounts.values()
        },
        **{name: chat.describe() for name, chat in state.chats.items()},
        "violations": list(state.violations),
        "violation_count": counts.violations,
    }
