"""CIFs, PNGs, TIFFs and NPYs with damage of every kind, the same ones for the same seed."""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

CELL = "".join(f"_cell_length_{x} {{a}}\n" for x in "abc")
CELL += "".join(f"_cell_angle_{x} 90\n" for x in ("alpha", "beta", "gamma"))
SITES = "loop_\n_atom_site_label\n_atom_site_type_symbol\n"
SITES += "".join(f"_atom_site_fract_{x}\n" for x in "xyz")
OPERATIONS = ("x,y,z", "z,x,y", "y,z,x", "-x,-y,z", "z,-x,-y", "-y,z,-x", "-x,y,-z", "-z,-x,y", "-y,-z,x", "x,-y,-z")
OPERATIONS += ("-z,x,-y", "y,-z,-x")
CIFS = (
    "data_Si\n" + CELL.format(a=5.431) + "_space_group_name_H-M_alt 'F d -3 m:1'\n" + SITES + "Si Si 0 0 0\n",
    "data_NaCl\n_chemical_name_mineral Halite\n_publ_section_title\n;\n The unit cell;\n as it is\n;\n"
    + CELL.format(a="5.6402(2)")
    + "_space_group_IT_number 225\n"
    + SITES
    + "_atom_site_occupancy\n_atom_site_U_iso_or_equiv\nNa1 Na+ 0 0 0 1 0.0141(2)\nCl1 Cl- 0.5 0.5 0.5 1 0.0112\n",
    "data_A\n"
    + CELL.format(a=4.2)
    + "loop_\n_symmetry_equiv_pos_as_xyz\n"
    + "".join(f"'{one}'\n" for one in OPERATIONS)
    + SITES
    + "_atom_site_occupancy\nTi1 Ti4+ 0.1 0.2 0.3 0.5\nO1 O2- 0.5 0.5 0.5 1.0\n"
    + "loop_\n_atom_site_aniso_label\n"
    + "".join(f"_atom_site_aniso_U_{ij}\n" for ij in (11, 22, 33, 12, 13, 23))
    + "Ti1 0.01 0.02 0.03 0 0 0\n",
    "data_global\n_journal_year 1985\n\ndata_SrTiO3\n_audit_author 'M\u00fcller, K.'\n"
    + CELL.format(a=3.905)
    + "_symmetry_space_group_name_H-M 'P m -3 m'\n"
    + SITES
    + "_atom_site_B_iso_or_equiv\nSr Sr 0 0 0 0.6\nTi Ti .5 .5 .5 ?\nO O 0.5 0.5 0 .\n",
)
NUMBERS = ("nan", "inf", "1e308", "-1e308", "1e-320", "-0", "0", "-1", "?", ".", "99999999999999999999", "0x10")
NUMBERS += ("1.5(9999999999)", "1/0", "1e5", "300", "0.001", "''", "٣", "5.4.3", "0.1", "0.5", "1.7", "-0.0001")
WORDS = ("loop_", "data_x", "data_../../../x", "save_x", ";", "'", '"', "_cell_length_a", "_atom_site_fract_x", "Qq")
WORDS += ("global_", "stop_", "P 4 m m", "'F d -3 m'", "x,y,z", "x+1e308,y,z", "#", "\x00", "\x1b[31m", "\u202e", "D")


def cif_seeds() -> list[bytes]:
    return [text.encode() for text in CIFS]


def png_seeds() -> list[bytes]:
    """Grey of 1, 8 and 16 bits, palette, colours, transparency, an animation and one with a text."""
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    images = [Image.fromarray(ramp).convert(mode) for mode in ("L", "1", "P", "RGB", "RGBA", "LA")]
    images.append(Image.fromarray(ramp.astype(np.uint16) * 257))
    images.append(Image.fromarray(np.tile(ramp, (4, 4))))
    seeds = [_saved(image, "PNG") for image in images]
    seeds.append(_saved(images[0], "PNG", save_all=True, append_images=[images[0].rotate(90)]))
    text = zlib.compress(bytes(100_000))
    return [*seeds, _png([*_chunks(seeds[0])[:1], (b"zTXt", b"k\0\0" + text), *_chunks(seeds[0])[1:]])]


def tiff_seeds() -> list[bytes]:
    ramp = np.arange(256).reshape(16, 16)
    images = [Image.fromarray(ramp.astype(kind)) for kind in (np.uint8, np.uint16, np.int32, np.float32)]
    seeds = [_saved(image, "TIFF") for image in images]
    return [*seeds, _saved(images[0], "TIFF", compression="tiff_deflate"), _saved(images[0].convert("CMYK"), "TIFF")]


def npy_seeds() -> list[bytes]:
    seeds = []
    for array in (np.arange(256.0).reshape(16, 16), np.zeros((2, 9, 9), np.uint16), np.ones((8, 8), bool)):
        buffer = io.BytesIO()
        np.save(buffer, array)
        seeds.append(buffer.getvalue())
    return seeds


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def damaged(data: bytes, other: bytes, random: np.random.Generator) -> bytes:
    """Flipped bits, a cut, a part taken out, repeated, made random or put in from another file."""
    length = len(data)
    start, stop = sorted(int(i) for i in random.integers(0, length + 1, 2))
    way = random.integers(6)
    if way == 0:
        changed = bytearray(data)
        for place in random.integers(0, length, random.integers(1, 9)):
            changed[place] ^= 1 << random.integers(8)
        return bytes(changed)
    if way == 1:
        return data[:start]
    if way == 2:
        return data[:start] + data[stop:]
    if way == 3:
        return data[:stop] + data[start:stop] * int(random.integers(1, 50)) + data[stop:]
    if way == 4:
        return data[:start] + random.bytes(min(stop - start, 64)) + data[stop:]
    return data[:start] + other[int(random.integers(len(other))) :]


def damaged_cif(data: bytes, other: bytes, random: np.random.Generator) -> bytes:
    """Bytes as any file's, or its words: a number, a value, a line, a loop."""
    for _ in range(random.choice([1, 1, 1, 2, 3])):
        way = random.integers(12)
        if way == 0:
            data = damaged(data or b" ", other, random)
            continue
        text = data.decode("utf-8", "surrogateescape")
        if way == 1:  # the cell, cubic still
            text = re.sub(r"(_cell_length_.).*", r"\1 " + NUMBERS[random.integers(len(NUMBERS))], text)
        elif way < 10:
            number = r"(?<![\w.'\"])-?\d+\.?\d*(\(\d+\))?(?![\w/])"
            places = [m.span() for m in re.finditer(number if way < 8 else r"\S+", text)]
            words = NUMBERS if way < 8 else NUMBERS + WORDS
            if places:
                start, stop = places[random.integers(len(places))]
                text = text[:start] + words[random.integers(len(words))] + text[stop:]
        else:
            lines = text.split("\n")
            place, count = int(random.integers(len(lines))), int(random.choice([0, 0, 2, 30, 2000]))
            if count == 30:
                lines = [line for line in lines if line != "loop_"]
            lines[place : place + 1] = lines[place : place + 1] * count
            text = "\n".join(lines)
        data = text.encode("utf-8", "surrogateescape")
    return data


def damaged_png(data: bytes, other: bytes, random: np.random.Generator) -> bytes:
    """Bytes as any file's, or a chunk, with checksums that are right: so that the damage gets past them."""
    way = random.integers(8)
    if way < 2:
        return damaged(data, other, random)
    chunks = _chunks(data)
    place = int(random.integers(len(chunks)))
    name, content = chunks[place]
    if way < 4:  # another size, depth, colour type, compression, filter or interlacing
        name, content = chunks[0]
        place, fields = 0, list(struct.unpack(">IIBBBBB", content))
        which = int(random.integers(7))
        sizes = (0, 1, 7, 8, 1000, 30_000, 2**31 - 1, 2**32 - 1)
        fields[which] = int(random.choice(sizes)) if which < 2 else int(random.integers(0, 20))
        chunks[0] = name, struct.pack(">IIBBBBB", *fields)
    elif way == 4:
        chunks[place] = name, damaged(content, other, random) if content else random.bytes(9)
    elif way == 5:
        pixels = zlib.compress(random.bytes(int(random.choice([0, 1, 100, 10_000])))) if place % 2 else _bomb()
        chunks = [(n, pixels if n == b"IDAT" else c) for n, c in chunks]
    elif way == 6:
        chunks[place : place + 1] = [chunks[place]] * int(random.choice([0, 2, 500]))
    else:  # a length that is wrong
        start = sum(12 + len(c) for _, c in chunks[:place]) + 8
        length = struct.pack(">I", int(random.choice([0, 1, 2**31 - 1, 2**32 - 1, random.integers(1000)])))
        return data[:start] + length + data[start + 4 :]
    return _png(chunks)


def _bomb() -> bytes:
    return zlib.compress(bytes(50_000_000), 1)


def _chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    found, place = [], 8
    while place + 12 <= len(png):
        length = int.from_bytes(png[place : place + 4], "big")
        found.append((png[place + 4 : place + 8], png[place + 8 : place + 8 + length]))
        place += 12 + length
    return found


def _png(chunks: list[tuple[bytes, bytes]]) -> bytes:
    parts = (struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


# Kind → the files to begin with, and how one is damaged.
KINDS: dict[str, tuple[Callable, Callable]] = {
    "cif": (cif_seeds, damaged_cif),
    "png": (png_seeds, damaged_png),
    "tif": (tiff_seeds, damaged),
    "npy": (npy_seeds, damaged),
}


def damaged_files(kind: str, count: int, seed: int = 0) -> Iterator[bytes]:
    """The same files for the same seed."""
    random = np.random.default_rng([seed, *kind.encode()])
    make, damage = KINDS[kind]
    seeds = make()
    for _ in range(count):
        one, other = (seeds[i] for i in random.integers(0, len(seeds), 2))
        yield damage(one, other, random)
