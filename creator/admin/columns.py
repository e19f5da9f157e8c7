"""Cells of the list of tasks: pictures, prompt with error code, caller."""

from __future__ import annotations

from urllib.parse import urlencode

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from creator.admin.filters import name_of
from creator.admin.timeline import LINK_CLASSES
from creator.models import Task
from creator.protocol import build_thumbnail_url

SHORT_PROMPT_CHARACTERS = 70
# On a phone, the theme shows the cell to the right of its column's name.
CELL = '<div class="flex flex-col min-w-0 text-right lg:text-left">{}{}</div>'
# No referrer, so that Bing does not learn the address of this server.
THUMBNAIL = (
    '<a href="{}"><img class="aspect-square h-16 object-cover rounded-default w-16" src="{}" alt="picture {}" '
    'loading="lazy" referrerpolicy="no-referrer"></a>'
)
VIDEO = '<a href="{}"><span class="material-symbols-outlined" title="video">movie</span></a>'


def show_pictures(task: Task) -> SafeString:
    """Return thumbnails that link to the task. The browser fetches them from Bing, and only those in view."""
    address = reverse("admin:creator_task_change", args=[task.pk])
    urls = [result.url for result in task.results.all()]
    rows = ((address, build_thumbnail_url(url), number) for number, url in enumerate(urls, 1))
    video = format_html(VIDEO, address) if task.video_url else ""
    return format_html('<span class="thumbnails">{}{}</span>', format_html_join("", THUMBNAIL, rows), video)


def show_prompt(task: Task) -> SafeString:
    """Return the beginning of the prompt and the error code, if there is one."""
    text = task.prompt[: SHORT_PROMPT_CHARACTERS + 1]
    short = text if len(text) <= SHORT_PROMPT_CHARACTERS else f"{text[:SHORT_PROMPT_CHARACTERS]}…"
    why = format_html('<span class="text-red-700 text-xs dark:text-red-400">{}</span>', task.error_code)
    return format_html(CELL, format_html('<span class="break-words">{}</span>', short), why if task.error_code else "")


def show_caller(task: Task) -> SafeString:
    """Return the caller as a link to all their tasks, with the task's account below."""
    account = format_html('<span class="text-subtle text-xs">by {}</span>', task.account) if task.account else ""
    return format_html(CELL, caller_link(task.caller_id), account)


def caller_link(caller_id: str) -> SafeString:
    """Return a link to all tasks of a caller."""
    name, text = name_of(caller_id)
    address = f"{reverse('admin:creator_task_changelist')}?{urlencode({'user': text})}"
    return format_html('<a class="{}" href="{}">{}</a>', LINK_CLASSES, address, name)
