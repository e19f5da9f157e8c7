"""The gallery of finished pictures, newest first, and downloads of their files, fetched from Bing's media host."""

from __future__ import annotations

import io
import uuid
import zipfile
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.text import slugify

from bingproject.errors import InvalidRequestError, ServiceError
from creator import services
from creator.admin.filters import name_of
from creator.api.serializers import build_cursor
from creator.api.serializers.queries import parse_cursor
from creator.models import Kind, State, Task
from creator.protocol import build_thumbnail_url

TASKS_ON_A_PAGE = 24
NAME_CHARACTERS = 60
# File types by their first bytes, as browsers recognise them; Bing's addresses have no file name.
_ENDINGS = ((b"\x89PNG", "png"), (b"RIFF", "webp"), (b"GIF8", "gif"), (b"<svg", "svg"), (b"<?xml", "svg"))


class PictureFilesMixin:
    """Admin views of pictures. List it before the theme's `ModelAdmin`, whose methods it extends."""

    admin_site: Any
    opts: Any

    def get_urls(self) -> list[URLPattern]:
        """Put these URLs first, because the theme's `<path:object_id>/` would match them."""
        own = [
            path("pictures/", self.admin_site.admin_view(self.gallery), name="creator_task_gallery"),
            path("<uuid:task_id>/pictures/<int:number>/", self.download, name="creator_task_picture"),
            path("<uuid:task_id>/pictures.zip", self.download, name="creator_task_pictures"),
        ]
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc]  # the theme's ModelAdmin has it
        return [*own, *urls]

    def gallery(self, request: HttpRequest) -> HttpResponse:
        """Show a page of finished pictures, searched by words of the prompt."""
        if not self.has_view_permission(request):  # type: ignore[attr-defined]  # the theme's ModelAdmin has it
            raise PermissionDenied
        text = request.GET.get("q", "")
        rows = Task.objects.filter(kind=Kind.IMAGE, state=State.COMPLETED).order_by("-created_at", "-id")
        rows = services.search_tasks(rows, text).prefetch_related("results")
        try:
            created_at, task_id = parse_cursor(request.GET["before"])
            rows = rows.filter(Q(created_at__lt=created_at) | Q(created_at=created_at, id__lt=task_id))
        except (KeyError, InvalidRequestError):
            pass  # without a valid cursor the gallery shows its beginning
        tasks = list(rows[: TASKS_ON_A_PAGE + 1])
        shown = tasks[:TASKS_ON_A_PAGE]
        context = {
            **self.admin_site.each_context(request),
            "title": "Pictures",
            "opts": self.opts,
            "query": text,
            "pictures": [picture for task in shown for picture in pictures_of(task)],
            "older": build_cursor(shown[-1]) if len(tasks) > TASKS_ON_A_PAGE else "",
        }
        return TemplateResponse(request, "creator/admin/gallery.html", context)

    async def download(self, request: HttpRequest, task_id: uuid.UUID, number: int = 0) -> HttpResponse:
        """Send one picture's file, or a ZIP file of all (`number` 0); redirect to the task if Bing sends none."""
        # `admin_view`, which checks this for the other pages, is synchronous.
        if not await sync_to_async(self._may_see)(request):
            return redirect_to_login(request.get_full_path(), reverse("admin:login"))
        task = await Task.objects.filter(pk=task_id).afirst()
        urls = [] if task is None else await sync_to_async(lambda: task.image_urls)()
        if task is None or not urls or number > len(urls):
            raise Http404
        wanted = urls[number - 1 : number] if number else urls
        try:
            files = await services.fetch_images([(task, url) for url in wanted])
        except ServiceError as error:
            messages.error(request, error.message)
            return HttpResponseRedirect(reverse("admin:creator_task_change", args=[task_id]))
        name = slugify(task.prompt)[:NAME_CHARACTERS].strip("-") or str(task_id)
        found = [(at, content) for at, content in enumerate(files, number or 1) if content]
        return _file(name, *found[0]) if number else _zip(name, found)

    def _may_see(self, request: HttpRequest) -> bool:
        may_view: bool = self.has_view_permission(request)  # type: ignore[attr-defined]  # the theme's ModelAdmin has it
        return bool(self.admin_site.has_permission(request)) and may_view


def pictures_of(task: Task) -> list[dict[str, Any]]:
    """Return the template context of a task's pictures."""
    urls = [result.url for result in task.results.all()]
    return [
        {
            "task": task,
            "number": number,
            "url": url,
            "small_url": build_thumbnail_url(url),
            "requested_by": name_of(task.caller_id)[0],
        }
        for number, url in enumerate(urls, 1)
    ]


def _ending(content: bytes) -> str:
    return next((ending for start, ending in _ENDINGS if content.startswith(start)), "jpg")


def _file(name: str, number: int, content: bytes) -> HttpResponse:
    return _attached(content, f"{name}-{number}.{_ending(content)}")


def _zip(name: str, files: list[tuple[int, bytes]]) -> HttpResponse:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:  # uncompressed: pictures are compressed already
        for number, content in files:
            archive.writestr(f"{name}-{number}.{_ending(content)}", content)
    return _attached(packed.getvalue(), f"{name}.zip")


def _attached(content: bytes, name: str) -> HttpResponse:
    """Send as an attachment, so that no browser runs content from elsewhere under this server's origin."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}
    return HttpResponse(content, content_type="application/octet-stream", headers=headers)
