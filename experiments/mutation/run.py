"""Would the tests notice? A random sample of small changes to the code that computes, and the tests of each.

    pip install '.[dev,mutation]'
    python experiments/mutation/run.py          # draws and tests; goes on where it was stopped
    python experiments/mutation/run.py again    # only those that survived, after tests were added

The changes are Cosmic Ray's. Each is made in memory in a fork of a process that has already imported PyTorch, which
then runs the tests of `TESTS` that can notice, up to the first failure. Writes results.json and results.md.
"""

from __future__ import annotations

import ast
import difflib
import gc
import importlib
import itertools
import json
import multiprocessing
import os
import random
import re
import resource
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # a process that has threads cannot be forked
os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # the tests need none, and each takes time in every fork
import gemmi  # noqa: F401  what the tests import, so that the forks need not
import numpy  # noqa: F401
import pytest
import torch
import torchmetrics  # noqa: F401
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names
from wandb.proto import wandb_internal_pb2  # noqa: F401

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).with_name("results.json")
SEED, COUNT, FEWEST = 0, 200, 5  # mutants in all, by lines that can change; of a module at least
MEMORY = 16 << 30  # bytes of address space of a fork
WHOLE = ("measures/metrics", "data/folds")  # of these all, as their tests take less than a second
# Of the eleven operators that could replace one the nearest, since others fail at once; of comparisons the
# neighbouring one and the opposite.
KEPT = re.compile(
    r"core/(AddNot|NumberReplacer|Replace(AndWithOr|OrWithAnd|BreakWithContinue|ContinueWithBreak"
    r"|FalseWithTrue|TrueWithFalse)|ReplaceUnaryOperator_(Delete_\w+|USub_UAdd)|RemoveDecorator|ZeroIterationForLoop"
    r"|ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_Div|Div_Mul|FloorDiv_Mul|Mod_FloorDiv|Pow_Mul|BitAnd_BitOr"
    r"|BitOr_BitAnd|LShift_RShift)"
    r"|ReplaceComparisonOperator_(Lt_LtE|Lt_GtE|LtE_Lt|LtE_Gt|Gt_GtE|Gt_LtE|GtE_Gt|GtE_Lt|Eq_NotEq|NotEq_Eq"
    r"|Is_IsNot|IsNot_Is))"
)
CRYSTAL, DIFFRACTION = "tests/crystal/test_", "tests/diffraction/test_"
PATTERNS = DIFFRACTION + "patterns.py::test_"
DARK_FIELD = PATTERNS + "dark_field_equals_dense_eigen_solution"
TESTS = {
    "measures/metrics": ["tests/measures/test_metrics.py", "lacbed_gan/measures/metrics.py"],
    "data/folds": ["tests/data/test_folds.py"],
    "crystal/catalogue": [CRYSTAL + "catalogue.py"],
    "crystal/cif": [CRYSTAL + "cif.py"],
    "crystal/crystal": [CRYSTAL + "crystal.py", CRYSTAL + "cif.py", CRYSTAL + "tables.py"],
    "crystal/form_factors": [CRYSTAL + "crystal.py", DIFFRACTION + "potential.py"],
    "crystal/plane_groups": [CRYSTAL + "plane_groups.py", "lacbed_gan/crystal/plane_groups.py"],
    "crystal/plane_symmetry": [CRYSTAL + "plane_symmetry.py", CRYSTAL + "crystal.py"],
    "crystal/prototypes": [CRYSTAL + "prototypes.py"],
    "crystal/radii": [CRYSTAL + "prototypes.py"],
    "crystal/structure_types": [CRYSTAL + "structure_types.py", CRYSTAL + "prototypes.py"],
    "crystal/structures": [CRYSTAL + "structures.py"],
    "crystal/tables": [CRYSTAL + "tables.py"],
    "diffraction/beams": [DIFFRACTION + "operators.py", DIFFRACTION + "converged.py"],
    "diffraction/constants": [DIFFRACTION + "potential.py", DIFFRACTION + "converged.py::test_wavelength_of_200_kv"],
    "diffraction/recursion/converged": [DIFFRACTION + "bright_field.py", DIFFRACTION + "patterns.py"],
    "diffraction/operators/half_fourier": [
        DIFFRACTION + "operators.py",
        PATTERNS + "large_cells_take_the_other_operator",
    ],
    "diffraction/felix/bright_field": [DIFFRACTION + "felix.py"],
    "diffraction/felix/pool": [DIFFRACTION + "felix.py"],
    "diffraction/from_potential": [DIFFRACTION + "from_potential.py"],
    "diffraction/recursion/lanczos": [DIFFRACTION + "bright_field.py", DIFFRACTION + "patterns.py"],
    "diffraction/patterns": [DIFFRACTION + "patterns.py", DIFFRACTION + "bright_field.py"],
    "diffraction/dense": [DIFFRACTION + "dense.py"],
    "diffraction/net": [DIFFRACTION + "net.py", DIFFRACTION + "converged.py"],
    "diffraction/pixels": [DIFFRACTION + "converged.py", DARK_FIELD, PATTERNS + "star"],
    "diffraction/projection": [DIFFRACTION + "converged.py", DIFFRACTION + "operators.py"],
    "diffraction/sublattice": [DIFFRACTION + "converged.py", DIFFRACTION + "from_potential.py"],
    "diffraction/window": [DIFFRACTION + "net.py"],
    "diffraction/potential": [DIFFRACTION + "potential.py"],
    "diffraction/operators/sectors": [DIFFRACTION + "operators.py", DARK_FIELD],
    "diffraction/structure_factors": [DIFFRACTION + "potential.py"],
    "diffraction/recursion/tridiagonal": [DIFFRACTION + "tridiagonal.py", DIFFRACTION + "bright_field.py", DARK_FIELD],
}
# Left out: what others test in less time.
SLOW = (
    PATTERNS + "crystals_computed_together_are_those_computed_alone[dark_field1]",
    DIFFRACTION + "converged.py::test_equals_dense_eigen_solution[SrTiO3]",
    DIFFRACTION + "converged.py::test_equals_dense_eigen_solution[FeS2]",
    DIFFRACTION + "from_potential.py::test_stored_rho_gives_the_stored_pattern_and_another_s_does_not",
    DIFFRACTION + "felix.py::test_whole_patterns_are_felix_own",
)


class Bare(ast.NodeTransformer):
    """Without annotations, which nothing evaluates."""

    def visit_arg(self, node):
        node.annotation = None
        return node

    def visit_FunctionDef(self, node):
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node):
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)


def places(module: str) -> dict[int, list[tuple[str, int]]]:
    """By line, what can change there: (operator, occurrence)."""
    tree, found = get_ast(source_of(module)), defaultdict(list)
    for name in filter(KEPT.fullmatch, sorted(operator_names())):
        positions = (p for node in ast_nodes(tree) for p in get_operator(name)().mutation_positions(node))
        for occurrence, (start, _) in enumerate(positions):
            found[start[0]].append((name, occurrence))
    return found


def mutants(module: str, by_line: dict[int, list[tuple[str, int]]]) -> Iterator[dict]:
    """One change of each line in random order, of a random kind among those it allows, then another of each, …"""
    rng, source = random.Random(f"{SEED} {module}"), source_of(module)
    left = [[line, sorted(found)] for line, found in by_line.items()]
    seen = {meaning(source), None}
    while left := [one for one in left if one[1]]:
        rng.shuffle(left)
        for line, found in left:
            kind = rng.choice(sorted({name.partition("_")[0] for name, _ in found}))
            name, occurrence = rng.choice([one for one in found if one[0].partition("_")[0] == kind])
            found.remove((name, occurrence))
            mutated = mutate_code(source, get_operator(name)(), occurrence)
            if meaning(mutated) not in seen:
                seen.add(meaning(mutated))
                change = difference(source, mutated)
                yield {"module": module, "line": line, "change": change, "operator": name, "occurrence": occurrence}


def source_of(module: str) -> str:
    return (ROOT / "lacbed_gan" / f"{module}.py").read_text(encoding="utf-8")


def meaning(source: str) -> str | None:
    """The program without comments and annotations; None if it is none, as for digits of a format in an f-string."""
    try:
        return ast.dump(Bare().visit(ast.parse(source)))
    except SyntaxError:
        return None


def difference(source: str, mutated: str) -> str:
    lines = list(difflib.ndiff(source.splitlines(), mutated.splitlines()))
    old, new = (" ".join(line[2:].strip() for line in lines if line[:2] == sign) for sign in ("- ", "+ "))
    return f"{old} → {new or 'removed'}"


class Finder:
    """Imports one module from other source than its file's."""

    def __init__(self, module: str, source: str):
        self.path = str(ROOT / "lacbed_gan" / f"{module}.py")
        self.name, self.source = "lacbed_gan." + module.replace("/", "."), source

    def find_spec(self, name, path=None, target=None):
        if name != self.name:
            return None
        loader = SourceFileLoader(name, self.path)
        loader.get_code = lambda name: compile(self.source, self.path, "exec", dont_inherit=True)
        return spec_from_file_location(name, self.path, loader=loader)


def tested(module: str, mutant: tuple[str, int] | None, limit: float | None = None) -> tuple[str, float]:
    """What the tests of a module say about a mutant of it, (operator, occurrence), and the seconds they took."""
    source = source_of(module)
    if mutant:
        source = mutate_code(source, get_operator(mutant[0])(), mutant[1])

    def child():
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1), os.dup2(null, 2)
        finder = Finder(module, source)
        sys.meta_path.insert(0, finder)
        importlib.import_module(finder.name)  # before pytest, which imports what it takes doctests from by itself
        words = ["-x", "--assert=plain", "-p", "no:cacheprovider", *(f"--deselect={test}" for test in SLOW)]
        os._exit(pytest.main([*words, *TESTS[module]]))

    start = time.monotonic()
    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(limit)
    outcome = "timed out" if process.is_alive() else "survived" if process.exitcode == 0 else "killed"
    process.kill()
    process.join()
    return outcome, time.monotonic() - start


def drawn() -> list[dict]:
    """The sample: of each module a share by its lines that can change."""
    found = {module: places(module) for module in TESTS}
    lines = sum(map(len, found.values()))
    sample = []
    for module, by_line in found.items():
        possible = sum(map(len, by_line.values()))
        share = possible if module in WHOLE else max(FEWEST, round(COUNT * len(by_line) / lines))
        sample += [one | {"of": possible} for one in itertools.islice(mutants(module, by_line), share)]
    return sample


def main() -> None:
    torch.set_num_threads(1)
    torch.testing.assert_close(torch.ones(1), torch.ones(1))  # imports more
    gc.collect()
    gc.freeze()  # pytest collects garbage in every fork
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    sample = json.loads(RESULTS.read_text()) if RESULTS.exists() else drawn()
    wanted = "survived" if sys.argv[1:] == ["again"] else None
    limits = {}
    for mutant in [mutant for mutant in sample if mutant.get("outcome") == wanted]:
        module = mutant["module"]
        if module not in limits:
            outcome, seconds = tested(module, None)
            assert outcome == "survived", f"the tests of {module} fail without a change"
            limits[module] = 10 + 2 * seconds
            print(f"{module}: tests take {seconds:.0f} s", flush=True)
        outcome, seconds = tested(module, (mutant["operator"], mutant["occurrence"]), limits[module])
        mutant["outcome"] = "killed since" if wanted and outcome != "survived" else outcome
        print(f"{module}:{mutant['line']} {mutant['outcome']} {seconds:.1f} s  {mutant['change']}", flush=True)
        RESULTS.write_text(json.dumps(sample, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    RESULTS.with_suffix(".md").write_text(report(sample), encoding="utf-8")


def report(sample: list[dict]) -> str:
    outcomes = ("killed", "timed out", "killed since", "survived")
    lines = [f"| module | possible | drawn | {' | '.join(outcomes)} | score |", "|---" * 8 + "|"]
    for module in [*TESTS, "all"]:
        own = [one for one in sample if module in (one["module"], "all")]
        counts = Counter(one["outcome"] for one in own)
        possible = sum({one["module"]: one["of"] for one in own}.values())
        cells = [module, possible, len(own), *(counts[x] for x in outcomes), f"{1 - counts['survived'] / len(own):.0%}"]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    lines += ["", "`killed since`: by tests written for survivors of the first run.", "", "<!-- survivors -->", ""]
    for one in sample:
        if one["outcome"] == "survived":
            lines.append(f"- `{one['module']}.py:{one['line']}`: `{one['change']}`")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
