"""Help texts of the account form's fields by kind, and the fields that only some kinds have."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from accounts.microsoft.providers import PROVIDERS
from accounts.models import AccountKind

# Field → kind → help text. A kind without a help text for a field does not have the field.
HELP_TEXTS: dict[str, dict[AccountKind, str]] = {}
for _provider in PROVIDERS.values():
    for _field, _text in _provider.help_texts.items():
        HELP_TEXTS.setdefault(_field, {})[AccountKind(_provider.kind)] = _text


def help_text_of(name: str, kind: str) -> str:
    """Return a field's help text for an account of this kind."""
    return HELP_TEXTS[name].get(AccountKind(kind), "")


def help_text_of_choice(name: str) -> SafeString:
    """Return a field's help texts for a new account: the page shows the chosen kind's, or all without scripts."""
    kinds: dict[str, list[AccountKind]] = {}
    for kind, words in HELP_TEXTS[name].items():
        kinds.setdefault(words, []).append(kind)
    return format_html_join(
        "",
        '<span class="block" x-show="{}"><noscript>{}: </noscript>{}</span>',
        ((_is_chosen(of), " and ".join(str(kind.label) for kind in of), words) for words, of in kinds.items()),
    )


def conditional_fields() -> dict[str, str]:
    """Return the theme's `conditional_fields`: when a new account's form shows a field that some kinds lack."""
    return {name: _is_chosen(words) for name, words in HELP_TEXTS.items() if len(words) < len(AccountKind)}


def fields_of_other_kinds(kind: str) -> tuple[str, ...]:
    """Return the fields that this kind does not have; none for ""."""
    return tuple(name for name, words in HELP_TEXTS.items() if kind and kind not in words)


def _is_chosen(kinds: Iterable[AccountKind]) -> str:
    return " || ".join(f"kind == '{kind.value}'" for kind in kinds)
