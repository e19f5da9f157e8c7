"""What a list may be filtered, searched and ordered by: on every page only what its filters offer, never a secret."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.db.models import Model
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.urls import reverse

from bingproject.security.encryption import EncryptedTextField
from tests.factories import make_account, make_key

pytestmark = pytest.mark.django_db
LOOKUPS = ("", "__exact", "__startswith", "__contains", "__regex", "__iregex", "__gt", "__lt", "__in", "__isnull")
SEARCHING = {"__startswith", "__contains", "__regex", "__iregex", "__in"}
# Columns that are no `EncryptedTextField` and must not be found out either.
SECRET_NAMES = ("hash", "encrypted", "password", "secret", "token", "digest", "session_ig", "key", "code")
# Named like a secret, and shown to everybody who sees the row.
SHOWN_NAMES = {
    "key_tail", "token_command", "token_expires_at", "error_code", "tokens", "key", "token_asked_at", "object_id",
}  # fmt: skip


@pytest.fixture
def request_of_chief(rf: RequestFactory) -> HttpRequest:
    """A request of somebody who may do everything."""
    request = rf.get("/")
    request.user = User.objects.create_superuser("chief", password="x")
    return request


def pages() -> list[Any]:
    """Every registered page."""
    return list(admin.site._registry.values())


def columns(model: type[Model], depth: int = 2) -> Iterator[tuple[str, Any]]:
    """Every column by its lookup path, with those of related models."""
    for field in model._meta.get_fields():
        yield field.name, field
        if field.is_relation and field.related_model and depth > 1:
            related: Any = field.related_model
            yield from ((f"{field.name}__{path}", inner) for path, inner in columns(related, depth - 1))


def is_secret(path: str, field: Any) -> bool:
    """True for what is stored encrypted or as a hash."""
    name = path.rsplit("__", maxsplit=1)[-1]
    named = name not in SHOWN_NAMES and any(word in name for word in SECRET_NAMES)
    return isinstance(field, EncryptedTextField) or (named and not field.is_relation)


def filtered_paths(page: Any, request: HttpRequest) -> set[str]:
    """The parameters that the filters of a page's list say they read."""
    changelist = page.get_changelist_instance(request)
    return {name for spec in changelist.filter_specs for name in spec.expected_parameters()}


def test_a_list_is_filtered_by_what_its_filters_offer_alone(request_of_chief: HttpRequest) -> None:
    """On every page, by every column of its model and of the models it leads to, with every kind of lookup."""
    asked = 0
    for page in pages():
        offered = filtered_paths(page, request_of_chief)
        filters = [entry for entry in page.get_list_filter(request_of_chief) if not isinstance(entry, type)]
        filtered = {entry if isinstance(entry, str) else entry[0] for entry in filters}
        for path, _ in columns(page.model):
            for suffix in LOOKUPS:
                lookup = f"{path}{suffix}"
                may = lookup in offered
                # A filter's own column, or the key it leads to, may be compared, never searched.
                if suffix not in SEARCHING and not {path, path.rpartition("__")[0]}.isdisjoint(filtered):
                    continue
                assert page.lookup_allowed(lookup, "x", request_of_chief) == may, f"{page.opts.label}: {lookup}"
                asked += 1
        for lookup in offered:
            assert page.lookup_allowed(lookup, "x", request_of_chief), f"{page.opts.label}: {lookup}"
        assert not page.lookup_allowed("nothing_of_this_name", "x", request_of_chief)
    assert asked > 1000


def test_no_secret_is_offered(request_of_chief: HttpRequest) -> None:
    """By no filter, no search, no order of any list."""
    secrets = 0
    for page in pages():
        hidden = {path for path, field in columns(page.model) if is_secret(path, field)}
        secrets += len(hidden)
        changelist = page.get_changelist_instance(request_of_chief)
        ordered = {str(changelist.get_ordering_field(name)).lstrip("-") for name in changelist.list_display}
        searched = {path.lstrip("^=@").removesuffix("__exact") for path in page.get_search_fields(request_of_chief)}
        entries = page.get_list_filter(request_of_chief)
        filtered = {entry if isinstance(entry, str) else entry[0] for entry in entries if not isinstance(entry, type)}
        assert not hidden & (ordered | searched | filtered), page.opts.label
    assert secrets > 10


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("accounts_account", {"encrypted_cookies__startswith": "g"}),
        ("accounts_account", {"encrypted_proxy__regex": "^g"}),
        ("accounts_account", {"capabilities__check_note__contains": "x"}),
        ("accounts_account", {"name__regex": "(a+)+$"}),
        ("accounts_apikey", {"key_hash__startswith": "0"}),
        ("accounts_apikey", {"user__note__startswith": "x"}),
        ("accounts_lease", {"account__encrypted_token__startswith": "g"}),
        ("accounts_whitelisteduser", {"api_keys__key_hash__startswith": "0"}),
        ("creator_task", {"prompt__regex": "x"}),
        ("creator_task", {"account__encrypted_jar__startswith": "g"}),
        ("chat_conversation", {"encrypted_credentials__startswith": "g"}),
        ("chat_conversation", {"turns__prompt__contains": "x"}),
    ],
)
def test_a_viewer_is_refused(client: Client, name: str, query: dict[str, str]) -> None:
    """With 400, whether or not the guess is right; the list without the guess opens."""
    make_key()
    make_account()
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(viewer)
    address = reverse(f"admin:{name}_changelist")
    assert client.get(address).status_code == 200
    assert client.get(address, query).status_code == 400


def test_an_export_is_refused_as_the_list_is(operator: Client) -> None:
    """It is filtered by the same parameters."""
    address = f"{reverse('admin:accounts_whitelisteduser_export')}?api_keys__key_hash__startswith=0"
    assert operator.get(address).status_code == 400
    assert operator.post(address, {"resource": "0", "format": "0"}).status_code == 400
