"""URLs of results, and their one normal form."""

import pytest

from creator.protocol.media import (
    build_image_url,
    build_thumbnail_url,
    find_image_id,
    find_video_url,
    is_bing_host,
)

MEDIA = "http://127.0.0.1:7861"


@pytest.mark.parametrize(
    "url",
    [
        "/th/id/OIG1.aaa1?w=270&h=270",
        "https://th.bing.com/th/id/OIG1.aaa1",
        "//www.bing.com/th/id/OIG1.aaa1?pid=ImgGn",
        "https://tse3.mm.bing.net/th/id/OIG1.aaa1?pid=ImgGn",
        "https:\\/\\/th.bing.com\\/th\\/id\\/OIG1.aaa1?w=1\\u0026h=1",
        " https://th.bing.com/th/id/OIG1.aaa1?w=1&amp;h=1 ",
        "http://127.0.0.1:7861/th/id/OIG1.aaa1",
    ],
)
def test_pictures_on_tse_hosts_and_all_others_of_bing_have_one_form(url: str) -> None:
    """Relative, absolute, tse and escaped URLs of one picture become one full-size URL on the media host."""
    image_id = find_image_id(url, media_url=MEDIA)
    assert build_image_url(image_id, media_url=MEDIA + "/") == "http://127.0.0.1:7861/th/id/OIG1.aaa1?pid=ImgGn"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "data:image/gif;base64,R0lGOD",
        "javascript:alert(1)",
        "https://r.bing.com/rp/app.br.js?v=1",
        "https://r.bing.com/th/id/app.br.js",
        "/rp/in-2zU3AJUdkgFe7ZKv19yPBHVs.png",
        "/th/id/icon.svg",
        "/th/id/",
        "/th/id/../secret",
        "/th/id/a/b",
        "https://evil.example/th/id/OIG1.aaa1",
        "https://th.bing.com.evil.example/th/id/OIG1.aaa1",
        "https://th.bing.com@evil.example/th/id/OIG1.aaa1",
        "https://notbing.com/th/id/OIG1.aaa1",
        "http://127.0.0.1:7862/th/id/OIG1.aaa1",
        "https://[bad/th/id/OIG1.aaa1",
        "https://th.bing.com:port/th/id/OIG1.aaa1",
        "https://th.bing.com/th/id/OIG1." + "a" * 3000,
    ],
)
def test_a_script_url_or_a_foreign_host_is_no_picture(url: str) -> None:
    """Scripts, icons, data, other hosts and malformed URLs are never results."""
    assert find_image_id(url, media_url=MEDIA) == ""


@pytest.mark.parametrize(
    "url",
    [
        "https://th.bing.com/th/id/OIG4.vid1?pid=videocreator",
        "/th/id/OIG4.vid1?x=1&amp;pid=videocreator",
        "https:\\/\\/th.bing.com\\/th\\/id\\/OIG4.vid1?x=1\\u0026pid=videocreator",
    ],
)
def test_video_addresses_are_decoded(url: str) -> None:
    """Entities and the escapes of scripts are decoded before the URL is classified."""
    assert find_video_url(url, media_url=MEDIA) == "http://127.0.0.1:7861/th/id/OIG4.vid1?pid=videocreator"


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://th.bing.com/th/id/OVG1.0123456789abcdef.mp4", "/th/id/OVG1.0123456789abcdef.mp4"),
        ("http://th.bing.com/th/id/OVG1.0123456789abcdef", "/th/id/OVG1.0123456789abcdef"),
        ("https://tse2.mm.bing.net/th/id/OVG1.a.mp4?pid=ImgGn", "/th/id/OVG1.a.mp4?pid=ImgGn"),
        ("/th/id/OVG1.a.mp4", "/th/id/OVG1.a.mp4"),
        ("http://127.0.0.1:7861/th/id/OVG1.a?sig=x&amp;se=1", "/th/id/OVG1.a?sig=x&se=1"),
        ("http://127.0.0.1:7861/clips/a.MP4", "/clips/a.MP4"),
    ],
)
def test_video_addresses_without_a_pid(url: str, normal: str) -> None:
    """Reported 2026-11-30: with or without `.mp4`, http or https, also relative; the query is kept."""
    assert find_video_url(url, media_url=MEDIA) == f"http://127.0.0.1:7861{normal}"


def test_a_video_file_elsewhere_on_bings_hosts() -> None:
    """The name's ending identifies it; the URL uses https and has no user part."""
    url = "http://somebody@www.bing.com/videos/clip/a-b.mp4?x=1"
    assert find_video_url(url, media_url=MEDIA) == "https://www.bing.com/videos/clip/a-b.mp4?x=1"


@pytest.mark.parametrize("field", ["w", "h", "c", "rs", "qlt", "o"])
def test_thumbnails_of_videos_are_refused(field: str) -> None:
    """A URL with a size is the still of the video."""
    assert find_video_url(f"https://th.bing.com/th/id/OIG4.vid1?{field}=1&pid=videocreator", media_url=MEDIA) == ""


@pytest.mark.parametrize(
    "url",
    [
        "https://th.bing.com/th/id/OIG4.vid1?pid=ImgGn",
        "https://th.bing.com/th/id/OIG4.vid1?w=270&h=270",
        "https://th.bing.com/th/id/OIG4.vid1.mp4?w=270",
        "https://evil.example/th/id/OIG4.vid1?pid=videocreator",
        "https://evil.example/th/id/OIG4.vid1.mp4",
        "https://th.bing.com/a b.mp4",
        "https://www.bing.com/rp/app.js",
        "/a/b.mp4",
        "https://th.bing.com/th/id/OVG1.vid1?" + "sig=" + "a" * 3000,
        "https://[bad",
        "true",
    ],
)
def test_other_addresses_are_no_video(url: str) -> None:
    """Pictures, other hosts and plain words are no videos."""
    assert find_video_url(url, media_url=MEDIA) == ""


def test_hosts_of_bing() -> None:
    """Bing's own names and its picture servers count, names that merely end alike do not."""
    assert all(map(is_bing_host, ["bing.com", "www.bing.com", "tse1.mm.bing.net"]))
    assert not any(map(is_bing_host, ["", "evilbing.com", "bing.net", "bing.com.example"]))


def test_a_thumbnail_is_the_same_picture_smaller() -> None:
    """Its URL has a width and height, as on Bing's result pages, so it is no result's normal form."""
    small = build_thumbnail_url("https://th.bing.com/th/id/OIG1.a?pid=ImgGn")
    assert small == "https://th.bing.com/th/id/OIG1.a?pid=ImgGn&w=270&h=270&c=6&r=0&o=5"
    assert find_image_id(small, media_url="https://th.bing.com") == "OIG1.a"
