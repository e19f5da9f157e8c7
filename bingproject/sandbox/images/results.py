"""Answer polls of one generation: pending, preview, finished pictures, finished video."""

from __future__ import annotations

import hashlib
import json
from urllib.parse import quote_plus

from bingproject.sandbox.core.exchange import JSON, SandboxReply
from bingproject.sandbox.core.state import VIDEO, SandboxGeneration, media_id
from bingproject.sandbox.core.templates import escape, fill, read_page

PENDING = {
    "pending-empty": SandboxReply(),
    "pending-newline": SandboxReply(read_page("poll/pending-newline.html")),
    "pending-json": SandboxReply(read_page("poll/pending-json.json"), content_type=JSON),
    "pending-still": SandboxReply(read_page("poll/pending-still.json"), content_type=JSON),
    "pending-status-page": SandboxReply(read_page("poll/pending-status-page.html")),
}
IMAGE_PENDING = (
    PENDING["pending-empty"],
    PENDING["pending-newline"],
    PENDING["pending-json"],
    PENDING["pending-status-page"],
)
VIDEO_PENDING = (PENDING["pending-json"], PENDING["pending-still"], PENDING["pending-empty"])
PREVIEW_MODELS = frozenset({1, 4, 12})
HOSTS = ("https://tse1.mm.bing.net", "https://th.bing.com", "", "https://tse3.mm.bing.net")
VIDEO_FORMS = ("video-a", "video-b", "video-c")
RARE_VIDEO_FORMS = (
    "video-a-html",
    "video-a-flag",
    "video-a-bare",
    "video-a-tag",
    "video-a-unknown",
    "video-b-bare",
)
RARE_IMAGE_FORMS = ("images-bare", "images-show-content", "images-records", "records-unsafe", "images-unknown")
UNKNOWN_CONTENT = '<section class="studio-card" data-state="done"><span>Studio</span></section>'


def render_pending(generation: SandboxGeneration, now: float) -> SandboxReply:
    """Answer a poll of a generation that is not ready: its own form, a preview, or each recorded form in turn."""
    course = generation.course
    for name in course:
        if name in PENDING:
            return PENDING[name]
    if shows_preview(generation, now):
        return SandboxReply(fill("poll/preview.html", alt=escape(generation.prompt), media_id=media_id(generation, 1)))
    forms = VIDEO_PENDING if generation.kind == VIDEO else IMAGE_PENDING
    return forms[(generation.polls - 1) % len(forms)]


def shows_preview(generation: SandboxGeneration, now: float) -> bool:
    """Return whether a preview is shown: always if requested, else in the second half of a streaming model's time."""
    if generation.kind == VIDEO or "never-ready" in generation.course:
        return False
    if "preview" in generation.course or "preview-only" in generation.course:
        return True
    if generation.model not in PREVIEW_MODELS or generation.ready_at is None:
        return False
    return now - generation.accepted_at >= (generation.ready_at - generation.accepted_at) / 2


def render_ready(generation: SandboxGeneration) -> SandboxReply:
    """Answer a poll of a finished generation."""
    if generation.kind == VIDEO:
        return render_video(generation)
    form = next((name for name in generation.course if name in RARE_IMAGE_FORMS), "")
    return render_rare_pictures(generation, form) if form else SandboxReply(render_pictures(generation))


def render_rare_pictures(generation: SandboxGeneration, form: str) -> SandboxReply:
    """Answer a poll of finished pictures in a form that is reported or seen rarely."""
    names = [media_id(generation, index) for index in range(picture_count(generation))]
    if form == "images-bare":
        return SandboxReply("".join(f'<img src="/th/id/{name}"/>' for name in names))
    if form.startswith("images-records"):
        items = [{"src": f"https://th.bing.com/th/id/{name}?pid=ImgGn", "thid": name} for name in names]
        records = [{"mediaItems": items, "model": "gpt4o", "aspectRatio": "1:1"}]
        return _json({"status": 2, "errorType": 0, "records": records})
    if form == "records-unsafe":
        return _json({"status": 3, "errorType": 16, "records": []})
    shown = UNKNOWN_CONTENT if form == "images-unknown" else render_pictures(generation)
    return _json({"errorMessage": "", "showContent": shown})


def _json(document: dict[str, object]) -> SandboxReply:
    return SandboxReply(json.dumps(document), content_type=JSON)


def picture_count(generation: SandboxGeneration) -> int:
    """How many pictures a generation made: up to four with DALL·E, one with the others."""
    if generation.model != 0:
        return 1
    wanted = generation.course.get("fewer-images", 4)
    return max(1, min(4, int(4 if wanted is None else wanted)))


def render_pictures(generation: SandboxGeneration) -> str:
    """Build the finished page of an image generation."""
    blocks = []
    for index in range(picture_count(generation)):
        copies = 2 if "duplicate-images" in generation.course else 1
        blocks += [_render_picture(generation, index, HOSTS[(index + copy) % 4]) for copy in range(copies)]
    caption = ""
    if generation.model != 0:
        caption = f'<div data-selcap="{escape(enhanced_prompt(generation.prompt))}"></div>'
    return fill("pictures.html", caption=caption, pictures="".join(blocks))


def enhanced_prompt(prompt: str) -> str:
    """Return the prompt as newer models rewrite it; its apostrophe is encoded, so that a client has to decode it."""
    return f'{prompt}, in an artist\'s "best" light & colour'


def _render_picture(generation: SandboxGeneration, index: int, host: str) -> str:
    name = media_id(generation, index)
    dalle = generation.model == 0
    size = "w=270&h=270&c=6&r=0&o=5" if dalle else "w=540&h=540&c=6"
    custom = json.dumps({"CustomData": json.dumps({"MediaUrl": f"https://th.bing.com/th/id/{name}"})})
    return fill(
        "picture.html",
        custom=escape(custom),
        classes="image-row-img bceimg mimg" if dalle else "image-row-img mimg",
        alt=escape(generation.prompt),
        src=escape(f"{host}/th/id/{name}?{size}&pid=ImgGn"),
    )


def video_form(generation: SandboxGeneration) -> str:
    """Return which recorded form a finished video has: the requested one, else one by a hash of the prompt."""
    for name in generation.course:
        if name in VIDEO_FORMS or name in RARE_VIDEO_FORMS:
            return name
    return VIDEO_FORMS[hashlib.sha256(generation.prompt.encode("utf-8", "replace")).digest()[0] % 3]


def video_url(generation: SandboxGeneration, query: str = "") -> str:
    """Return the address of a finished video on Bing's host."""
    return f"https://th.bing.com/th/id/{media_id(generation, 0)}?{query}pid=videocreator"


def bare_video_url(generation: SandboxGeneration) -> str:
    """Return an address of the same file without `pid`, ending in `.mp4`."""
    return f"https://th.bing.com/th/id/{media_id(generation, 0)}.mp4"


def video_image_id(generation: SandboxGeneration) -> str:
    """Return the id by which the detail route names a video."""
    return hashlib.sha256(generation.id.encode()).hexdigest()[:20]


def render_video(generation: SandboxGeneration) -> SandboxReply:
    """Answer a poll of a finished video in one of its forms."""
    form = video_form(generation)
    element = f'<div class="vidgn" ourl="{escape(video_url(generation, "x=1&"))}"></div>'
    if form == "video-b":
        return SandboxReply(element)
    if form == "video-b-bare":
        return SandboxReply(f'<div class="vidgn" ourl="{escape(bare_video_url(generation))}"></div>')
    if form == "video-c":
        card = {
            "alt": escape(generation.prompt),
            "image_id": video_image_id(generation),
            "media_id": media_id(generation, 0),
            "thumbnail_id": media_id(generation, 1),
        }
        return SandboxReply(fill("video_card.html", **card))
    bare = escape(bare_video_url(generation))
    rare: dict[str, object] = {
        "video-a-html": element,
        "video-a-flag": True,
        "video-a-bare": bare_video_url(generation),
        "video-a-tag": f'<div class="vid"><video src="{bare}" ourl="{bare}"></video></div>',
        "video-a-unknown": UNKNOWN_CONTENT,
    }
    return _json({"errorMessage": "", "showContent": rare.get(form, video_url(generation))})


def video_detail(generation: SandboxGeneration) -> dict[str, object]:
    """Return the detail route's JSON of a finished video."""
    return {
        "value": [
            {
                "contentUrl": video_url(generation),
                "thumbnailUrl": f"https://th.bing.com/th/id/{media_id(generation, 1)}?pid=ImgGn",
                "imageId": video_image_id(generation),
                "name": generation.prompt,
                "encodingFormat": "mp4",
                "width": 854,
                "height": 480,
                "generationMetadata": {"modelName": "SoraV2"},
            }
        ]
    }


def result_location(generation: SandboxGeneration, path: str, nfy: str) -> str:
    """Return the relative Location of an accepted submit."""
    parts = [f"q={quote_plus(generation.prompt, errors='replace')}"]
    if generation.rt is not None:
        parts.append(f"rt={generation.rt}")
    parts += [f"mdl={generation.model}", f"ar={generation.aspect}", "FORM=GENCRE", f"id={generation.id}"]
    return f"{path}?{'&'.join(parts)}{nfy}"
