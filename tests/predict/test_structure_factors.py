"""Structure factors fitted to patterns: from errors to the truth, said where not, and from a network by the command."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import lacbed_gan as lg
from lacbed_gan.base.errors import SettingsError
from lacbed_gan.commands import refine
from lacbed_gan.commands.config import composed
from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.predict.refinement.factor_images import Images, State, likeness
from lacbed_gan.predict.refinement.factor_start import STARTS
from lacbed_gan.predict.refinement.free_factors import ALIKE, fit_factors

HKL, NM, COUNTS = [(0, 0, 0), (2, 0, 0), (2, 2, 0)], 41.0, 10_000
SCALE, BACKGROUND = np.array([[2.0], [1.0], [5.0]]), np.array([[0.1], [0.0], [-0.3]])  # of each image its own


@pytest.fixture(scope="module")
def scattering():
    copper = replace(catalogue()["Cu"], b_iso=np.full(4, 0.8))
    return lg.Scattering(copper, g_max=1.3)


@pytest.fixture(scope="module")
def images(scattering):
    random = np.random.default_rng(0)
    k = torch.from_numpy(random.uniform(-1.1, 1.1, (60, 2)))
    intensity = scattering.intensity(scattering.of_sites(), k, [NM], HKL)[:, 0].double().numpy()
    counts = random.poisson(COUNTS * intensity.clip(0))
    sigma = np.sqrt(np.maximum(counts, 1)) / COUNTS
    return Images(HKL, k, SCALE * counts / COUNTS + BACKGROUND, SCALE * sigma)


def test_from_errors_of_a_fifth_to_the_truth(scattering, images):
    u = scattering.of_sites()
    start = u * (1 + 0.2 * torch.from_numpy(np.random.default_rng(1).standard_normal(len(u))))
    fit = fit_factors(scattering, start, 0.2 * u.abs().numpy() + 1e-5, NM + 1, images)
    off = np.abs((fit.u - u).numpy())
    strongest = np.argsort(-u.abs().numpy())[:3]
    assert not fit.doubts and fit.chi2 == pytest.approx(1, abs=0.35)
    assert (off[strongest] < 0.03 * u.abs().numpy()[strongest]).all() and fit.thickness == pytest.approx(NM, abs=0.2)
    assert (off[strongest] < 4 * fit.errors[strongest]).all() and 0 < fit.thickness_error < 0.2
    assert np.abs((start - u).numpy()[strongest]).max() > 0.1 * u.abs().numpy()[strongest].min()  # it had to move


def test_the_noise_of_what_is_fitted_weighs_at_last(scattering, images):
    """Of estimates that are half of it as of any others, but for how the fit comes there."""

    def counted(intensity):
        return SCALE * np.sqrt(np.maximum((intensity - BACKGROUND) / SCALE * COUNTS, 1)) / COUNTS

    u = scattering.of_sites()
    half = replace(images, sigma=images.sigma / 2)
    fit = fit_factors(scattering, u, 0.2 * u.abs().numpy() + 1e-5, NM, half, noise=counted)
    strongest = np.argsort(-u.abs().numpy())[:3]
    assert fit.chi2 == pytest.approx(1, abs=0.35) and not fit.doubts
    assert (np.abs((fit.u - u).numpy()) < 4 * fit.errors)[strongest].all()
    assert fit_factors(scattering, u, 0.2 * u.abs().numpy() + 1e-5, NM, half).chi2 > 2.5


def test_what_no_structure_factors_give_is_doubted(scattering, images):
    noise = replace(images, measured=np.random.default_rng(2).random(images.measured.shape))
    u = scattering.of_sites()
    fit = fit_factors(scattering, u, 0.2 * u.abs().numpy() + 1e-5, NM, noise)
    assert fit.doubts and "times noise" in fit.doubts[0] and 1 < fit.tries <= STARTS


@pytest.mark.parametrize("noise", [0.5, 1.0])
def test_residuals_that_hang_together_are_told_from_noise(noise):
    """A tenth of the variance, whether or not the noise is as strong as it is said to be."""
    random = np.random.default_rng(4)
    k = random.uniform(-1, 1, (2000, 2))
    images = Images([(0, 0, 0)], torch.from_numpy(k), np.zeros((1, 2000)), np.ones((1, 2000)))
    residuals = noise * random.standard_normal(2000)
    fringes = noise * 0.45 * np.cos(20 * k[:, 0])
    one, other = (State(torch.zeros(1), NM, np.zeros(0), [], x) for x in (residuals, residuals + fringes))
    assert abs(likeness(one, images)) < 3 and likeness(other, images) > ALIKE
    assert other.chi2 < 1.2 * one.chi2


def test_the_command(tmp_path, capsys):
    """Bright field of copper, structure factors from the shipped network's ρ."""
    crystal = catalogue()["Cu"].with_default_b_iso(0.8)
    image = lg.bright_field(crystal, [50], 32, g_max=1.3)[0].numpy()
    series, cif = tmp_path / "cu.npz", tmp_path / "cu.cif"
    np.savez(series, image=np.random.default_rng(3).poisson(3000 * image)[None], hkl=np.array([[0, 0, 0]]))
    cif.write_text(
        f"data_Cu\n_cell_length_a {crystal.a}\n_cell_length_b {crystal.a}\n_cell_length_c {crystal.a}\n"
        "_space_group_name_H-M_alt 'F m -3 m'\nloop_\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n"
        "_atom_site_fract_z\n_atom_site_B_iso_or_equiv\nCu 0 0 0 0.8\n"
    )
    words = [f"input={series}", f"crystal={cif}", f"output={tmp_path / 'out'}", "absorption=none", "g_max=1.3"]
    settings = composed("refine", [*words, "align=none", "start=network", "thickness=50"])
    refine.check(settings)
    refine.refine(settings)
    numbers = json.loads((tmp_path / "out" / "cu.json").read_text())
    assert numbers["thickness"] == pytest.approx(50, abs=4) and numbers["units"]["thickness"] == "nm"
    first = numbers["structure_factors"][0]
    assert (first["h"], first["k"]) == (2, 0) and first["standard error (1/Å²)"] > 0
    assert numbers["trusted"] or numbers["doubts"]
    table = (tmp_path / "out" / "cu_structure_factors.csv").read_text().splitlines()
    assert table[0].startswith("h,k,g (1/Å),U (1/Å²),standard error (1/Å²),of the network")
    assert "U of 2 0: " in capsys.readouterr().out
    with pytest.raises(SettingsError, match="needs to about 3 nm: thickness="):
        refine.check(composed("refine", [*words, "start=network"]))
