"""What the image and video creator offers: models, aspects, lanes, and where its doors are.

Everything the wire dossier leaves open (model numbers, lanes, aspect numbers of videos, base paths) stands in this
one module, so that a changed Bing is a changed table. Source: docs/wire/image_creator.md, sections 2, 4 and 7.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One image model.

    Shape: `value` is the public number of the contract, `mdl` the number on the wire (equal today, for two reasons);
    `ratios` and `pixels` are keyed by aspect name. Units: `pixels` are (width, height).
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
    """One aspect: `ratio` is what `/options` has always shown, `ar` the number on the wire for images."""

    name: str
    value: int
    ratio: str
    ar: int


@dataclass(frozen=True, slots=True)
class VideoShape:
    """The two spellings of a video's aspect: `ar` in the query, `ratio` in the body."""

    ar: int
    ratio: str


@dataclass(frozen=True, slots=True)
class Paths:
    """Where the creator's doors are; `site` is only what Referer and Origin name, never where a request goes."""

    site: str = "https://www.bing.com"
    image: str = "/images/create"
    video_fast: str = "/images/create/ai-video-generator"


DEFAULT_PATHS = Paths()

ASPECTS: dict[str, AspectSpec] = {
    "SQUARE": AspectSpec(name="SQUARE", value=1, ratio="1:1", ar=1),
    "LANDSCAPE": AspectSpec(name="LANDSCAPE", value=2, ratio="7:4", ar=2),
    "PORTRAIT": AspectSpec(name="PORTRAIT", value=3, ratio="4:7", ar=3),
}

MODELS: dict[str, ModelSpec] = {
    "DALLE": ModelSpec(
        name="DALLE",
        value=0,
        description="DALL-E — fast, general purpose",
        wire_name="dalle",
        mdl=0,
        ratios={"SQUARE": "1:1", "LANDSCAPE": "7:4", "PORTRAIT": "4:7"},
        pixels={"SQUARE": (1024, 1024), "LANDSCAPE": (1792, 1024), "PORTRAIT": (1024, 1792)},
        image_count=4,
    ),
    "GPT4O": ModelSpec(
        name="GPT4O",
        value=1,
        description="GPT-4o — higher quality, slower",
        wire_name="gpt4o",
        mdl=1,
        ratios={"SQUARE": "1:1", "LANDSCAPE": "3:2", "PORTRAIT": "2:3"},
        pixels={"SQUARE": (1024, 1024), "LANDSCAPE": (1536, 1024), "PORTRAIT": (1024, 1536)},
        image_count=1,
    ),
    "MAI1": ModelSpec(
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

# rt=4 spends a boost, rt=3 never does.
IMAGE_LANES: dict[str, dict[str, str]] = {"fast": {"rt": "4"}, "standard": {"rt": "3"}}

# Two sets were seen, always whole: the fast one on the video door, the standard one on the image door.
VIDEO_LANES: dict[str, dict[str, str]] = {
    "fast": {"rt": "4", "pt": "4", "sm": "1"},
    "standard": {"rt": "3", "pt": "3", "sm": "0"},
}

# Videos have no model of the contract; every client that names one sends DALL-E's number and word.
VIDEO_MDL = 0
VIDEO_WIRE_NAME = "dalle"

# Uncertain (one client each): 4 = 9:16 and 5 = 16:9 come from clients of the fast door; 1 with 1:1 is the only value
# seen on the standard lane and unknown to the fast door, where a square order therefore asks for landscape.
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
