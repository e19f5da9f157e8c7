"""Addresses of finished pictures and videos: which of a page's URLs are results, and their one normal form.

Source: docs/wire/image_creator.md, sections 3, 4.2 and 5.
"""

from __future__ import annotations

import html
import re
from urllib.parse import SplitResult, parse_qs, urlsplit

# A media id is one path segment. Scripts and icons of the page live under /rp/, but a suffix check costs nothing.
_MEDIA_PATH = re.compile(r"/th/id/([A-Za-z0-9][A-Za-z0-9._-]*)\Z")
_NOT_MEDIA = (".js", ".css", ".svg")
# A URL that asks for a size is the still picture in front of the video, whatever its pid says.
_THUMBNAIL_FIELDS = frozenset({"w", "h", "c", "rs", "qlt", "o"})


def find_image_id(url: str, *, media_url: str) -> str:
    """The media id of a picture's URL, "" when the URL is no picture on a host of Bing's."""
    parts = _split(url)
    return "" if parts is None else _media_id(parts, media_url)


def build_image_url(image_id: str, *, media_url: str) -> str:
    """The full-size picture: `<media_url>/th/id/<id>?pid=ImgGn`, without the thumbnail's width and height."""
    return f"{media_url.rstrip('/')}/th/id/{image_id}?pid=ImgGn"


def build_thumbnail_url(image_url: str) -> str:
    """A small, square variant of a picture's full-size address, as Bing's own result pages ask for it."""
    return f"{image_url}&w=270&h=270&c=6&r=0&o=5"


def find_video_url(url: str, *, media_url: str) -> str:
    """The normal form of a video's URL, "" for anything else: other hosts, pictures, thumbnails of videos."""
    parts = _split(url)
    if parts is None:
        return ""
    query = parse_qs(parts.query, keep_blank_values=True)
    if query.get("pid") != ["videocreator"] or _THUMBNAIL_FIELDS & query.keys():
        return ""
    video_id = _media_id(parts, media_url)
    return f"{media_url.rstrip('/')}/th/id/{video_id}?pid=videocreator" if video_id else ""


def is_bing_host(host: str) -> bool:
    """Whether a host name is Bing's own, picture servers included."""
    return host == "bing.com" or host.endswith((".bing.com", ".mm.bing.net"))


def _split(url: str) -> SplitResult | None:
    # Scripts write "/" as "\/" and "&" as "\u0026"; attributes inside scripts keep their entities.
    plain = html.unescape(url.replace("\\/", "/").replace("\\u0026", "&")).strip()
    try:
        parts = urlsplit(plain)
        parts.port  # noqa: B018 - reading it is what checks it
    except ValueError:
        return None
    return parts if parts.scheme in ("", "http", "https") else None


def _media_id(parts: SplitResult, media_url: str) -> str:
    host = parts.hostname or ""
    if parts.netloc and not is_bing_host(host) and parts.netloc != urlsplit(media_url).netloc:
        return ""
    found = _MEDIA_PATH.match(parts.path)
    return found[1] if found and not found[1].lower().endswith(_NOT_MEDIA) else ""
