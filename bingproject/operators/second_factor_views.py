"""Operators' pages of the second factor: to set one up, and to show a code after the password."""

from __future__ import annotations

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

from bingproject import second_factor

WRONG = "That code is wrong, was used before, or came too soon after a wrong one. Wait for the next one and try again."


def second_factor_address(request: HttpRequest) -> str:
    """Where an operator sets theirs up."""
    return reverse("admin:second_factor")


def may_enter(request: HttpRequest) -> bool:
    """The site's permission check: who may log in here, and has shown the second factor if they have one."""
    user: Any = request.user
    return bool(user.is_active and user.is_staff) and not second_factor.is_due(request)


def own_paths() -> list[URLPattern]:
    """Paths of ours among the site's; the log-in stands before its own."""
    return [
        path("login/", never_cache(log_in), name="login"),
        path("second-factor/", admin.site.admin_view(SecondFactorView.as_view()), name="second_factor"),
    ]


def log_in(request: HttpRequest) -> HttpResponseBase:
    """The site's own form for name and password; the code's for who has given them and has a second factor."""
    if second_factor.is_due(request):
        return CodeView.as_view()(request)
    return admin.site.login(request)


class CodeView(RedirectURLMixin, View):
    """The question for the code, after the password."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """The form."""
        return self._form(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        """On to the page that was asked for, or the form again; or away, to be somebody else."""
        if "leave" in request.POST:
            log_out(request)
            return HttpResponseRedirect(reverse("admin:login"))
        if second_factor.show(request, request.POST.get("code", "")):
            return HttpResponseRedirect(self.get_redirect_url() or reverse("admin:index"))
        return self._form(request, WRONG)

    def _form(self, request: HttpRequest, error: str = "") -> HttpResponse:
        context = {
            **admin.site.each_context(request),
            "title": "Second factor",
            "error": error,
            "next": self.get_redirect_url(),
        }
        return TemplateResponse(request, "bingproject/code.html", context)


class SecondFactorView(View):
    """An operator's own second factor: none, being set up, or in force."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Where it stands."""
        return self._page(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        """One of the steps: begin, confirm, codes, remove."""
        steps = {"begin": self._begin, "confirm": self._confirm, "codes": self._codes, "remove": self._remove}
        return steps.get(request.POST.get("step", ""), self._page)(request)

    def _begin(self, request: HttpRequest) -> HttpResponse:
        if second_factor.has_factor(request.user):
            return self._page(request)
        key, address = second_factor.begin(request.user)
        # Drawn by us from an address of ours: nothing in it is anybody's markup.
        picture = mark_safe(segno.make(address, error="m").svg_inline(scale=5, border=4, light="#fff"))
        return self._page(request, key=" ".join(key[i : i + 4] for i in range(0, len(key), 4)), picture=picture)

    def _confirm(self, request: HttpRequest) -> HttpResponse:
        codes = second_factor.confirm(request, request.POST.get("code", ""))
        if codes is None:
            return self._page(request, error=WRONG, is_confirming=True)
        self._note(request, "Set up a second factor.")
        return self._page(request, codes=codes)

    def _codes(self, request: HttpRequest) -> HttpResponse:
        codes = second_factor.renew_codes(request, request.POST.get("code", ""))
        if codes is None:
            return self._page(request, error=WRONG)
        self._note(request, "Made new recovery codes.")
        return self._page(request, codes=codes)

    def _remove(self, request: HttpRequest) -> HttpResponse:
        if not second_factor.remove(request, request.POST.get("code", "")):
            return self._page(request, error=WRONG)
        self._note(request, "Removed the second factor.")
        messages.success(request, "The second factor is removed: the password alone logs you in.")
        return HttpResponseRedirect(reverse("admin:second_factor"))

    def _note(self, request: HttpRequest, text: str) -> None:
        """In the record of what operators did, at their own log-in."""
        user: Any = request.user
        admin.site.get_model_admin(User).log_change(request, user, text)

    def _page(self, request: HttpRequest, **shown: Any) -> HttpResponse:
        context = {
            **admin.site.each_context(request),
            "title": "Second factor",
            "has_factor": second_factor.has_factor(request.user),
            **shown,
        }
        # No other Referrer-Policy than the site's: with none a browser calls the form's own origin "null".
        headers = {"Cache-Control": "no-store"}
        return TemplateResponse(request, "bingproject/second_factor.html", context, headers=headers)
