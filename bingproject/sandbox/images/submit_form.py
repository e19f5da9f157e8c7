"""Parse a submit as strictly as the wire pages allow; each fault is answered by a 400."""

from __future__ import annotations

from dataclasses import dataclass, field

from bingproject.sandbox.core.exchange import Request, parse_fields
from bingproject.sandbox.core.state import IMAGE, VIDEO

CREATE = "/images/create"
IMAGE_DOOR = "/images/create/ai-image-generator"
VIDEO_DOOR = "/images/create/ai-video-generator"
DOORS = {CREATE: "create", IMAGE_DOOR: "ai-image-generator", VIDEO_DOOR: "ai-video-generator"}
FORM_TYPE = b"application/x-www-form-urlencoded"

# Source: docs/wire/image_creator.md, the tables of query and body fields.
BODY_MODELS = {"dalle": "0", "gpt4o": "1", "maiimage1": "4", "maiimage26e": "12"}
RATIOS = {
    "1": {"1:1"},
    "2": {"7:4", "3:2", "16:9"},
    "3": {"4:7", "2:3", "9:16"},
    "4": {"9:16"},
    "5": {"16:9"},
}
IMAGE_MODELS = {"create": {"0", "1", "4"}, "ai-image-generator": {"0", "1", "4", "12"}}
LANES = {"4": "fast", "3": "standard"}


@dataclass
class SubmitForm:
    """A submit as far as it could be read, and its faults in words."""

    prompt: str
    kind: str
    door: str
    model: int = 0
    aspect: int = 1
    lane: str = "standard"
    rt: int | None = None
    faults: list[str] = field(default_factory=list)


def parse_submit(request: Request, body: bytes) -> SubmitForm:
    """Read a submit's query and body; `faults` names everything that no client of Bing's sends."""
    query, door = request.query(), DOORS[request.path]
    kind = VIDEO if door == "ai-video-generator" or query.get("ctype") == "video" else IMAGE
    form = SubmitForm(prompt=query.get("q", ""), kind=kind, door=door)
    if not form.prompt.strip():
        form.faults.append("q is missing or blank in the query")
    if kind == IMAGE:
        _read_image(form, query)
    else:
        _read_video(form, query)
    _check_body(form, request, query, body)
    _check_ig(form, query)
    return form


def _read_image(form: SubmitForm, query: dict[str, str]) -> None:
    _need(form, query, "rt", set(LANES))
    _need(form, query, "mdl", IMAGE_MODELS[form.door])
    _need(form, query, "ar", {"1", "2", "3"})
    if not query.get("FORM"):
        form.faults.append("FORM is missing")
    if form.door == "ai-image-generator":
        _need(form, query, "sm", {"1"})
    for name in ("ctype", "pt"):
        if name in query:
            form.faults.append(f"{name} belongs to videos")
    if not form.faults:
        form.model, form.aspect, form.rt = int(query["mdl"]), int(query["ar"]), int(query["rt"])
        form.lane = LANES[query["rt"]]


def _read_video(form: SubmitForm, query: dict[str, str]) -> None:
    fast_only = form.door == "ai-video-generator"
    _need(form, query, "pt", {"4"} if fast_only else {"3", "4"})
    lane = query.get("pt", "3")
    _need(form, query, "sm", {"1"} if lane == "4" else {"0"})
    _need(form, query, "ar", {"1", "4", "5"})
    # One client of the standard lane sends neither rt nor mdl; where they are sent they have to agree with pt.
    if lane == "4" or "rt" in query:
        _need(form, query, "rt", {lane})
    if "mdl" in query:
        _need(form, query, "mdl", {"0"})
    if not form.faults:
        form.aspect, form.lane = int(query["ar"]), LANES[lane]
        form.rt = int(query["rt"]) if "rt" in query else None


def _need(form: SubmitForm, query: dict[str, str], name: str, allowed: set[str]) -> None:
    if query.get(name) not in allowed:
        form.faults.append(f"{name} is {query.get(name)!r}, not one of {', '.join(sorted(allowed))}")


def _check_body(form: SubmitForm, request: Request, query: dict[str, str], body: bytes) -> None:
    content_type = (request.header(b"content-type") or b"").partition(b";")[0].strip().lower()
    if content_type != FORM_TYPE and (body or content_type):
        form.faults.append(f"the content type is {content_type!r}, not that of a form")
    if not body:
        return
    fields = parse_fields(body)
    if fields.get("q") != form.prompt:
        form.faults.append("q differs between query and body")
    model, ratio = fields.get("model"), fields.get("aspectRatio")
    if model is not None and BODY_MODELS.get(model) != query.get("mdl", "0"):
        form.faults.append(f"model {model!r} in the body disagrees with mdl {query.get('mdl')!r}")
    if ratio is not None and ratio not in RATIOS.get(query.get("ar", ""), set()):
        form.faults.append(f"aspectRatio {ratio!r} in the body disagrees with ar {query.get('ar')!r}")


def _check_ig(form: SubmitForm, query: dict[str, str]) -> None:
    ig = query.get("IG")
    if ig is not None and not is_ig(ig):
        form.faults.append(f"IG is {ig[:40]!r}, not 32 upper-case hex digits")


def is_ig(text: str) -> bool:
    """Return whether a text has the form of an IG: 32 upper-case hex digits."""
    return len(text) == 32 and set(text) <= set("0123456789ABCDEF")
