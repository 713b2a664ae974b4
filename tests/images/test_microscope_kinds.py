"""Files of one pattern in the kinds that microscopes and programs write: what they say is taken, and nothing else."""

import struct

import numpy as np
import pytest
import tifffile
from microscope_files import write_axes
from PIL import Image

from lacbed_gan.images.file_kinds import kind_of, prediction_inputs
from lacbed_gan.images.grey import ImageError
from lacbed_gan.images.measured import read_images

PATTERN = np.random.default_rng(0).integers(0, 200, (24, 32)).astype(np.uint16)


def described(unit, **more):
    lines = {"ImageJ": "1.54f", "images": 1, "unit": unit} | more
    return "".join(f"{key}={value}\n" for key, value in lines.items())


def test_imagej(tmp_path):
    """Resolution in pixels per unit; k = 0 in pixels."""
    path = tmp_path / "a.tif"
    for unit, expected in [("1/nm", 0.05), ("nm^-1", 0.05), (r"\u00C5^-1", 0.5), (r"1/\u00C5", 0.5)]:
        tifffile.imwrite(
            path, PATTERN, resolution=(2.0, 2.0), resolutionunit=1, description=described(unit), metadata=None
        )
        measured = read_images(path)
        assert np.array_equal(measured.images[0], PATTERN)
        assert measured.pixel_size == pytest.approx(expected) and measured.centre is None
    text = described("mrad", xorigin=15.5, yorigin=11)
    tifffile.imwrite(path, PATTERN, resolution=(4.0, 5.0), resolutionunit=1, description=text, metadata=None)
    measured = read_images(path)
    assert measured.pixel_angle == pytest.approx(0.25e-3) and measured.aspect == pytest.approx(0.8)
    assert measured.centre == (11.0, 15.5)
    for text, message in [
        (described("nm"), "in real space, its axes are in 'nm'"),
        (described("micron"), "real space"),
    ]:
        tifffile.imwrite(path, PATTERN, resolution=(2.0, 2.0), description=text, metadata=None)
        with pytest.raises(ImageError, match=message):
            read_images(path)
    for unit, remarks in [("inch", 1), ("pixel", 0), ("furlong", 1)]:  # dots per inch are of a print
        tifffile.imwrite(path, PATTERN, resolution=(72.0, 72.0), description=described(unit), metadata=None)
        measured = read_images(path)
        assert measured.pixel_size is None and len(measured.remarks) == remarks


def test_own_tiff(tmp_path):
    """What the page saves is read with its calibration."""
    pytest.importorskip("nicegui")
    from lacbed_gan.app.export import tiff_of
    from lacbed_gan.app.picture import Picture
    from lacbed_gan.predict.frame import pattern_frame
    from lacbed_gan.store.recipe import Recipe

    frame = pattern_frame(Recipe(32, (50.0,)), 32, 4.0)
    image = np.random.default_rng(1).random((32, 32)).astype(np.float32)
    (tmp_path / "a.tif").write_bytes(tiff_of(Picture(image, frame, "p")))
    measured = read_images(tmp_path / "a.tif")
    assert np.array_equal(measured.images[0], image)
    assert measured.pixel_size == pytest.approx(2 * 7.266 / 4 / 32, rel=1e-5)
    assert measured.centre == pytest.approx((15.5, 15.5))


@pytest.mark.parametrize("origin", [(15.5, 11.0), (-15.5 * 0.3, -11 * 0.3)])
def test_digital_micrograph_tiff(tmp_path, origin):
    tags = [(65003, "s", 0, "1/nm", False), (65004, "s", 0, "1/nm", False)]
    tags += [(65006 + i, "d", 1, origin[i], False) for i in (0, 1)] + [(65009 + i, "d", 1, 0.3, False) for i in (0, 1)]
    tifffile.imwrite(tmp_path / "a.tif", PATTERN, extratags=tags, metadata=None)
    measured = read_images(tmp_path / "a.tif")
    assert measured.pixel_size == pytest.approx(0.03) and measured.centre == pytest.approx((11.0, 15.5))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.float32, np.float64])
@pytest.mark.parametrize("options", [{}, {"bigtiff": True}, {"byteorder": ">"}, {"compression": "zlib"}])
def test_values_of_tiff(tmp_path, dtype, options):
    values = (PATTERN.astype(np.int64) - (100 if np.issubdtype(dtype, np.signedinteger) else 0)).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", values, **options)
    assert kind_of(tmp_path / "a.tif") == "TIFF"
    assert np.array_equal(read_images(tmp_path / "a.tif").images[0], values)


@pytest.mark.parametrize("mode", ["L", "I;16", "F"])
def test_compressed_tiff(tmp_path, mode):
    Image.fromarray(PATTERN).convert("I").convert(mode).save(tmp_path / "a.tif", compression="tiff_lzw")
    assert np.array_equal(read_images(tmp_path / "a.tif").images[0], PATTERN)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.float32])
@pytest.mark.parametrize("compressed", [False, True])
def test_white_is_zero_at_every_depth(tmp_path, dtype, compressed):
    """The numbers of the file count, however a viewer is to show them."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PATTERN.astype(dtype), photometric="miniswhite", metadata=None)
    if compressed:
        if dtype not in (np.uint8, np.uint16):
            pytest.skip("Pillow writes no such file")
        values = PATTERN.astype(dtype)
        with Image.open(path) as image:
            tags = dict(image.tag_v2)
        image = Image.fromarray(255 - values if dtype == np.uint8 else values)
        image.save(path, compression="tiff_lzw", tiffinfo={262: tags[262]})
    measured = read_images(path)
    kept = measured.images[0]
    assert np.corrcoef(kept.ravel(), PATTERN.ravel())[0, 1] > 0.999
    if not compressed:
        assert np.array_equal(kept, PATTERN) and "values count as they are stored" in measured.remarks[0]


@pytest.mark.parametrize("unit", ["A^-1", "$A^{-1}$", "nm⁻¹", "(1/nm)", "1/µm"])
def test_units_of_hspy(tmp_path, unit):
    pytest.importorskip("rsciio.hspy", exc_type=ImportError)
    size = {"A^-1": 0.03, "$A^{-1}$": 0.03, "nm⁻¹": 0.3, "(1/nm)": 0.3, "1/µm": 300.0}[unit]
    write_axes(tmp_path / "a.hspy", "hspy", PATTERN, [(size, 0.0, unit), (size, 0.0, unit)])
    assert read_images(tmp_path / "a.hspy").pixel_size == pytest.approx(0.03)


def test_axes_of_hspy(tmp_path):
    """k = 0, pixels that are not square, the voltage; and what tells nothing."""
    pytest.importorskip("rsciio.hspy", exc_type=ImportError)
    path = tmp_path / "a.hspy"
    write_axes(path, "hspy", PATTERN, [(0.02, -0.22, "1/Å"), (0.025, -0.4, "1/Å")], beam_energy=300.0)
    measured = read_images(path)
    assert measured.centre == pytest.approx((11.0, 16.0)) and measured.energy_kv == 300.0
    assert measured.pixel_size == pytest.approx(0.025) and measured.aspect == pytest.approx(0.8)
    write_axes(path, "hspy", PATTERN, [(0.02, 5.0, "1/Å"), (0.02, 5.0, "1/Å")])
    measured = read_images(path)
    assert measured.centre is None and "k = 0 at row -250, column -250, outside" in measured.remarks[0]
    write_axes(path, "hspy", PATTERN, [(0.02, 0.0, "furlong"), (0.02, 0.0, "furlong")])
    measured = read_images(path)
    assert measured.pixel_size is None and measured.remarks == ("the unit 'furlong' of its axes is not understood",)
    write_axes(path, "hspy", PATTERN, [(0.02, 0.0, "1/nm"), (0.02, 0.0, "mrad")])
    assert "tell no angles" in read_images(path).remarks[0]
    for unit in ("nm", "Å", "µm"):
        write_axes(path, "hspy", PATTERN, [(0.02, 0.0, unit)] * 2)
        with pytest.raises(ImageError, match=f"a.hspy: is an image in real space, its axes are in '{unit}'"):
            read_images(path)


def test_frames(tmp_path):
    stack = np.stack([PATTERN, PATTERN + 1, PATTERN + 2])
    np.save(tmp_path / "stack.npy", stack)
    tifffile.imwrite(tmp_path / "stack.tif", stack)
    tifffile.imwrite(tmp_path / "imagej.tif", stack, imagej=True, metadata={"unit": "1/nm"}, resolution=(2.0, 2.0))
    for name in ("stack.npy", "stack.tif", "imagej.tif"):
        path = tmp_path / name
        assert read_images(path).images.shape == (3, 24, 32)
        measured = read_images(path, frame=2)
        assert np.array_equal(measured.images, stack[2:]) and measured.remarks[0] == "frame 2 of 3"
        with pytest.raises(ImageError, match=rf"{name}: frame=3 is not in the file, which has those up to 2"):
            read_images(path, frame=3)
    scan = stack[None].repeat(2, 0)
    np.save(tmp_path / "scan.npy", scan)
    with pytest.raises(ImageError, match=r"holds \(2, 3, 24, 32\), 6 images; choose one, such as frame=\[0,0\]"):
        read_images(tmp_path / "scan.npy")
    assert np.array_equal(read_images(tmp_path / "scan.npy", frame=(1, 2)).images, stack[2:])
    assert np.array_equal(read_images(tmp_path / "scan.npy", frame=4).images, stack[1:2])


def test_several_signals(tmp_path):
    h5py = pytest.importorskip("h5py")
    pytest.importorskip("rsciio.hspy", exc_type=ImportError)
    parts = {"survey": PATTERN[::-1], "pattern": PATTERN}
    for name, image in parts.items():
        write_axes(tmp_path / f"{name}.hspy", "hspy", image, [(0.02, 0.0, "1/Å")] * 2, title=name)
    path = tmp_path / "both.hspy"
    with h5py.File(path, "w") as both:
        for name in parts:
            with h5py.File(tmp_path / f"{name}.hspy") as file:
                for key, value in file.attrs.items():
                    both.attrs[key] = value
                file.copy(file["Experiments"][name], both.require_group("Experiments"))
    with pytest.raises(ImageError, match=r"holds 2 signals; choose one with signal=: 0 \(\w+\) 24 × 32, 1 \(\w+\)"):
        read_images(path)
    measured = read_images(path, signal="pattern")
    assert np.array_equal(measured.images[0], PATTERN) and measured.remarks == ("signal pattern",)
    assert {read_images(path, signal=i).remarks[0] for i in (0, 1)} == {"signal pattern", "signal survey"}
    with pytest.raises(ImageError, match="signal=else is none of its signals"):
        read_images(path, signal="else")


def mrc(path, values, mode, stamp=b""):
    header = np.zeros(256, "<i4")
    header[:4] = values.shape[1], values.shape[0], 1, mode
    header[7:10] = header[:3]
    header[10:13] = np.array([*values.shape[::-1], 1], "<f4").view("<i4")
    header[16:19] = 1, 2, 3
    header[52], header[53] = np.frombuffer(b"MAP \x44\x44\0\0", "<i4")
    data = bytearray(header.tobytes())
    data[152 : 152 + len(stamp)] = stamp
    path.write_bytes(bytes(data) + values.tobytes())


def test_bytes_of_mrc_are_signed(tmp_path):
    """By the MRC2014 format; IMOD's own files say in their header whether theirs are."""
    pytest.importorskip("rsciio.mrc", exc_type=ImportError)
    signed = (PATTERN.astype(np.int16) - 100).astype(np.int8)
    mrc(tmp_path / "a.mrc", signed, 0)
    assert np.array_equal(read_images(tmp_path / "a.mrc").images[0], signed)
    mrc(tmp_path / "a.mrc", signed, 0, struct.pack("<ii", 1146047817, 1))
    assert np.array_equal(read_images(tmp_path / "a.mrc").images[0], signed)
    mrc(tmp_path / "a.mrc", PATTERN.astype(np.uint8), 0, struct.pack("<ii", 1146047817, 0))
    measured = read_images(tmp_path / "a.mrc")
    assert np.array_equal(measured.images[0], PATTERN) and measured.pixel_size is None


def test_pixels_without_a_value(tmp_path):
    image = PATTERN.astype(np.float32)
    image[3, 4], image[5, 6], image[7, 8] = np.nan, np.inf, -np.inf
    np.save(tmp_path / "a.npy", image)
    tifffile.imwrite(tmp_path / "a.tif", image)
    for name in ("a.npy", "a.tif"):
        read = read_images(tmp_path / name).images[0]
        assert np.argwhere(np.isnan(read)).tolist() == [[3, 4], [5, 6], [7, 8]]
        assert np.array_equal(read[np.isfinite(image)], image[np.isfinite(image)])
    counts = PATTERN.astype(np.uint32)
    counts[2, 2] = 2**32 - 1  # pixel detectors
    tifffile.imwrite(tmp_path / "a.tif", counts)
    assert np.argwhere(np.isnan(read_images(tmp_path / "a.tif").images[0])).tolist() == [[2, 2]]
    mask = np.zeros(PATTERN.shape, np.uint8)
    mask[10:12, 3] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    np.save(tmp_path / "a.npy", PATTERN)
    read = read_images(tmp_path / "a.npy", mask=tmp_path / "mask.png").images[0]
    assert np.argwhere(np.isnan(read)).tolist() == [[10, 3], [11, 3]]
    with pytest.raises(ImageError, match=r"the mask has \(24, 32\) pixels"):
        np.save(tmp_path / "b.npy", PATTERN[:20])
        read_images(tmp_path / "b.npy", mask=tmp_path / "mask.png")
    grey = PATTERN.astype(np.uint8)
    alpha = np.where(mask > 0, 0, 255).astype(np.uint8)
    Image.fromarray(np.dstack([grey, alpha]), "LA").save(tmp_path / "a.png")
    read = read_images(tmp_path / "a.png").images[0]
    assert np.argwhere(np.isnan(read)).tolist() == [[10, 3], [11, 3]]
    assert np.allclose(read[alpha > 0] * 255, grey[alpha > 0])


def test_complex_numbers_are_refused(tmp_path):
    for dtype in (np.complex64, np.complex128):
        np.save(tmp_path / "a.npy", PATTERN.astype(dtype))
        with pytest.raises(ImageError, match=r"a.npy: holds complex numbers, .* save the square of their modulus"):
            read_images(tmp_path / "a.npy")


@pytest.mark.parametrize("dtype", ["<f8", "<f4"])
def test_a_folder_of_felix_is_a_series(tmp_path, dtype):
    folder = tmp_path / "SrTiO3_short"
    folder.mkdir()
    images = {name: np.random.default_rng(i).random((24, 24)) for i, name in enumerate(("+0+0+0", "+2+0+0", "-1+3+0"))}
    for name, image in images.items():
        (folder / f"SrTiO3_{name}.img").write_bytes(image.astype(dtype).tobytes())
    (folder / "felix.inp").write_text(
        "# Input file\nIPixelCount               = 12\nROuterConvergenceAngle    = 0.9\n"
        "RAcceleratingVoltage (kV) = 200.0\nIXDirection               = [1,0,0]\n"
    )
    (folder / "notes.txt").write_text("data_ of Monday")
    assert prediction_inputs([folder]) == ({folder: "FELIX"}, [])
    measured = read_images(folder)
    assert np.allclose(measured.images[0], images["+0+0+0"], atol=1e-6)
    assert measured.pixel_size == pytest.approx(1.8 / 24) and measured.centre == pytest.approx((11.5, 11.5))
    assert measured.energy_kv == 200.0 and measured.remarks == ("signal 0 0 0",)
    for signal in ((-1, 3, 0), "-1 3 0"):
        assert np.allclose(read_images(folder, signal=signal).images[0], images["-1+3+0"], atol=1e-6)
    with pytest.raises(ImageError, match="one image of a series of Felix; give its folder"):
        read_images(folder / "SrTiO3_+2+0+0.img")
    (folder / "SrTiO3_+2+0+0.img").write_bytes(bytes(1000))
    with pytest.raises(ImageError, match="has 1000 bytes, which is no square image"):
        read_images(folder)
