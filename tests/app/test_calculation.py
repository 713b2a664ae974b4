"""The tab for any zone axis: what is typed into it, what it computes, and that it can be stopped."""

import re

import numpy as np
import pytest

from lacbed_gan.app.calculation_tab import calculated, indices, known_crystals
from lacbed_gan.app.uploads import Refused
from lacbed_gan.crystal.catalogue import catalogue, noncubic
from lacbed_gan.diffraction import bright_field

CALCULATION = 120_000  # ms, for seconds of work on a machine that may be busy


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0 0 1", (0, 0, 1)), ("[-1,1,0]", (-1, 1, 0)), ("1-10", (1, -1, 0)), ("2 -1 -1 0", (2, -1, -1, 0)),
     ("(10; 0; -2)", (10, 0, -2)), ("<001>", (0, 0, 1))],
)  # fmt: skip
def test_indices(text, expected) -> None:
    assert indices("zone axis", text) == expected


@pytest.mark.parametrize("text", ["", "0 1", "a b c", "1.5 0 0", "1 2 3 4 5", "--1", "0 0 1000"])
def test_what_is_no_index_gets_a_sentence(text) -> None:
    with pytest.raises(Refused, match="is no zone axis; three whole numbers are"):
        indices("zone axis", text)


def test_every_crystal_of_the_catalogues_can_be_chosen() -> None:
    assert len(known_crystals()) == len(catalogue()) + len(noncubic())


def test_the_bright_field_is_the_reflection_zero() -> None:
    crystal = catalogue()["GaAs"].with_default_b_iso(0.6)
    options = {"zone": (-1, 1, 0), "window": "1/Å", "half_width": 0.7, "g_max": 1.2, "absorption": "tds"}
    expected = bright_field(crystal, (60,), 6, **options)[0].numpy()
    assert np.array_equal(calculated(crystal, (0, 0, 0), 60.0, 6, options), expected)


def test_a_dark_field_along_another_zone_with_absorption(page) -> None:
    """Choose, type, compute; a zone that is none gets a sentence; what takes long can be cancelled."""
    page.get_by_role("tab", name="Any zone axis").click()
    tab = page.get_by_role("tabpanel").filter(has=page.get_by_label("zone axis uvw"))
    field = tab.get_by_label("or one of the catalogue")
    field.click()
    field.press_sequentially("GaAs")
    page.get_by_role("option", name="GaAs").click()
    tab.get_by_text("GaAs: GaAs, F -4 3 m").wait_for()
    for label, text in (
        ("zone axis uvw", "-1 1 0"),
        ("reflection hkl", "0 0 2"),
        ("pixels", "24"),
        ("g_max (1/Å)", "2"),
    ):
        tab.get_by_label(label).fill(text)
    tab.get_by_label("absorption").click()
    page.get_by_role("option", name="tds").click()
    tab.get_by_role("button", name="compute").click()
    tab.locator("svg[aria-label='0 0 2 along [-1 1 0], 50 nm']").filter(has=page.locator("image")).wait_for(
        timeout=CALCULATION
    )
    assert tab.get_by_text(re.compile(r"absorption tds, 200 kV, [\d.]+ s")).is_visible()

    field.click()
    field.press_sequentially("quartz")
    page.get_by_role("option", name="quartz").first.click()
    tab.get_by_text("quartz: SiO₂").wait_for()
    tab.get_by_label("reflection hkl").fill("1 0 0")
    tab.get_by_role("button", name="compute").click()
    alert = tab.get_by_role("alert").filter(has_text="1 0 0")
    alert.wait_for(timeout=CALCULATION)
    assert "Traceback" not in alert.inner_text()

    for label, text in (("reflection hkl", "0 0 4"), ("pixels", "512"), ("g_max (1/Å)", "8")):
        tab.get_by_label(label).fill(text)
    tab.get_by_role("button", name="compute").click()
    tab.get_by_text(re.compile(r"being computed, \d+ s")).wait_for()
    tab.get_by_role("button", name="cancel").click()
    tab.get_by_text("cancelled").wait_for()
    assert tab.get_by_role("button", name="compute").is_enabled()
