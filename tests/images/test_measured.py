"""Images of every kind of file are told apart by content and give the same numbers."""

import importlib.util

import numpy as np
import pytest
from microscope_files import WRITERS, write_signal
from PIL import Image

from lacbed_gan.images.grey import ImageError
from lacbed_gan.images.measured import kind_of, read_images

PATTERN = np.random.default_rng(0).integers(0, 2**16, (24, 24)).astype(np.uint16)


def write(folder, kind):
    path = folder / f"{kind}.dat"  # the name tells nothing
    if kind == "npy":
        with open(path, "wb") as file:
            np.save(file, PATTERN)
    elif kind == "png16":
        Image.fromarray(PATTERN).save(path, "PNG")
    else:
        types = {"tiff16": np.uint16, "tiff32": np.int32, "tiff_float": np.float32}
        Image.fromarray(PATTERN.astype(types[kind])).save(path, "TIFF")
    return path


@pytest.mark.parametrize("kind", ["npy", "tiff16", "tiff32", "tiff_float"])
def test_files_of_one_pattern_hold_one_pattern(tmp_path, kind):
    measured = read_images(write(tmp_path, kind))
    assert measured.images.shape == (1, 24, 24) and measured.images.dtype == np.float64
    assert np.array_equal(measured.images[0], PATTERN) and measured.pixel_size is None


def test_png_is_the_same_up_to_its_range(tmp_path):
    path = write(tmp_path, "png16")
    assert kind_of(path) == "PNG"
    assert np.allclose(read_images(path).images[0] * 65535, PATTERN)


def test_unsigned_32_bit_tiff_is_not_taken_for_signed(tmp_path):
    large = PATTERN.astype(np.uint32) * 65000
    Image.fromarray(large.view(np.int32)).save(tmp_path / "signed.tif")
    path = tmp_path / "u.tif"
    data = (tmp_path / "signed.tif").read_bytes()
    # Pillow writes SampleFormat 2 (signed) as tag 339, type 3, count 1: make it 1
    tag = b"\x53\x01\x03\x00\x01\x00\x00\x00\x02"
    assert data.count(tag) == 1
    path.write_bytes(data.replace(tag, tag[:-1] + b"\x01"))
    assert np.array_equal(read_images(path).images[0], large)


def test_pages_are_several_patterns(tmp_path):
    pages = [Image.fromarray(PATTERN), Image.fromarray(PATTERN[::-1].copy())]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    assert np.array_equal(read_images(tmp_path / "a.tif").images, np.stack([PATTERN, PATTERN[::-1]]))


def test_what_cannot_be_read_gets_one_line(tmp_path):
    cases = {"text": b"hello", "empty": b"", "cut.tif": b"II*\0\x08\0", "cut.npy": b"\x93NUMPY\x01\0"}
    for name, data in cases.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ImageError) as error:
            read_images(tmp_path / name)
        assert str(tmp_path / name) in str(error.value) and "\n" not in str(error.value)
    Image.fromarray(
        np.dstack([PATTERN.astype(np.uint8), PATTERN.astype(np.uint8) // 2, PATTERN.astype(np.uint8)])
    ).save(tmp_path / "colour.tif")
    with pytest.raises(ImageError, match=r"colour.tif: is coloured"):
        read_images(tmp_path / "colour.tif")
    np.save(tmp_path / "nan.npy", np.full((9, 9), np.nan))
    with pytest.raises(ImageError, match="no finite real numbers"):
        read_images(tmp_path / "nan.npy")
    with pytest.raises(ImageError, match="No such file"):
        read_images(tmp_path / "missing")


def test_microscope_files_name_the_extra_that_reads_them(tmp_path, monkeypatch):
    path = tmp_path / "a.dat"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImageError, match=r"HDF5 files are read by RosettaSciIO.*lacbed_gan\[microscopy\]"):
        read_images(path)


@pytest.mark.parametrize("kind", ["hspy", "emd"])
@pytest.mark.parametrize(
    ("units", "at_200", "at_80"),
    [("1/nm", 0.04, 0.04), ("mrad", 0.4e-3 / 0.0250793, 0.4e-3 / 0.0417572), ("", None, None)],
)
def test_calibration_of_microscope_files(tmp_path, kind, units, at_200, at_80):
    """Angles are lengths at the energy of the beam; the wavelengths are those that textbooks print."""
    pytest.importorskip(WRITERS[kind], exc_type=ImportError)
    write_signal(tmp_path / f"a.{kind}", kind, PATTERN, 0.4, units)
    (tmp_path / f"a.{kind}").rename(tmp_path / "a.dat")
    measured = read_images(tmp_path / "a.dat")
    assert np.array_equal(measured.images[0], PATTERN)
    for energy_kv, size in ((200.0, at_200), (80.0, at_80)):
        assert measured.pixel_size_at(energy_kv) == (size and pytest.approx(size, rel=1e-5))


@pytest.mark.filterwarnings("ignore:BLO file expects cm units")
def test_blo_of_one_place_is_a_pattern_and_of_a_scan_is_not(tmp_path):
    pytest.importorskip(WRITERS["blo"], exc_type=ImportError)
    image = (PATTERN // 257).astype(np.uint8)
    write_signal(tmp_path / "one.blo", "blo", image[None, None])
    assert np.array_equal(read_images(tmp_path / "one.blo").images[0], image)
    write_signal(tmp_path / "scan.blo", "blo", np.broadcast_to(image, (2, 3, *image.shape)).copy())
    with pytest.raises(ImageError, match=r"scan.blo: holds \(2, 3, 24, 24\)"):
        read_images(tmp_path / "scan.blo")


def test_mrc_is_read(tmp_path):
    pytest.importorskip("rsciio.mrc", exc_type=ImportError)
    header = np.zeros(256, "<i4")
    header[:4] = 24, 24, 1, 6  # columns, rows, sections; mode 6 is uint16
    header[7:10] = header[:3]
    header[10:13] = np.array([24, 24, 1], "<f4").view("<i4")
    header[16:19] = 1, 2, 3
    header[52], header[53] = np.frombuffer(b"MAP \x44\x44\0\0", "<i4")
    path = tmp_path / "a.dat"
    path.write_bytes(header.tobytes() + PATTERN.astype("<u2").tobytes())
    assert np.array_equal(read_images(path).images[0], PATTERN)
