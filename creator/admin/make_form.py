"""The form *Make a picture*: an operator's own request, handled like a caller's."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from bingproject.errors import ServiceError
from creator import services
from creator.api.serializers.fields import PROMPT_CHARACTERS, SPEEDS
from creator.models import Kind, Task
from creator.protocol import ASPECTS, MODELS

FIELDS = ("prompt", "model", "aspect", "speed")
CALLER_ID_CHARACTERS = 120  # the length of the database column


def _choice(names: Any, help_text: str = "") -> forms.ChoiceField:
    choices = [(name, name.capitalize() if name.isalpha() else name) for name in names]
    return forms.ChoiceField(choices=choices, widget=UnfoldAdminSelectWidget, help_text=help_text)


class MakeForm(forms.ModelForm):  # type: ignore[type-arg]  # no parameter at run time
    """Form of one picture. Validation creates the task, because only that reveals whether an account is usable."""

    prompt = forms.CharField(
        max_length=PROMPT_CHARACTERS,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "autofocus": True, "placeholder": "a red fox in the snow"}),
        help_text="What the picture shows.",
    )
    model = forms.ChoiceField(
        choices=[(name, f"{name}: {spec.description}") for name, spec in MODELS.items()], widget=UnfoldAdminSelectWidget
    )
    aspect = _choice(ASPECTS)
    speed = _choice(SPEEDS[::-1], "Fast spends one of the account's boosts; auto spends one while any are left.")

    class Meta:
        model = Task
        fields = FIELDS

    operator: ClassVar[str]
    created: Task

    def clean(self) -> dict[str, Any]:
        """Create the task; an error of the service becomes the form's error."""
        found = super().clean() or {}
        if self.errors:
            return found
        wanted = services.GenerationRequest(
            Kind.IMAGE, found["prompt"], found["model"], found["aspect"], found["speed"]
        )
        origin = services.TaskOrigin(caller_id=f"operator:{self.operator}"[:CALLER_ID_CHARACTERS], route="admin")
        try:
            batch = services.create_task(wanted, origin, timezone.now(), settings.IMAGE_WAIT_SECONDS)
        except ServiceError as error:
            raise forms.ValidationError(error.message) from error
        self.created = batch.tasks[0]
        return found


class MakePictureMixin:
    """Admin views of the form. List it before the theme's `ModelAdmin`, whose methods it extends."""

    add_form_template = "creator/admin/make.html"

    def get_form(self, request: HttpRequest, obj: Task | None = None, change: bool = False, **options: Any) -> Any:
        """Return a form class that knows the operator's name."""
        if obj is not None:
            return super().get_form(request, obj, change, **options)  # type: ignore[misc]  # the theme's ModelAdmin has it
        return type("OperatorsMakeForm", (MakeForm,), {"operator": request.user.get_username()})

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Show the form under the title *Make a picture*."""
        titled = (extra_context or {}) | {"title": "Make a picture"}
        answer: HttpResponse = super().add_view(request, form_url, titled)  # type: ignore[misc]
        return answer

    def save_model(self, request: HttpRequest, obj: Task, form: MakeForm, change: bool) -> None:
        """Take over the id of the task, which the form has created already, for the audit log."""
        obj.pk = form.created.pk

    def response_add(self, request: HttpRequest, obj: Task, post_url_continue: str | None = None) -> HttpResponse:
        """Redirect to the task's page."""
        messages.success(request, "Requested. The pictures appear here when they are ready.")
        return HttpResponseRedirect(reverse("admin:creator_task_change", args=[obj.pk]))
