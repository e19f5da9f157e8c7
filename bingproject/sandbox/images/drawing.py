"""Draw pictures from a prompt: the same prompt and number give the same picture, any other a different one."""

from __future__ import annotations

import hashlib
import io
import math
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

Size = tuple[int, int]
Colour = tuple[int, int, int]
LABEL = "SANDBOX · not made by Bing"
SQUARE: Size = (1024, 1024)
# Source: docs/wire/image_creator.md, the real ratios by model: number of the aspect → pixels.
SIZES: dict[int, dict[int, Size]] = {
    0: {1: SQUARE, 2: (1792, 1024), 3: (1024, 1792)},
    1: {1: SQUARE, 2: (1536, 1024), 3: (1024, 1536)},
    4: {1: SQUARE, 2: (1248, 832), 3: (832, 1248)},
}
LATIN_END = "\u0180"
PALETTES: tuple[tuple[str, ...], ...] = (
    ("#0b132b", "#1c2541", "#3a506b", "#5bc0be", "#f6f7eb"),
    ("#2d1e2f", "#a4303f", "#f2793d", "#f7b267", "#ffe8c2"),
    ("#10002b", "#3c096c", "#7b2cbf", "#e0aaff", "#ffd6ff"),
    ("#081c15", "#1b4332", "#40916c", "#95d5b2", "#f1faee"),
    ("#001d3d", "#003566", "#0077b6", "#48cae4", "#ffc300"),
    ("#22223b", "#4a4e69", "#9a8c98", "#c9ada7", "#f2e9e4"),
    ("#3d0e1e", "#7f1d46", "#d6336c", "#ff8fab", "#fff0f3"),
    ("#1a1423", "#372549", "#774c60", "#b75d69", "#eacdc2"),
    ("#0d1b2a", "#264653", "#2a9d8f", "#e9c46a", "#f4a261"),
    ("#191308", "#322a26", "#736f4e", "#d9ae61", "#fff4d6"),
)


def picture_size(model: int, aspect: int) -> Size:
    """Return width and height in pixels of a model's picture in a given aspect."""
    return SIZES.get(model, SIZES[4]).get(aspect, SQUARE)


def draw_picture(prompt: str, index: int, size: Size) -> bytes:
    """Draw the `index`-th picture of a prompt and return it as JPEG.

    The four pictures of a prompt share a palette and differ in their motif, which the prompt shifts.
    """
    digest = hashlib.sha256(prompt.encode("utf-8", "replace")).digest()
    colours = [_colour(code) for code in PALETTES[digest[0] % len(PALETTES)]]
    random = Random(digest + bytes([index]))
    motif = MOTIFS[(digest[1] + index) % len(MOTIFS)]
    canvas = _sky(size, colours, random)
    canvas = motif(canvas, colours, random)
    canvas = _grain(canvas)
    _sign(canvas, prompt, index)
    file = io.BytesIO()
    canvas.save(file, "JPEG", quality=88, comment=LABEL.encode())
    return file.getvalue()


def shrink(jpeg: bytes, width: int, height: int) -> bytes:
    """Return a JPEG thumbnail that fills a box of the given pixels; both sides are cropped equally."""
    with Image.open(io.BytesIO(jpeg)) as picture:
        scale = max(width / picture.width, height / picture.height)
        grown = picture.resize((max(width, round(picture.width * scale)), max(height, round(picture.height * scale))))
    left, top = (grown.width - width) // 2, (grown.height - height) // 2
    file = io.BytesIO()
    grown.crop((left, top, left + width, top + height)).save(file, "JPEG", quality=85)
    return file.getvalue()


def _colour(code: str) -> Colour:
    return int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16)


def _mix(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _sky(size: Size, colours: list[Colour], random: Random) -> Image.Image:
    """Draw a soft gradient of the palette's colours: a tiny picture, enlarged smoothly."""
    mesh = Image.new("RGB", (4, 4))
    for y in range(4):
        for x in range(4):
            tone = min(4.0, max(0.0, y * 1.1 + random.uniform(-0.7, 0.7)))
            low = min(3, int(tone))
            mesh.putpixel((x, y), _mix(colours[low], colours[low + 1], tone - low))
    return mesh.resize(size, Image.Resampling.BICUBIC)


def _glow(canvas: Image.Image, centre: tuple[float, float], radius: float, colour: Colour) -> Image.Image:
    """Brighten a round spot."""
    side = round(radius * 2)
    spot = ImageChops.invert(Image.radial_gradient("L")).resize((side, side))
    spot = spot.point(lambda level: max(0, level - 75) * 255 // 180)
    mask = Image.new("L", canvas.size)
    mask.paste(spot, (round(centre[0] - radius), round(centre[1] - radius)))
    return Image.composite(Image.new("RGB", canvas.size, colour), canvas, mask)


def _dunes(canvas: Image.Image, colours: list[Colour], random: Random) -> Image.Image:
    """Draw layers of hills under a sun; the farther, the paler."""
    width, height = canvas.size
    sun = width * random.uniform(0.25, 0.75), height * random.uniform(0.2, 0.42)
    radius = min(width, height) * random.uniform(0.07, 0.12)
    canvas = _glow(canvas, sun, radius * 5, _mix(colours[4], colours[3], 0.4))
    layer = canvas.copy()
    draw = ImageDraw.Draw(layer)
    draw.ellipse((sun[0] - radius, sun[1] - radius, sun[0] + radius, sun[1] + radius), fill=colours[4])
    count = 7
    for number in range(count):
        base = height * (0.42 + 0.58 * number / count)
        waves = [(random.uniform(0.6, 3.2), random.uniform(0, math.tau), random.uniform(0.2, 1)) for _ in range(4)]
        reach = height * (0.10 - 0.008 * number)
        ridge = [
            (x, base + reach * sum(a * math.sin(x / width * f * math.tau + p) for f, p, a in waves) / 2)
            for x in range(0, width + 8, 8)
        ]
        tone = _mix(colours[3], colours[0], (number + 1) / count)
        draw.polygon([(0, height), *ridge, (width, height)], fill=tone)
    return layer


def _orbits(canvas: Image.Image, colours: list[Colour], random: Random) -> Image.Image:
    """Draw discs and rings around a bright centre."""
    width, height = canvas.size
    middle = width * random.uniform(0.35, 0.65), height * random.uniform(0.35, 0.65)
    reach = math.hypot(width, height) / 2
    canvas = _glow(canvas, middle, reach * 0.7, colours[4])
    draw = ImageDraw.Draw(canvas, "RGBA")
    for number in range(26):
        radius = reach * (0.06 + 0.94 * number / 26) * random.uniform(0.95, 1.05)
        start = random.uniform(0, 360)
        box = (middle[0] - radius, middle[1] - radius, middle[0] + radius, middle[1] + radius)
        thick = round(random.choice((2, 3, 4, 9, 18)) * reach / 900)
        draw.arc(box, start, start + random.uniform(50, 330), (*random.choice(colours), 190), max(1, thick))
        if number % 3 == 0:
            angle, size = random.uniform(0, math.tau), reach * random.uniform(0.012, 0.06)
            x, y = middle[0] + radius * math.cos(angle), middle[1] + radius * math.sin(angle)
            draw.ellipse((x - size, y - size, x + size, y + size), (*random.choice(colours[1:]), 235))
    return canvas


def _facets(canvas: Image.Image, colours: list[Colour], random: Random) -> Image.Image:
    """Draw triangles, each in the colour of the background under it."""
    width, height = canvas.size
    across = 11
    down = max(4, round(across * height / width))
    points = [
        [
            ((x + random.uniform(-0.38, 0.38)) * width / across, (y + random.uniform(-0.38, 0.38)) * height / down)
            for x in range(-1, across + 2)
        ]
        for y in range(-1, down + 2)
    ]
    draw = ImageDraw.Draw(canvas)
    source = canvas.copy()
    for y in range(down + 2):
        for x in range(across + 2):
            corners = points[y][x], points[y][x + 1], points[y + 1][x + 1], points[y + 1][x]
            for triangle in ((corners[0], corners[1], corners[2]), (corners[0], corners[2], corners[3])):
                centre_x = min(width - 1, max(0, int(sum(point[0] for point in triangle) / 3)))
                centre_y = min(height - 1, max(0, int(sum(point[1] for point in triangle) / 3)))
                pixel = source.getpixel((centre_x, centre_y))
                assert isinstance(pixel, tuple)
                light = random.uniform(-0.28, 0.34)
                tone = _mix((pixel[0], pixel[1], pixel[2]), colours[4] if light > 0 else colours[0], abs(light))
                draw.polygon(triangle, fill=tone)
    return canvas


def _ribbons(canvas: Image.Image, colours: list[Colour], random: Random) -> Image.Image:
    """Draw curved bands across the picture."""
    width, height = canvas.size
    canvas = canvas.filter(ImageFilter.GaussianBlur(6))
    draw = ImageDraw.Draw(canvas, "RGBA")
    for number in range(9):
        waves = [(random.uniform(0.4, 1.6), random.uniform(0, math.tau), random.uniform(0.3, 1)) for _ in range(3)]
        base, reach = height * random.uniform(0.1, 0.9), height * random.uniform(0.08, 0.2)
        band, twist = height * random.uniform(0.03, 0.12), random.uniform(0, math.tau)
        tone = colours[number % len(colours)]
        for strand in range(14):
            share = strand / 13
            line = []
            for x in range(0, width + 12, 12):
                turn = x / width * math.tau
                swing = sum(a * math.sin(turn * f + p) for f, p, a in waves)
                line.append((x, base + reach * swing + (share - 0.5) * band * 2 * math.cos(turn + twist)))
            shade = _mix(tone, colours[4] if share > 0.5 else colours[0], abs(share - 0.5))
            draw.line(line, (*shade, 120), max(2, round(height / 260)), joint="curve")
    return canvas


MOTIFS = (_dunes, _orbits, _facets, _ribbons)


def _grain(canvas: Image.Image) -> Image.Image:
    """Add film grain from one fixed tile, so that flat areas have texture."""
    tile = Image.new("L", (128, 128))
    random = Random(7)
    tile.putdata([128 + random.randint(-9, 9) for _ in range(128 * 128)])
    grain = Image.new("L", canvas.size)
    for x in range(0, canvas.width, 128):
        for y in range(0, canvas.height, 128):
            grain.paste(tile, (x, y))
    return ImageChops.overlay(canvas, Image.merge("RGB", (grain, grain, grain)))


def _sign(canvas: Image.Image, prompt: str, index: int) -> None:
    """Write the prompt and a line that says that this is a sandbox's picture on a dark band at the foot."""
    width, height = canvas.size
    large = ImageFont.load_default(max(18, width // 40))
    small = ImageFont.load_default(max(14, width // 56))
    band = round(height * 0.1)
    draw = ImageDraw.Draw(canvas, "RGBA")
    draw.rectangle((0, height - band, width, height), (0, 0, 0, 150))
    # Pillow's own font has Latin letters only; boxes in place of all others would look broken.
    text = " ".join("".join(letter for letter in prompt if letter < LATIN_END).split())[:400]
    while draw.textlength(text, large) > width * 0.94:
        text = text.removesuffix(" ...")[:-4] + " ..."
    left = width * 0.03
    draw.text((left, height - band * 0.68), text, (255, 255, 255, 255), large, anchor="lm")
    draw.text((left, height - band * 0.26), f"{LABEL} · {index + 1}", (255, 255, 255, 215), small, anchor="lm")
