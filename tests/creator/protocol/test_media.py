"""Which addresses are results, and their one normal form."""

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
    """Relative, absolute, tse and escaped addresses of one picture are one address, full size, on the media host."""
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
    ],
)
def test_a_script_url_or_a_foreign_host_is_no_picture(url: str) -> None:
    """Scripts, icons, data, other hosts and malformed addresses are never results."""
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
    """Entities and the escapes of scripts are decoded before the address is judged."""
    assert find_video_url(url, media_url=MEDIA) == "http://127.0.0.1:7861/th/id/OIG4.vid1?pid=videocreator"


@pytest.mark.parametrize("field", ["w", "h", "c", "rs", "qlt", "o"])
def test_thumbnails_of_videos_are_refused(field: str) -> None:
    """An address that asks for a size is the still in front of the video."""
    assert find_video_url(f"https://th.bing.com/th/id/OIG4.vid1?{field}=1&pid=videocreator", media_url=MEDIA) == ""


@pytest.mark.parametrize(
    "url",
    [
        "https://th.bing.com/th/id/OIG4.vid1?pid=ImgGn",
        "https://th.bing.com/th/id/OIG4.vid1",
        "https://evil.example/th/id/OIG4.vid1?pid=videocreator",
        "https://[bad",
        "true",
    ],
)
def test_other_addresses_are_no_video(url: str) -> None:
    """Pictures, other hosts and words are not videos."""
    assert find_video_url(url, media_url=MEDIA) == ""


def test_hosts_of_bing() -> None:
    """Bing's own names and its picture servers count, names that merely end alike do not."""
    assert all(map(is_bing_host, ["bing.com", "www.bing.com", "tse1.mm.bing.net"]))
    assert not any(map(is_bing_host, ["", "evilbing.com", "bing.net", "bing.com.example"]))


def test_a_thumbnail_is_the_same_picture_smaller() -> None:
    """The address asks for width and height as Bing's result pages do, so it is no result's normal form."""
    small = build_thumbnail_url("https://th.bing.com/th/id/OIG1.a?pid=ImgGn")
    assert small == "https://th.bing.com/th/id/OIG1.a?pid=ImgGn&w=270&h=270&c=6&r=0&o=5"
    assert find_image_id(small, media_url="https://th.bing.com") == "OIG1.a"
