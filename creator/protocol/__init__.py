"""Bing's image and video creator as pure functions: build requests from orders, parse responses into values or errors.

Nothing here reads a clock, a setting or a socket. Source: docs/wire/image_creator.md.
"""

from creator.protocol.answers import JobReference, parse_create_response, parse_visit
from creator.protocol.balance import build_video_page, parse_boosts, parse_fast_videos
from creator.protocol.catalogue import ASPECTS, MODELS, AspectSpec, CreatorModelSpec, Paths, VideoShape
from creator.protocol.images import Images, parse_results_page
from creator.protocol.media import build_thumbnail_url
from creator.protocol.pages import HomePage, NotReady
from creator.protocol.requests import (
    CreatorRequest,
    Order,
    VideoCard,
    build_create,
    build_poll,
    build_video_detail,
    build_visit,
)
from creator.protocol.videos import Video, parse_video_detail, parse_video_result

__all__ = [
    "ASPECTS",
    "MODELS",
    "AspectSpec",
    "CreatorModelSpec",
    "CreatorRequest",
    "HomePage",
    "Images",
    "JobReference",
    "NotReady",
    "Order",
    "Paths",
    "Video",
    "VideoCard",
    "VideoShape",
    "build_create",
    "build_poll",
    "build_thumbnail_url",
    "build_video_detail",
    "build_video_page",
    "build_visit",
    "parse_boosts",
    "parse_create_response",
    "parse_fast_videos",
    "parse_results_page",
    "parse_video_detail",
    "parse_video_result",
    "parse_visit",
]
