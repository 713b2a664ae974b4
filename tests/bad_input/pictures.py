"""Images that cannot be used: each makes one file."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

RAMP = (np.arange(64 * 64).reshape(64, 64) // 16).astype(np.uint8)
WAVE = np.rint(100 * np.cos(np.linspace(-3, 3, 64)) * np.cos(np.linspace(-3, 3, 64))[:, None] + 120).astype(np.uint8)


def content(data):
    return lambda path: path.write_bytes(data)


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png(array=WAVE, mode=None, **options):
    image = Image.fromarray(array)
    return encoded(image if mode is None else image.convert(mode), "PNG", **options)


def tiff(array, mode=None, **options):
    image = Image.fromarray(array)
    return encoded(image if mode is None else image.convert(mode), "TIFF", **options)


def npy(array, **options):
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def resized_png(width, height):
    """The header claims another size, and its checksum is right."""
    data = png()
    header = struct.pack(">II", width, height) + data[24:29]
    return data[:16] + header + struct.pack(">I", zlib.crc32(b"IHDR" + header)) + data[33:]


def packed_png(width, height):
    """All of its pixels are there, a thousand to a byte."""
    rows = zlib.compressobj(9)
    data = b"".join(rows.compress(bytes((width // 8 + 1) * 1000)) for _ in range(height // 1000)) + rows.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    parts = (struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def claiming_npy():
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000), }".ljust(117) + b"\n"
    return b"\x93NUMPY\x01\0" + len(header).to_bytes(2, "little") + header + bytes(64)


def transparent():
    return np.dstack([RAMP, RAMP, RAMP, RAMP])


def damaged(data, place):
    return data[:place] + bytes([data[place] ^ 255]) + data[place + 1 :]


# What it is → name of the file, how it is made, and what the line says.
IMAGES = {
    "truncated PNG": ("p.png", content(png()[:-200]), "cannot be read"),
    "PNG with a wrong byte": ("p.png", content(damaged(png(), 300)), "cannot be read"),
    "signature alone": ("p.png", content(b"\x89PNG\r\n\x1a\n"), "cannot be read"),
    "decompression bomb": ("p.png", content(packed_png(24_000, 24_000)), "holds more than 100 million pixels"),
    "bomb by its header": ("p.png", content(resized_png(30_000, 3_000)), "is cut short (3000 × 30000 pixels in"),
    "animated": (
        "p.png",
        content(png(save_all=True, append_images=[Image.fromarray(RAMP)])),
        "is animated (2 frames); save one of them",
    ),
    "animated GIF": ("p.gif", content(encoded(Image.fromarray(RAMP), "GIF")), "neither a CIF nor an image of a known"),
    "coloured": ("p.png", content(png(np.dstack([RAMP, RAMP, 255 - RAMP]))), "is coloured"),
    "transparent": ("p.png", content(png(transparent())), "the pattern is flat"),
    "CMYK": ("p.tif", content(tiff(RAMP, "CMYK")), "mode CMYK; save it as grey values"),
    "CMYK JPEG": ("p.jpg", content(encoded(Image.fromarray(RAMP).convert("CMYK"), "JPEG")), "neither a CIF nor an"),
    "NaN TIFF": ("p.tif", content(tiff(WAVE * np.float32(np.nan))), "holds no finite real numbers"),
    "infinite NPY": ("p.npy", content(npy(WAVE + np.inf)), "holds no finite real numbers"),
    "truncated TIFF": ("p.tif", content(tiff(WAVE)[:100]), "cannot be read"),
    "pages of two sizes": (
        "p.tif",
        content(tiff(WAVE, save_all=True, append_images=[Image.fromarray(WAVE[:32])])),
        "its pages are of different sizes",
    ),
    "three pages": (
        "p.tif",
        content(tiff(WAVE, save_all=True, append_images=[Image.fromarray(RAMP)] * 2)),
        "but the network takes those at 50 nm together; choose one of them with frame=0 … 2",
    ),
    "constant": ("p.png", content(png(np.full_like(WAVE, 7))), "the pattern is flat: all pixels have one value"),
    "too small": ("p.npy", content(npy(WAVE[:4, :4])), "not images of at least 8 × 8 pixels"),
    "not square": ("p.npy", content(npy(WAVE[:40])), "40 × 64 pixels are not square"),
    "NPY that claims terabytes": ("p.npy", content(claiming_npy()), "cannot be read"),
    "truncated NPY": ("p.npy", content(npy(WAVE)[:500]), "cannot be read"),
    "NPY of complex numbers": ("p.npy", content(npy(WAVE + 1j)), "holds complex numbers"),
    "NPY of text": ("p.npy", content(npy(np.full((9, 9), "a"))), "holds values that are no finite real numbers"),
    "empty": ("p.png", content(b""), "neither a CIF nor an image"),
}
