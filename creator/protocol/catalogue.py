"""Models, aspects, lanes and endpoints of the image and video creator.

Every value that the wire page leaves open (model numbers, lanes, aspect numbers of videos, base paths) is in this
module, so that a change at Bing changes only a table here. Source: docs/wire/image_creator.md, sections 2, 4 and 7.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CreatorModelSpec:
    """One image model.

    Attributes:
        value: The model's number in the public contract.
        mdl: The model's number on the wire. It equals `value` today, but either may change without the other.
        ratios: Ratio by aspect name.
        pixels: (width, height) by aspect name.
        image_count: Number of pictures that one request usually yields.
    """

    name: str
    value: int
    description: str
    wire_name: str
    mdl: int
    ratios: dict[str, str]
    pixels: dict[str, tuple[int, int]]
    image_count: int


@dataclass(frozen=True, slots=True)
class AspectSpec:
    """One aspect: `ratio` is the one that `/options` shows, `ar` the number on the wire for images."""

    name: str
    value: int
    ratio: str
    ar: int


@dataclass(frozen=True, slots=True)
class VideoShape:
    """A video's aspect on the wire: `ar` in the query, `ratio` in the body."""

    ar: int
    ratio: str


@dataclass(frozen=True, slots=True)
class Paths:
    """Paths of the creator's endpoints. `site` only fills Referer and Origin; requests go to `BING_URL`."""

    site: str = "https://www.bing.com"
    image: str = "/images/create"
    video_fast: str = "/images/create/ai-video-generator"


DEFAULT_PATHS = Paths()

ASPECTS: dict[str, AspectSpec] = {
    "SQUARE": AspectSpec(name="SQUARE", value=1, ratio="1:1", ar=1),
    "LANDSCAPE": AspectSpec(name="LANDSCAPE", value=2, ratio="7:4", ar=2),
    "PORTRAIT": AspectSpec(name="PORTRAIT", value=3, ratio="4:7", ar=3),
}

MODELS: dict[str, CreatorModelSpec] = {
    "DALLE": CreatorModelSpec(
        name="DALLE",
        value=0,
        description="DALL-E — fast, general purpose",
        wire_name="dalle",
        mdl=0,
        ratios={"SQUARE": "1:1", "LANDSCAPE": "7:4", "PORTRAIT": "4:7"},
        pixels={"SQUARE": (1024, 1024), "LANDSCAPE": (1792, 1024), "PORTRAIT": (1024, 1792)},
        image_count=4,
    ),
    "GPT4O": CreatorModelSpec(
        name="GPT4O",
        value=1,
        description="GPT-4o — higher quality, slower",
        wire_name="gpt4o",
        mdl=1,
        ratios={"SQUARE": "1:1", "LANDSCAPE": "3:2", "PORTRAIT": "2:3"},
        pixels={"SQUARE": (1024, 1024), "LANDSCAPE": (1536, 1024), "PORTRAIT": (1024, 1536)},
        image_count=1,
    ),
    "MAI1": CreatorModelSpec(
        name="MAI1",
        value=4,
        description="MAI Image 1 — Microsoft model",
        wire_name="maiimage1",
        mdl=4,
        ratios={"SQUARE": "1:1", "LANDSCAPE": "3:2", "PORTRAIT": "2:3"},
        pixels={"SQUARE": (1024, 1024), "LANDSCAPE": (1248, 832), "PORTRAIT": (832, 1248)},
        image_count=1,
    ),
}

# rt=4 spends a boost and is fast, rt=3 spends none.
IMAGE_LANES: dict[str, dict[str, str]] = {"fast": {"rt": "4"}, "standard": {"rt": "3"}}

# Clients send one of two sets, never a mixture: the fast one to the video endpoint, the standard one to the image
# endpoint.
VIDEO_LANES: dict[str, dict[str, str]] = {
    "fast": {"rt": "4", "pt": "4", "sm": "1"},
    "standard": {"rt": "3", "pt": "3", "sm": "0"},
}

# The public contract has no model for videos; every client that sends one uses DALL-E's number and name.
VIDEO_MDL = 0
VIDEO_WIRE_NAME = "dalle"

# Uncertain (one client each): 4 = 9:16 and 5 = 16:9 come from clients of the fast endpoint. 1 with 1:1 is the only
# value seen on the standard lane; no client sends it to the fast endpoint, so a square order becomes landscape there.
VIDEO_SHAPES: dict[str, dict[str, VideoShape]] = {
    "fast": {
        "SQUARE": VideoShape(ar=5, ratio="16:9"),
        "LANDSCAPE": VideoShape(ar=5, ratio="16:9"),
        "PORTRAIT": VideoShape(ar=4, ratio="9:16"),
    },
    "standard": {
        "SQUARE": VideoShape(ar=1, ratio="1:1"),
        "LANDSCAPE": VideoShape(ar=5, ratio="16:9"),
        "PORTRAIT": VideoShape(ar=4, ratio="9:16"),
    },
}
