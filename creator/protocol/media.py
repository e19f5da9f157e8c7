"""Recognise the URLs of finished pictures and videos, and bring them into one normal form.

Source: docs/wire/image_creator.md, sections 3, 4.2 and 5.
"""

from __future__ import annotations

import html
import re
from urllib.parse import SplitResult, parse_qs, urlsplit

# A media id is one path segment of about 30 characters. The limit keeps every URL shorter than its column.
_MEDIA_PATH = re.compile(r"/th/id/([A-Za-z0-9][A-Za-z0-9._-]{0,254})\Z")
_VIDEO_FILE = re.compile(r"/[A-Za-z0-9._~/-]{1,500}\.mp4\Z", re.I)
# Scripts and icons of the page are under /rp/; this is a second guard, which costs nothing.
_NOT_MEDIA = (".js", ".css", ".svg")
LONGEST_URL = 2000  # the length of the database column
# A URL with a size is the still picture of a video, even if its pid is the video's.
_THUMBNAIL_FIELDS = frozenset({"w", "h", "c", "rs", "qlt", "o"})


def find_image_id(url: str, *, media_url: str) -> str:
    """Return the media id in a picture's URL; "" if the URL is no picture on a host of Bing's."""
    parts = _split(url)
    image_id = "" if parts is None else _media_id(parts, media_url)
    return "" if _is_video_id(image_id) else image_id


def is_image_id(text: str) -> bool:
    """True if the text is the media id of a picture."""
    return _MEDIA_PATH.match(f"/th/id/{text}") is not None and not _is_video_id(text)


def build_image_url(image_id: str, *, media_url: str) -> str:
    """Return the URL of the full-size picture: without `w` and `h`, which make Bing send a thumbnail."""
    return f"{media_url.rstrip('/')}/th/id/{image_id}?pid=ImgGn"


def build_thumbnail_url(image_url: str) -> str:
    """Return the URL of a picture's square thumbnail, with the parameters of Bing's own result pages."""
    return f"{image_url}&w=270&h=270&c=6&r=0&o=5"


def find_video_url(url: str, *, media_url: str) -> str:
    """Return the normal form of a video's URL; "" for other hosts, pictures and thumbnails of videos.

    A video is `/th/id/<id>` with `pid=videocreator` or without any `pid`, or a file whose name ends in `.mp4`. Call
    this only for addresses that a page gives as a video's, because a picture's may look the same.
    """
    parts = _split(url)
    if parts is None:
        return ""
    query = parse_qs(parts.query, keep_blank_values=True)
    pid = query.get("pid")
    if _THUMBNAIL_FIELDS & query.keys() or not _is_media_host(parts, media_url):
        return ""
    path = _video_path(parts, media_url)
    if not path or not (pid in (None, ["videocreator"]) or path.lower().endswith(".mp4")):
        return ""
    # Without a `pid`, it is unknown which parts of the query Bing needs, so all are kept.
    query_text = "pid=videocreator" if pid == ["videocreator"] else parts.query
    is_media = path.startswith("/th/id/") or parts.netloc == urlsplit(media_url).netloc
    found = f"{media_url.rstrip('/') if is_media else f'https://{parts.hostname}'}{path}"
    found += f"?{query_text}" if query_text else ""
    return found if len(found) <= LONGEST_URL else ""


def is_bing_host(host: str) -> bool:
    """True for host names of Bing, picture servers included."""
    return host == "bing.com" or host.endswith((".bing.com", ".mm.bing.net"))


def _is_video_id(media_id: str) -> bool:
    return media_id.lower().endswith(".mp4")


def _split(url: str) -> SplitResult | None:
    # Scripts write "/" as "\/" and "&" as "\u0026"; attributes inside scripts keep their entities.
    plain = html.unescape(url.replace("\\/", "/").replace("\\u0026", "&")).strip()
    try:
        parts = urlsplit(plain)
        parts.port  # noqa: B018 - reading the property checks it
    except ValueError:
        return None
    return parts if parts.scheme in ("", "http", "https") else None


def _is_media_host(parts: SplitResult, media_url: str) -> bool:
    return not parts.netloc or is_bing_host(parts.hostname or "") or parts.netloc == urlsplit(media_url).netloc


def _media_id(parts: SplitResult, media_url: str) -> str:
    if not _is_media_host(parts, media_url):
        return ""
    found = _MEDIA_PATH.match(parts.path)
    return found[1] if found and not found[1].lower().endswith(_NOT_MEDIA) else ""


def _video_path(parts: SplitResult, media_url: str) -> str:
    """Return the path if it may be a video's: a media id below /th/id/, elsewhere a name that ends in `.mp4`."""
    if video_id := _media_id(parts, media_url):
        return f"/th/id/{video_id}"
    return parts.path if parts.netloc and _VIDEO_FILE.match(parts.path) else ""
