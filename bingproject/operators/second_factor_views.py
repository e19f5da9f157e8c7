"""Pages of the second factor: set one up, and enter a code after the password."""

from __future__ import annotations

import json
from typing import Any

import segno
from django.contrib import admin, messages
from django.contrib.auth import logout as log_out
from django.contrib.auth.models import User
from django.contrib.auth.views import RedirectURLMixin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import mark_safe
from django.views.decorators.cache import never_cache
from django.views.generic import View

from bingproject.conf.environment import SettingError
from bingproject.security import second_factor
from bingproject.security.encryption import decrypt, encrypt

MADE = "second_factor_made"  # in the session, encrypted: what a step created and no page has shown yet
WRONG = "That code is wrong, was used before, or came too soon after a wrong one. Wait for the next one and try again."
UNDECRYPTABLE = (
    "No code can be checked: the key of this second factor cannot be decrypted with any key in SEAL_KEYS. Use a "
    "recovery code, or have the server's operator run `manage.py remove_second_factor`, then set it up again."
)


def why_refused(request: HttpRequest) -> str:
    """Return the message for an operator whose code was refused."""
    return UNDECRYPTABLE if second_factor.is_undecryptable(request.user) else WRONG


def second_factor_address(request: HttpRequest) -> str:
    """Return the address of the operator's own second factor."""
    return reverse("admin:second_factor")


def password_address(request: HttpRequest) -> str:
    """Return the address where operators change their own password."""
    return reverse("admin:password_change")


def may_enter(request: HttpRequest) -> bool:
    """Check the site's permission: staff who have passed their second factor, if they have one."""
    user: Any = request.user
    return bool(user.is_active and user.is_staff) and not second_factor.is_due(request)


def own_paths() -> list[URLPattern]:
    """Return additional paths of the site; the log-in overrides the site's own."""
    return [
        path("login/", never_cache(log_in), name="login"),
        path("password_change/", admin.site.admin_view(change_password, cacheable=True), name="password_change"),
        path("second-factor/", admin.site.admin_view(SecondFactorView.as_view()), name="second_factor"),
    ]


def log_in(request: HttpRequest) -> HttpResponseBase:
    """Show the site's log-in form, or the form for the code after name and password."""
    if second_factor.is_due(request):
        return CodeView.as_view()(request)
    return admin.site.login(request)


def change_password(request: HttpRequest) -> HttpResponseBase:
    """Show the site's form for the own password, and log the change."""
    answer = admin.site.password_change(request)
    if request.method == "POST" and answer.status_code == 302:
        note_own(request, "Changed their own password.")
    return answer


def note_own(request: HttpRequest, text: str) -> None:
    """Add an entry about the operator's own log-in to the audit log."""
    user: Any = request.user
    admin.site.get_model_admin(User).log_change(request, user, text)


def _lead_to_made(request: HttpRequest, **made: Any) -> HttpResponse:
    """Redirect to the page that shows it once, so that neither reload nor back sends the form again."""
    encrypted = encrypt(json.dumps(made))
    request.session[MADE] = encrypted
    return HttpResponseRedirect(second_factor_address(request))


def _take_made(request: HttpRequest) -> dict[str, Any]:
    """Return and remove what is to be shown; nothing if it cannot be decrypted any more."""
    encrypted = request.session.pop(MADE, "")
    try:
        return dict(json.loads(decrypt(encrypted))) if encrypted else {}
    except SettingError:
        return {}


class CodeView(RedirectURLMixin, View):
    """The form for the code, after the password."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """The form."""
        return self._form(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Continue to the requested page, show the form again, or log out."""
        if "leave" in request.POST:
            log_out(request)
            return HttpResponseRedirect(reverse("admin:login"))
        if second_factor.show(request, request.POST.get("code", "")):
            return HttpResponseRedirect(self.get_redirect_url() or reverse("admin:index"))
        return self._form(request, why_refused(request))

    def _form(self, request: HttpRequest, error: str = "") -> HttpResponse:
        context = {
            **admin.site.each_context(request),
            "title": "Second factor",
            "error": error,
            "next": self.get_redirect_url(),
        }
        return TemplateResponse(request, "bingproject/code.html", context)


class SecondFactorView(View):
    """The page of an operator's own second factor: none, being set up, or in force."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the state, and once what the last step created."""
        return self._page(request, **_take_made(request))

    def post(self, request: HttpRequest) -> HttpResponse:
        """One of the steps: begin, confirm, codes, remove."""
        steps = {"begin": self._begin, "confirm": self._confirm, "codes": self._codes, "remove": self._remove}
        return steps.get(request.POST.get("step", ""), self._page)(request)

    def _begin(self, request: HttpRequest) -> HttpResponse:
        if second_factor.has_factor(request.user):
            return self._page(request)
        key, address = second_factor.begin(request.user)
        return _lead_to_made(request, key=" ".join(key[i : i + 4] for i in range(0, len(key), 4)), address=address)

    def _confirm(self, request: HttpRequest) -> HttpResponse:
        codes = second_factor.confirm(request, request.POST.get("code", ""))
        if codes is None:
            return self._page(request, error=why_refused(request), is_confirming=True)
        note_own(request, "Set up a second factor.")
        return _lead_to_made(request, codes=codes)

    def _codes(self, request: HttpRequest) -> HttpResponse:
        codes = second_factor.renew_codes(request, request.POST.get("code", ""))
        if codes is None:
            return self._page(request, error=why_refused(request))
        note_own(request, "Made new recovery codes.")
        return _lead_to_made(request, codes=codes)

    def _remove(self, request: HttpRequest) -> HttpResponse:
        if not second_factor.remove(request, request.POST.get("code", "")):
            return self._page(request, error=why_refused(request))
        note_own(request, "Removed the second factor.")
        messages.success(request, "The second factor is removed: the password alone logs you in.")
        return HttpResponseRedirect(reverse("admin:second_factor"))

    def _page(self, request: HttpRequest, **shown: Any) -> HttpResponse:
        if "address" in shown:
            # Safe: segno draws it from a URL that this server built.
            drawn = segno.make(shown.pop("address"), error="m").svg_inline(scale=5, border=4, light="#fff")
            shown["picture"] = mark_safe(drawn)
        context = {
            **admin.site.each_context(request),
            "title": "Second factor",
            "has_factor": second_factor.has_factor(request.user),
            **shown,
        }
        # The site's Referrer-Policy must stay: with `no-referrer`, browsers send `Origin: null` with the form.
        headers = {"Cache-Control": "no-store"}
        return TemplateResponse(request, "bingproject/second_factor.html", context, headers=headers)
