"""How far patterns are from convergence in g_max, and FELIX's from the converged ones: prints a table."""

from lacbed_gan.crystal.catalogue import catalogue
from lacbed_gan.diffraction import bright_field

THICKNESS = (50, 100, 150, 200)


def main() -> None:
    print("| crystal | compared with converged, g_max 4.25 1/Å | rms at 50 / 100 / 150 / 200 nm | maximum |")
    print("|---|---|---|---|")
    for name in ("Cu", "GaAs", "SrTiO3"):
        crystal = catalogue()[name]
        reference = bright_field(crystal, THICKNESS)
        others = {
            "converged, g_max 5 1/Å": bright_field(crystal, THICKNESS, g_max=5.0),
            "felix": bright_field(crystal, THICKNESS, method="felix"),
        }
        for what, pattern in others.items():
            difference = pattern - reference
            rms = " / ".join(f"{x:.4f}" for x in difference.square().mean((1, 2)).sqrt())
            print(f"| {name} | {what} | {rms} | {difference.abs().max():.3f} |", flush=True)


if __name__ == "__main__":
    main()
