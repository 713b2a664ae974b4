"""Shipped pairs written as the published data set is: images in a folder for each crystal, its table, its folds."""

import numpy as np
from PIL import Image

from lacbed_gan.images.scaling import to_uint8
from lacbed_gan.store.packed import open_store

THICKNESS = (50, 100)


def some_pairs(count, size):
    """(entry, potential, patterns) of `count` shipped crystals spread over all, at `size` pixels; ids are codes."""
    store = open_store("bundled")
    step = store.size // size
    for number, row in enumerate(np.linspace(0, len(store) - 1, count).astype(int)):
        entry = {key: store.index[row][key] for key in ("formula", "space_group", "number", "a")}
        entry |= {"id": str(900 + 11 * number), "source": "a test", "rho_min": None, "rho_max": None}
        pattern = store.pattern[row, : len(THICKNESS)].astype(float)
        pattern = pattern.reshape(len(THICKNESS), size, step, size, step).mean((2, 4))
        yield entry, to_uint8(store.potential[row, ::step, ::step]), to_uint8(pattern)


def as_grey(image):
    return image


def as_inverted(image):
    return 255 - image


def as_rgb(image):
    return np.repeat(image[..., None], 3, -1)


def as_inverted_rgba(image):
    return np.concatenate([as_rgb(255 - image), np.full((*image.shape, 1), 255, np.uint8)], -1)


def as_16_bit(image):
    """Off range at both ends."""
    return (image.astype(np.uint16) * 250 + 700).astype(np.uint16)


def as_greys(image):
    """As matplotlib saves it with cmap="Greys"."""
    from matplotlib import colormaps

    return colormaps["Greys"](image, bytes=True)


def write_images(root, pairs, potential_as=as_grey, pattern_as=None):
    """Write the pairs under root, potentials and patterns each in their way."""
    for entry, potential, patterns in pairs:
        folder = root / entry["id"]
        folder.mkdir(parents=True)
        Image.fromarray(potential_as(potential)).save(folder / "potential.png")
        for thickness, pattern in zip(THICKNESS, patterns, strict=True):
            name = f"pattern_{thickness * 10:04d}.png"
            Image.fromarray((pattern_as or potential_as)(pattern)).save(folder / name)
    return root


def write_metadata(path, entries):
    """The authors' table; space groups with two origins get their letter."""
    lines = [",ICSD_code,chemical_formula_sum,cell_length,space_group,date,latest"]
    for number, entry in enumerate(entries):
        group = entry["space_group"].replace(":1", " S").replace(":2", " Z")
        lines.append(f"{number},{entry['id']},{entry['formula']},{entry['a']},{group},2021-02-01,True")
    path.write_text("\n".join(lines) + "\n")
    return path


def write_folds(folder, codes, fold_of, train=False):
    """Lists ``<fold>/test``, and ``<fold>/train``."""
    for fold in range(10):
        (folder / str(fold)).mkdir(parents=True)
        for name in ("test", "train")[: 1 + train]:
            chosen = [c for c, f in zip(codes, fold_of, strict=True) if (f == fold) == (name == "test")]
            (folder / str(fold) / name).write_text("".join(f"{code}\n" for code in chosen))
    return folder
