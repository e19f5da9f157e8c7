"""What the pages outside the admin may load and run; the admin's own policy is django-csp's, in the settings.

Whatever is no page gets the gate's policy: nothing at all.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.response import Response

HEADER = "Content-Security-Policy"
_EVERYWHERE = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
# The home page has a style of its own and neither script nor form.
HOME_POLICY = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; {_EVERYWHERE}"
# Swagger UI draws its icons as data: and writes style attributes; its scripts are files.
DOCUMENTATION_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    f"connect-src 'self'; {_EVERYWHERE}"
)


class DocumentationView(SpectacularSwaggerSplitView):
    """The API's description to try in a browser, its starting script as a file of its own."""

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Response:
        """With the policy."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        answer[HEADER] = DOCUMENTATION_POLICY
        return answer
