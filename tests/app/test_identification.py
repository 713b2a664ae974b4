"""What the tab for identification computes and writes into its tables; no browser."""

import asyncio
import io
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from nicegui import Client, core
from nicegui.page import page as Route

import lacbed_gan as lg
from lacbed_gan.app.identification import (
    CANDIDATES,
    PARAMETERS,
    candidate_rows,
    identified,
    parameter_rows,
    pictures,
    refined,
    refinement_line,
    rounded,
)
from lacbed_gan.app.identify_tab import IdentifyTab
from lacbed_gan.app.stage import Stage
from lacbed_gan.app.uploads import Refused, series_from
from lacbed_gan.app.widgets import Colours
from lacbed_gan.crystal.catalogue import catalogue

HKL, NM = [(0, 0, 0), (2, 0, 0)], 52.0
OPTIONS = {"a": 3.61, "half_width": 4.0, "g_max": 1.2, "absorption": "none"}


def npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


CIF = b"""data_Cu
_cell_length_a 3.61
_cell_length_b 3.61
_cell_length_c 3.61
_space_group_name_H-M_alt 'F m -3 m'
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Cu 0 0 0
"""


@pytest.fixture(scope="module")
def file():
    copper = replace(catalogue()["Cu"], b_iso=np.full(4, 0.6))
    images = lg.dark_field(copper, HKL, [NM], 16, g_max=1.2, half_width=4.0)[:, 0].numpy()
    return npz(image=images, hkl=np.array(HKL))


@pytest.fixture
def series(file):
    return series_from(file, "copper.npz")


def test_a_series_is_read(series):
    measured, hkl = series
    assert measured.images.shape == (2, 16, 16) and hkl == ((0, 0, 0), (2, 0, 0))


@pytest.mark.parametrize(
    ("data", "name", "message"),
    [
        (npz(image=np.ones((2, 8, 8))), "one.npz", r"one\.npz: it has no array 'hkl'"),
        (b"PK\x03\x04 and no more", "broken.npz", r"broken\.npz"),
        (b"data_x\n_cell_length_a 3\n", "x.cif", "x.cif is a CIF, not an image"),
        (b"", "none.npz", "none.npz is empty"),
    ],
)
def test_what_is_no_series_gets_a_sentence(data, name, message):
    with pytest.raises(Refused, match=message) as refusal:
        series_from(data, name)
    assert "/tmp" not in str(refusal.value)


def test_identified_refined_and_written_with_units(series, tmp_path):
    crystals = [replace(catalogue()["Cu"], name="copper"), replace(catalogue()["Ag"], name="silver", a=3.61)]
    at = Stage(tmp_path / "stage")
    assert str(at) == ""
    result = identified(*series, crystals, None, OPTIONS | {"align": False, "thickness": (45.0, 60.0)}, at)
    assert str(at) == "with all pixels: 2 of 2"
    rows = candidate_rows(result)
    assert [row["rank"] for row in rows] == [1, 2] and rows[0]["formula"] == "Cu" and set(rows[0]) == set(CANDIDATES)
    assert float(rows[0]["thickness"]) == pytest.approx(NM, abs=0.5) and CANDIDATES["thickness"] == "thickness (nm)"
    assert CANDIDATES["a"] == "a (Å)" and rows[0]["a"] == "3.6149"
    first = result.verdict.order[0]
    measured, calculated, left = pictures(result.ranking.compared, 1, first.images.calculated[1])
    assert measured.title == "2 0 0, measured" and measured.frame.unit == "1/Å" and left.signed
    assert measured.image.min() == 0 and measured.image.max() == 1
    (alone,) = pictures(result.ranking.compared, 1, None)
    assert np.array_equal(alone.image, measured.image)
    assert np.allclose(left.image, measured.image - calculated.image) and np.abs(left.image).mean() < 0.05

    fit = refined(*series, [first.crystal], first.fit.thickness, OPTIONS)
    numbers = {row["name"]: row for row in parameter_rows(fit)}
    assert set(numbers["thickness"]) == set(PARAMETERS) and numbers["thickness"]["unit"] == "nm"
    assert float(numbers["thickness"]["value"]) == pytest.approx(NM, abs=0.3) and numbers["B of Cu"]["unit"] == "Å²"
    assert "r of 2 images, median" in refinement_line(fit)


def test_values_have_the_digits_of_their_errors():
    said = [rounded(*pair) for pair in ((62.6491, 0.17), (-0.00241, 0.023), (1234.4, 250.0), (0.5, math.inf))]
    assert said == ["62.65", "−0.002", "1234", "0.5000"]


class Here:
    """Stands for the processes beside the page."""

    async def compute(self, key, function, *arguments):
        hash(key)
        return await asyncio.to_thread(function, *arguments)


def test_the_tab(file):
    """Drop a series, be told that a is missing, give a CIF, identify, look at a reflection, refine."""

    async def use():
        core.loop = asyncio.get_running_loop()
        with Client(Route("/which"), request=None):
            tab = IdentifyTab(Here(), Colours(), memory := {})
            await tab._take(file, "copper.npz")
            assert tab._messages._about.text == "copper.npz: 2 reflections" and memory["file"][1] == "copper.npz"
            await tab._identify()
            assert tab._messages._refusal.text.startswith("Give a, the cell edge in Å")
            texts = {"half_width": "4", "g_max": "1,2", "least": "45", "largest": "60"}
            for name, text in texts.items():
                tab._numbers[name].value = text
            tab._absorption.value = "none"
            await tab._crystal_dropped(CIF, "cu.cif")
            given = "copper.npz: 2 reflections; compared with Cu (cu.cif) alone"
            assert tab._messages._about.text == given and memory["crystal"].formula == "Cu"
            await tab._identify()
            assert [row["formula"] for row in tab._table.rows] == ["Cu"] and tab._messages._verdict.text
            tab._reflection.value = 1
            assert [panel._title.text for panel in tab._panels] == [
                "2 0 0, measured", "2 0 0, calculated", "2 0 0, measured − calculated"
            ]  # fmt: skip
            assert tab._panels[1]._line.text.startswith("Cu, 5") and not tab._fit._table.visible
            await tab._fit_chosen()
            assert tab._fit.rows[0]["unit"] == "nm" and "Cu, fitted: r of 2 images" in tab._fit_line.text
            assert tab._panels[1]._line.text == "Cu, fitted"
            tab._alone(None)
            assert tab._own is None and not tab._table.rows and not tab._refine.enabled and tab._begin.enabled
            assert tab._messages._about.text == "copper.npz: 2 reflections"
            await tab._take(b"", "none.npz")
            assert tab._messages._refusal.text == "none.npz is empty. Still there: copper.npz."

    with ThreadPoolExecutor(1) as thread:  # a browser of another test leaves a running loop in this one
        thread.submit(asyncio.run, use()).result()
