"""Pages of the admin that update themselves.

The script `live.js` asks for a page again with the header X-Live and gets only the parts that may have changed. A part
is an element with an id, `data-live` (how it is updated) and `data-live-seconds` (when to ask again; 0 when final).
"""

from __future__ import annotations

from django.http import HttpRequest
from django.template.response import TemplateResponse

HEADER = "X-Live"


def is_asked(request: HttpRequest) -> bool:
    """True if the script asks and not a person."""
    return HEADER in request.headers


def only_parts(request: HttpRequest, response: TemplateResponse, template: str) -> TemplateResponse:
    """Have the script's answer rendered by a template of its own: without navigation, filters and waiting messages."""
    if is_asked(request):
        response.template_name = template
    return response
