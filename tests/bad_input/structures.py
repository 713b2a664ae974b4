"""CIFs and tables that cannot be used: each makes one file."""

import gzip
import json
import os

GOOD = """data_GaAs
_cell_length_a 5.6533
_cell_length_b 5.6533
_cell_length_c 5.6533
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'F -4 3 m'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Ga1 Ga 0 0 0 1
As1 As 0.25 0.25 0.25 1
"""
ROW = {"id": "GaAs", "hm": "F -4 3 m", "a": 5.65, "sites": [["Ga", 0, 0, 0, 1, None], ["As", 0.25, 0.25, 0.25, 1, 0]]}
NAME = "_symmetry_space_group_name_H-M 'F -4 3 m'"


def text(changed):
    """Writes GOOD after `changed`."""
    return lambda path: path.write_text(changed(GOOD))


def swapped(*pairs):
    """Writes GOOD with the second of each pair for the first."""

    def write(path):
        made = GOOD
        for old, new in pairs:
            assert old in made
            made = made.replace(old, new)
        path.write_text(made)

    return write


def content(data):
    return lambda path: path.write_bytes(data)


def many_atoms(path):
    path.write_text(GOOD + "".join(f"C{i} C 0.{i:05d} 0.3 0.7 0.001\n" for i in range(100_000)))


def crowded(path):
    """Few sites, but 192 atoms each."""
    path.write_text(
        GOOD.replace("F -4 3 m", "F m -3 m") + "".join(f"C C 0.{i} 0.2{i} 0.4{i} .01\n" for i in range(101, 300))
    )


def huge(path):
    """200 MB that take no place on the disk."""
    path.write_text(GOOD)
    os.truncate(path, 200_000_000)


def operations(*triplets):
    return swapped((NAME, "loop_\n_symmetry_equiv_pos_as_xyz\n" + "\n".join(f"'{one}'" for one in triplets)))


def wrong_operation():
    """Those of P 2 3 with one sign wrong."""
    from gemmi import SpaceGroup

    good = [op.triplet() for op in SpaceGroup("P 2 3").operations()]
    assert good[1] == "x,-y,-z" or good[1] in ("-x,-y,z", "-x,y,-z")
    listed = "\n".join(f"'{one}'" for one in [good[0], "x,y,-z", *good[2:]])
    return swapped((NAME, "_symmetry_space_group_name_H-M 'P 2 3'\nloop_\n_symmetry_equiv_pos_as_xyz\n" + listed))


def pipe(path):
    os.mkfifo(path)


def table(*changes):
    """A table with one line for each; what is text stands as it is."""

    def write(path):
        lines = (change if isinstance(change, str) else json.dumps(ROW | change) for change in changes)
        data = "".join(f"{line}\n" for line in lines).encode()
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)

    return write


def endless_line(path):
    with gzip.open(path, "wb", 1) as file:
        file.write(b'{"id": "' + bytes(60_000_000))


# What it is → how it is made, and what the line says beside the file's name.
CIFS = {
    "binary": (content(b"data_\x89PNG\r\n\xff\xfe\x00\x01"), "not a CIF"),
    "truncated": (text(lambda good: good[: good.index("As1 As") + 12]), "not a CIF"),
    "cut before its atoms": (text(lambda good: good[: good.index("loop_")]), "it has no atoms"),
    "two structures": (text(lambda good: good + good.replace("data_GaAs", "data_b")), "2 structures; split it"),
    "no cell": (swapped(("_cell_length_", "_cell_")), "its cell is missing"),
    "cell of zero": (swapped(("5.6533", "0")), "its cell edge 0 Å is not positive"),
    "negative cell": (swapped(("5.6533", "-5.6533")), "its cell edge -5.6533 Å is not positive"),
    "cell of NaN": (swapped(("5.6533", "nan")), "its cell is missing or not a number"),
    "cell of 1e308": (swapped(("5.6533", "1e308")), "outside 1 … 200 Å"),
    "tiny cell": (swapped(("5.6533", "0.001")), "outside 1 … 200 Å"),
    "tetragonal": (swapped(("_c 5.6533", "_c 9")), "its cell is not cubic (5.6533, 5.6533, 9 Å"),
    "hexagonal angle": (swapped(("gamma 90", "gamma 120")), "its cell is not cubic"),
    "no symmetry": (swapped((NAME + "\n", "")), "it has no symmetry"),
    "hexagonal group": (swapped(("F -4 3 m", "P 6/m m m")), "its cell is not that of P 6/m m m (5.6533, 5.6533, 5.6"),
    "two origins": (swapped(("F -4 3 m", "F d -3 m")), "two origins; write 'F d -3 m:1' or"),
    "an operation of no sense": (operations("x,y,z", "x,y,q"), "a symmetry operation cannot be read"),
    "operations of no group": (wrong_operation(), "its symmetry operations are no group"),
    "endless operations": (operations(*["x,y,z"] * 5000), "5000 symmetry operations"),
    "unknown element": (swapped(("Ga1 Ga", "Qq1 Qq")), "unknown element 'Qq'"),
    "occupancy 1.7": (swapped(("0.25 1", "0.25 1.7")), "the occupancy 1.7 of As is outside"),
    "negative occupancy": (swapped(("0.25 1", "0.25 -0.5")), "the occupancy -0.5 of As is outside"),
    "occupancy of NaN": (swapped(("0.25 1", "0.25 nan")), "'nan' of site As1 is not a number"),
    "overlapping atoms": (swapped(("0.25 0.25 0.25", "0.01 0.01 0.01")), "atoms overlap: As and Ga"),
    "coordinates of NaN": (swapped(("0.25 0.25", "nan 0.25")), "a coordinate of As is not a number"),
    "coordinate of 1e30": (swapped(("0.25 0.25", "1e30 0.25")), "beyond 100 cells"),
    "100,000 atoms": (many_atoms, "it lists 100002 atoms, more than 20000"),
    "38,000 atoms by symmetry": (crowded, "more than 20000 atoms in the cell"),
    "200 MB": (huge, "200 MB are too large for a structure, the limit is 20 MB"),
    "colours and lines in a label": (
        swapped(("Ga1 Ga", ";\n\x1b[31mQq\nred\n;\nQq")),
        "unknown element 'Qq' of site [31mQq red\n",
    ),
}
TABLES = {
    "no JSON": (table("{"), ".jsonl", "line 1: not JSON"),
    "no keys": (table("{}"), ".jsonl", "it has no id and no hm and no a and no sites"),
    "edge of text": (table({"a": "5.65"}), ".jsonl", 'the cell edge, "5.65", is not a number'),
    "lines in an id": (table({"id": "a\nb"}), ".jsonl", r'its id "a\nb" is not a name'),
    "deeply nested": (table("[" * 100_000), ".jsonl", "line 1: not JSON"),
    "not gzip": (content(b"text"), ".jsonl.gz", "cannot be read after line 0"),
    "a line without end": (endless_line, ".jsonl.gz", "line 1 is longer than 5 MB"),
}
