"""Derivatives of intensities: against dense solutions, difference quotients and each other."""

import math

import pytest
import torch

import lacbed_gan as lg
from lacbed_gan.crystal.zone_axis import reflection as lg_reflection
from lacbed_gan.diffraction.absorption import Absorption
from lacbed_gan.diffraction.dense import amplitudes, zone_matrix
from lacbed_gan.diffraction.dense import intensities as dense_intensities
from lacbed_gan.diffraction.errors import CalculationError

CELL = (4.1, 4.5, 4.9, 88, 95, 101)
TRICLINIC = [lg.Site("Ti", (0.1, 0.2, 0.1), b_iso=0.5), lg.Site("O", (0.3, 0.41, 0.27), b_iso=0.5)]
PYRITE = [lg.Site("Fe", (0, 0, 0), b_iso=0.5), lg.Site("S", (0.385, 0.385, 0.385), b_iso=0.3)]
GALLIUM_ARSENIDE = [lg.Site("Ga", (0, 0, 0), b_iso=0.5), lg.Site("As", (0.25, 0.25, 0.25), b_iso=0.5)]
GAAS = lg.Crystal.from_sites("GaAs", "F -4 3 m", 5.6533, GALLIUM_ARSENIDE)
COPPER = lg.Crystal.from_sites("Cu", "F m -3 m", 3.615, [lg.Site("Cu", (0, 0, 0))])
CRYSTALS = {
    "lines of reflection": GAAS,
    "glide lines": lg.Crystal.from_sites("pyrite", "P a -3", 5.418, PYRITE),
    "a two-fold axis": lg.Crystal.from_sites("centred", "P -1", CELL, TRICLINIC),
    "no symmetry": lg.Crystal.from_sites("general", "P 1", CELL, TRICLINIC),
    "no two-fold axis": GAAS.along((1, 1, 0)),
}
K = torch.tensor([[0.0, 0.0], [0.1, 0.05], [0.42, -0.23], [0.9, 0.7]], dtype=torch.float64)  # zone axis, tilted, far
THICKNESS = torch.tensor([20.0, 50.0], dtype=torch.float64)


def scattering(name: str, dtype: torch.dtype = torch.float64) -> lg.Scattering:
    return lg.Scattering(CRYSTALS[name], g_max=1.2, dtype=dtype)


def dense(
    sample: lg.Scattering, u: torch.Tensor, k: torch.Tensor, thickness: torch.Tensor, beam: int | torch.Tensor = 0
) -> torch.Tensor:
    """(T, P) of the direct beam, or (G, T, P), from all eigenvectors of the matrix that its definition gives."""
    potential = sample.independent.potential(u)
    difference = sample.beams.hk[:, None] - sample.beams.hk + sample.beams.middle
    coupling = potential[difference[..., 0], difference[..., 1]]
    return dense_intensities(sample.beams.g, coupling, k, thickness.tolist())[beam]


def absorbing_coupling(sample: lg.Scattering, u: torch.Tensor) -> torch.Tensor:
    """(N, N) U + iU′ of numbers (2M + 1,), by the definition of its elements."""
    difference = sample.beams.hk[:, None] - sample.beams.hk + sample.beams.middle
    elastic, absorbed = u[: len(sample.independent)], u[len(sample.independent) :]
    parts = [sample.independent.potential(x)[difference[..., 0], difference[..., 1]] for x in (elastic, absorbed[1:])]
    return parts[0] + 1j * (parts[1] + absorbed[0] * torch.eye(len(difference)))


def quotient(function, step: float) -> torch.Tensor:
    """Derivative at 0 by four points."""
    near, far = (function(x) - function(-x) for x in (step, 2 * step))
    return (8 * near - far) / (12 * step)


@pytest.mark.parametrize("name", CRYSTALS)
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-6), (torch.float32, 1e-3)], ids=["double", "single"]
)
def test_derivatives_are_difference_quotients_of_dense_solutions(
    name: str, dtype: torch.dtype, tolerance: float
) -> None:
    """Along random changes of U, k and t together and alone; the scale is that of the largest of all pixels."""
    sample = scattering(name, dtype)
    u = sample.of_sites()
    settled = 1e-8 if dtype == torch.float64 else 1e-4
    assert (sample.intensity(u, K, THICKNESS) - dense(sample, u, K, THICKNESS)).abs().max() < settled
    jacobian = sample.jacobian(u, K, THICKNESS)
    random = torch.Generator().manual_seed(0)
    du, dk, dt = (torch.randn(x.shape, generator=random, dtype=torch.float64) for x in (u, K, THICKNESS))
    du = u * du
    for got, change, step in (
        (jacobian.parameters.double() @ du, lambda x: (u + x * du, K, THICKNESS), 2e-4),
        ((jacobian.direction * dk).sum(-1).double(), lambda x: (u, K + x * dk, THICKNESS), 1e-5),
        (jacobian.thickness * dt[:, None], lambda x: (u, K, THICKNESS + x * dt), 1e-2),
    ):
        expected = quotient(lambda x, change=change: dense(sample, *change(x)), step)
        assert (got - expected).abs().max() < tolerance * expected.abs().max()


@pytest.mark.parametrize("name", ["lines of reflection", "a two-fold axis", "no two-fold axis"])
def test_backward_is_the_jacobian(name: str) -> None:
    """∂L/∂p of a weighted sum of intensities is the sum of the rows of the Jacobian."""
    sample = scattering(name)
    inputs = [x.clone().requires_grad_() for x in (sample.of_sites(), K, THICKNESS)]
    weights = torch.randn(2, len(K), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    (sample.intensity(*inputs) * weights).sum().backward()
    jacobian = sample.jacobian(*(x.detach() for x in inputs))
    expected = [
        torch.einsum("tp,tpj->j", weights, jacobian.parameters),
        torch.einsum("tp,tpx->px", weights, jacobian.direction),
        (weights * jacobian.thickness).sum(1),
    ]
    for x, each in zip(inputs, expected, strict=True):
        torch.testing.assert_close(x.grad, each, rtol=1e-9, atol=1e-9 * float(each.abs().max()))


@pytest.mark.parametrize("name", ["glide lines", "no two-fold axis"])
def test_dark_fields_too(name: str) -> None:
    """Intensities and their derivatives by U, k and t, of beams one of which is the direct one."""
    sample = scattering(name)
    hkl = [(1, -1, 1), (0, 0, 0)] if name == "no two-fold axis" else [(0, 2, 0), (0, 0, 0), (1, -2, 0)]
    hkl = [(0, 2, 0), (0, 0, 0), (2, -2, 0)] if name == "glide lines" else hkl
    index = sample.beams.find([lg_reflection(sample.crystal, each) for each in hkl])
    u, thickness = sample.of_sites(), THICKNESS[:1]
    jacobian = sample.jacobian(u, K, thickness, hkl=hkl)
    assert (jacobian.intensity - dense(sample, u, K, thickness, index)).abs().max() < 1e-8
    du = u * torch.randn(len(u), generator=torch.Generator().manual_seed(0)).double()
    for got, change, step in (
        (jacobian.parameters @ du, lambda x: (u + x * du, K, thickness), 2e-4),
        (jacobian.direction.sum(-1), lambda x: (u, K + x, thickness), 1e-5),
        (jacobian.thickness, lambda x: (u, K, thickness + x), 1e-2),
    ):
        expected = quotient(lambda x, change=change: dense(sample, *change(x), index), step)
        assert (got - expected).abs().max() < 1e-6 * expected.abs().max()
    inputs = [x.clone().requires_grad_() for x in (u, K, thickness)]
    sample.intensity(*inputs, hkl)[0].sum().backward()
    expected = jacobian.parameters.sum((1, 2)), jacobian.direction.sum(1), jacobian.thickness.sum(2)
    for x, each in zip(inputs, expected, strict=True):
        torch.testing.assert_close(x.grad, each[0], rtol=1e-9, atol=1e-9 * float(each.abs().max()))


@pytest.mark.parametrize(
    ("name", "absorption"),
    [("lines of reflection", "tds"), ("a two-fold axis", "proportional"), ("no symmetry", "tds")],
)
def test_absorption(name: str, absorption: str) -> None:
    """Against the dense reference and PyTorch's derivatives of it, by U, U′, k and t, of bright and dark fields."""
    sample = lg.Scattering(CRYSTALS[name], g_max=0.9, absorption=absorption, dtype=torch.float64)
    ratio = sample.absorbed() if absorption == "tds" else torch.cat([sample.absorbed()[:1], 0.1 * sample.of_sites()])
    u = torch.cat([sample.of_sites(), ratio]).requires_grad_()
    k, thickness = K.clone().requires_grad_(), torch.tensor([40.0], dtype=torch.float64, requires_grad=True)
    assert (sample.intensity(u, k, thickness) - sample.intensity(sample.of_sites(), k, thickness)).abs().max() < 1e-14
    beams = sample.beams.find([(0, 0), (0, 2)])
    matrix = zone_matrix(sample.beams.g, absorbing_coupling(sample, u), k)
    expected = amplitudes(matrix, k, thickness.tolist())[:, 0, beams].T.abs().square()  # (G, P)
    weights = torch.randn(2, len(K), generator=torch.Generator().manual_seed(2)).double()
    for hkl, which in ((None, slice(0, 1)), ([(0, 0, 0), (0, 2, 0)], slice(0, 2))):
        got = sample.intensity(u, k, thickness, hkl).view(-1, len(K))
        assert (got - expected[which]).abs().max() < 1e-8
        both = [
            torch.autograd.grad((weights[which] * x).sum(), [u, k], retain_graph=True) for x in (got, expected[which])
        ]
        for x, y in zip(*both, strict=True):
            assert (x - y).abs().max() < 1e-6 * y.abs().max()
        jacobian = sample.jacobian(u, K, thickness, hkl=hkl)
        rows = jacobian.parameters.view(-1, len(K), len(u))
        assert (torch.einsum("gp,gpj->j", weights[which], rows) - both[0][0]).abs().max() < 1e-9 * both[0][
            0
        ].abs().max()
        slope = quotient(lambda x, hkl=hkl: sample.intensity(u, k, thickness + x, hkl).detach(), 0.1)
        assert (jacobian.thickness - slope).abs().max() < 1e-6 * slope.abs().max()


def test_absorption_that_follows_the_potential() -> None:
    """`proportional` absorption of a potential that is scaled is scaled too, `tds` is not."""
    for absorption in ("proportional", "tds"):
        sample = lg.Scattering(GAAS, g_max=0.9, absorption=absorption, dtype=torch.float64)
        u, scale = sample.of_sites(), torch.ones(1, dtype=torch.float64)
        jacobian = sample.jacobian(lambda p, u=u: p * u, K, [30.0], scale)
        expected = quotient(lambda x, u=u, sample=sample: sample.intensity((1 + x) * u, K, [30.0]), 1e-3)
        assert (jacobian.parameters[..., 0] - expected).abs().max() < 1e-6 * expected.abs().max()


def test_absorption_of_sites() -> None:
    """U′ of the sites is that of the crystal; its derivatives by B and occupancy are difference quotients."""
    sample = lg.Scattering(COPPER.with_default_b_iso(0.5), g_max=0.9, absorption="tds", dtype=torch.float64)
    potential = Absorption("tds").beams(sample.projection, sample.beams).potential
    torch.testing.assert_close(sample.absorbed()[1:], sample.independent.numbers(potential))
    torch.testing.assert_close(sample.absorbed()[0], potential[tuple(sample.beams.middle)])
    b = torch.tensor([0.5], dtype=torch.float64, requires_grad=True)
    by_b = torch.autograd.functional.jacobian(sample.absorbed, b)[:, 0]
    expected = (sample.absorbed(b.detach() + 0.01) - sample.absorbed(b.detach() - 0.01)) / 0.02
    torch.testing.assert_close(by_b, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))
    torch.testing.assert_close(sample.absorbed(occupancy=torch.tensor([0.5])), sample.absorbed() / 2)


def test_derivatives_may_be_asked_for_twice() -> None:
    sample = scattering("lines of reflection")
    for hkl in (None, [(2, 2, 0), (0, 0, 0)]):
        u = sample.of_sites().requires_grad_()
        total = sample.intensity(u, K, THICKNESS[:1], hkl).sum()
        first, second = (torch.autograd.grad(total, u, retain_graph=True)[0] for _ in range(2))
        torch.testing.assert_close(second, first, rtol=1e-12, atol=0)


def test_a_potential_that_binds_more_strongly_off_the_axis() -> None:
    """Coefficients beyond the cut-off ten times too large: the ground state of few beams is no bound of the others."""
    sample = scattering("lines of reflection")
    far = sample.projection.net.squared_length(sample.independent.hk.numpy()) > 1.0
    u = sample.of_sites() * torch.where(torch.from_numpy(far), -60.0, 1.0)
    assert (sample.intensity(u, K, THICKNESS) - dense(sample, u, K, THICKNESS)).abs().max() < 1e-8


def test_two_beams_at_the_bragg_condition() -> None:
    """I = cos²(π t (√(k₀² + U) − √(k₀² − U))): its derivative by hand, to first order in U/k₀²."""
    sample = lg.Scattering(COPPER.with_default_b_iso(0.5), g_max=0.6, dtype=torch.float64)
    first = sample.beams.g[sample.beams.g[:, 0].argmax()]
    u = torch.zeros(len(sample.independent), dtype=torch.float64)
    u[0] = 1e-3  # weak, so that beams away from the Bragg condition stay dark
    jacobian = sample.jacobian(u, -first[None] / 2, [300.0])
    rate = math.pi * 3000 / math.sqrt(1 / 0.0250793**2 - float(first @ first) / 4)
    assert float(jacobian.parameters[0, 0, 0]) == pytest.approx(-rate * math.sin(2 * rate * 1e-3), rel=2e-3)


@pytest.mark.parametrize("name", CRYSTALS)
def test_structure_factors_by_three_ways(name: str) -> None:
    """From the crystal's atoms, from its beams, and from its projected potential."""
    sample = scattering(name)
    u, rho = sample.of_sites(), lg.projected_potential(sample.crystal, 64, g_max=2.4)
    known = torch.zeros(sample.beams.potential.numel(), dtype=torch.bool)
    known[sample.independent.sites] = True
    torch.testing.assert_close(
        sample.independent.potential(u).flatten()[known], sample.beams.potential.flatten()[known]
    )
    torch.testing.assert_close(sample.independent.numbers(sample.beams.potential), u)
    torch.testing.assert_close(sample.of_potential(rho), u, atol=1e-7, rtol=0)


def test_parameters_of_sites() -> None:
    """B and occupancy of each site, through a function of the caller's."""
    sample = scattering("glide lines")
    sites = int(sample.sites.max()) + 1
    parameters = torch.cat([torch.full((sites,), 0.5), torch.ones(sites)]).double()

    def structure_factors(p: torch.Tensor) -> torch.Tensor:
        return sample.of_sites(b_iso=p[:sites], occupancy=p[sites:])

    jacobian = sample.jacobian(structure_factors, K, THICKNESS, parameters)
    change = torch.randn(2 * sites, generator=torch.Generator().manual_seed(0)).double()
    expected = quotient(lambda x: sample.intensity(structure_factors(parameters + x * change), K, THICKNESS), step=1e-4)
    assert (jacobian.parameters @ change - expected).abs().max() < 1e-6 * expected.abs().max()


def test_pattern_is_the_bright_field() -> None:
    sample = lg.Scattering(GAAS, g_max=2.0)
    pattern = sample.bright_field(sample.of_sites(), [50, 150], 16)
    assert (pattern - lg.bright_field(GAAS, [50, 150], 16, g_max=2.0)).abs().max() < 1e-3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"u": torch.zeros(3)}, r"\(3,\) structure factors are not"),
        ({"thickness": []}, "thickness must be a list"),
        ({"u": torch.full((scattering("lines of reflection").of_sites().shape), math.nan)}, "factors are not finite"),
        ({"k": torch.zeros(0, 2)}, r"shape \(0, 2\)"),
        ({"thickness": [50, -1]}, "thickness must be a list of positive numbers"),
        ({"k": torch.zeros(2)}, r"not \(P, 2\)"),
        ({"k": torch.full((1, 2), 40.0)}, "past grazing incidence"),
        ({"k": torch.full((1, 2), math.nan)}, "not finite"),
    ],
)
def test_bad_input(arguments: dict, message: str) -> None:
    sample = scattering("lines of reflection")
    with pytest.raises(CalculationError, match=message):
        sample.intensity(**({"u": sample.of_sites(), "k": K, "thickness": [50.0]} | arguments))


def test_bad_settings() -> None:
    with pytest.raises(CalculationError, match="dtype"):
        lg.Scattering(GAAS, dtype=torch.float16)
    with pytest.raises(CalculationError, match="must be positive"):
        lg.Scattering(GAAS, g_max=-1.0)
    with pytest.raises(CalculationError, match="absorption"):
        lg.Scattering(GAAS, absorption="tsd")
    with pytest.raises(CalculationError, match="needs B of every atom"):
        lg.Scattering(COPPER, absorption="tds")
    with pytest.raises(CalculationError, match="no imaginary part"):
        scattering("lines of reflection").absorbed()
    with pytest.raises(CalculationError, match="2 sites"):
        scattering("lines of reflection").of_sites(torch.ones(8))
    sample = scattering("lines of reflection")
    with pytest.raises(CalculationError, match="go with one"):
        sample.jacobian(lambda p: p, K, [50.0])
    for hkl, message in (([], "no reflection"), ([(1, 0, 0)], "1 0 0 is forbidden"), ([(8, 0, 0)], "beyond g_max")):
        with pytest.raises(CalculationError, match=message):
            sample.intensity(sample.of_sites(), K, [50.0], hkl)
    with pytest.raises(CalculationError, match="pixels or more"):
        scattering("lines of reflection").of_potential(torch.zeros(8, 8))
