"""Content security policies of the pages outside the admin; the admin's is django-csp's, in the settings.

Everything that is not a page gets the policy of `edge.application`, which allows nothing.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.response import Response

HEADER = "Content-Security-Policy"
_EVERYWHERE = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
# The home page has an inline style, no script and no form.
HOME_POLICY = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; {_EVERYWHERE}"
# Swagger UI has icons as data: URLs and writes style attributes; its scripts are files.
DOCUMENTATION_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    f"connect-src 'self'; {_EVERYWHERE}"
)


class DocumentationView(SpectacularSwaggerSplitView):
    """Swagger UI, with its start script in a file, since the policy allows no inline script."""

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Response:
        """Add the policy."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        answer[HEADER] = DOCUMENTATION_POLICY
        return answer
