"""What the crystals of a store say about the error of their intensities."""

from __future__ import annotations

import numpy as np

from lacbed_gan.diffraction.cut_off import ABOVE, LADDER, AutoCutOff
from lacbed_gan.store.store import Store

SHOWN = 20  # crystals past the tolerance, the worst first
REMEDY = {
    "converged": "raise g_max, or give B of their atoms (in the CIF, or b_iso_default)",
    "auto": f"g_max=auto ends at {LADDER[-1 - ABOVE]:.3g} 1/Å; give g_max, or B of their atoms",
    "felix": "method=felix is a truncated calculation, method=converged is not",
}


def convergence(store: Store, tolerance: float) -> str:
    """Lines with the distribution of the crystals' ``error_rms``; empty for a store of before there was one.

    Args:
        tolerance: rms intensity error past which a crystal is listed.
    """
    known = [entry for entry in store.index if entry.get("error_rms") is not None]
    if not known:
        return ""
    errors = [entry["error_rms"] for entry in known]
    median, most = np.percentile(errors, (50, 90))
    lines = [f"error of intensities (rms): median {median:.2g}, 90 % below {most:.2g}, largest {max(errors):.2g}"]
    past = sorted((entry for entry in known if entry["error_rms"] > tolerance), key=lambda e: -e["error_rms"])
    if past:
        number = "1 crystal is" if len(past) == 1 else f"{len(past)} crystals are"
        lines.append(f"{number} past tolerance={tolerance:g}; {REMEDY[_kind(store)]}:")
        width = max(len(entry["id"]) for entry in past[:SHOWN])
        lines += [f"  {entry['id']:<{width}}  {entry['formula']}  {entry['error_rms']:.2g}" for entry in past[:SHOWN]]
        if len(past) > SHOWN:
            lines.append(f"  and {len(past) - SHOWN} more; error_rms in index.jsonl has all")
    return "\n".join(lines)


def _kind(store: Store) -> str:
    return "auto" if isinstance(store.recipe.g_max, AutoCutOff) else store.recipe.method
