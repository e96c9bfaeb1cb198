"""One small file of each format, written out as its definition says; all hold the same pattern.

40 points from 10° in steps of 0.25°, Fortran's formats spelled with Python's.
"""

import numpy as np

TWO_THETA = 10.0 + 0.25 * np.arange(40)
COUNTS = 100 + np.array([(37 * i) % 61 + 400 * (i in (11, 12, 13, 27)) for i in range(40)])
DETECTORS = np.array([1 + i % 3 for i in range(40)])


def in_lines(items, per_line):
    return ["".join(items[i : i + per_line]) for i in range(0, len(items), per_line)]


def counts_with_detectors(width):
    return in_lines([f"{n:2d}{y:{width}d}" for n, y in zip(DETECTORS, COUNTS, strict=True)], 10)


def xye():
    rows = zip(TWO_THETA, COUNTS, strict=True)
    return [f"{x:8.3f} {y:9.2f} {2.0 * y**0.5:8.3f}" for x, y in rows]


def gsas_title(kind):
    return ["a garnet", f"BANK 1 40 8 CONST 1000.0 25.0 0 0 {kind}".rstrip()]


def spice():
    from sgan_jax.measured import spice as reader

    names = ["Pt.", "2theta", "time", "monitor", *(f"anode{n}" for n in range(1, 45))]
    head = ["# scan = 7", "# scan_title = a garnet", "# col_headers = ", "#  " + "  ".join(names)]
    # Each detector counts its own number times ten, at two positions of the bank.
    rows = [
        f"{point}  {start}  60.0  {monitor}  " + "  ".join(str(10 * n) for n in range(1, 45))
        for point, (start, monitor) in enumerate([(8.0, 1000), (8.05, 3000)], 1)
    ]
    assert len(reader.DETECTOR_ANGLES_DEG) == 44
    return head + rows


def bt1():
    head = [
        "'GARNET01.BT1' 'Oct 20 1999 09:20' 'I'   60000.   1  'NEUT'    2  'RAW'",
        "  Filename         Date            Scan       Mon    Prf  Base   #pts  Type",
        "a garnet",
        " Mot:    4    3.0000    0.0500    3.0500",
        "     A4     TEMP    MIN      COUNTS",
    ]
    rows = []
    for angle in (3.0, 3.05):
        rows.append(f"  {angle:8.4f}  300.0   1.2   5000")
        numbers = [f"{10 * n}" for n in range(1, 33)]
        rows += [",".join(numbers[:16]) + ",", ",".join(numbers[16:])]
    return head + rows


CIF_HEAD = [
    "data_garnet",
    "_diffrn_radiation_probe neutron",
    "_diffrn_radiation_wavelength 1.909",
]


def cif_loop(*tags):
    return ["loop_", *tags]


def fullprof_head():
    return "  10.000   0.250  19.750  a garnet, lambda = 1.909"


def examples() -> dict[str, tuple[str, list[str]]]:
    """Return format and lines of each example."""
    pairs = list(zip(TWO_THETA, COUNTS, strict=True))
    ten = in_lines([f"{y:8d}" for y in COUNTS], 10)
    d1b_head = [
        "    1",
        " 12-OCT-90 15:55:51  a garnet",
        "  1  11039    11040",
        "     1572452.     600.   10.000  -69.110    0.000    0.000    0.000    0.000    0.250"
        "    1.400    1.488    1.422",
        "  40 0.000E+00 0.000E+00 0.000E+00 0.000E+00 0.000E+00 CALIBRATED",
    ]
    d1a_head = [
        "a garnet, Lambda: 1.909",
        "     100       0   0.250      20       0       0",
        "  10.000",
        "  34000.      0.    0.00    0.00",
    ]
    esd = in_lines([f"{float(y):8.1f}{2.0 * y**0.5:8.2f}" for y in COUNTS], 5)
    alt = [f"{round(3200 * x):8d}{round(1000 * y):7d}{round(2000 * y**0.5):5d}" for x, y in pairs]
    fxye = [f"{100 * x:12.4f} {y:10.2f} {2.0 * y**0.5:8.3f}" for x, y in pairs]
    meas = cif_loop("_pd_meas_2theta_scan", "_pd_meas_intensity_total")
    proc = [
        "_pd_proc_2theta_range_min 10.0",
        "_pd_proc_2theta_range_max 19.75",
        "_pd_proc_2theta_range_inc 0.25",
        *cif_loop("_pd_proc_intensity_total", "_pd_proc_ls_weight"),
    ]
    return {
        "xye": ("columns", xye()),
        "xy_comments": ("columns", ["# a garnet", "! x y", *(f"{x}\t{y}" for x, y in pairs)]),
        "csv": ("columns", ["two_theta,intensity", *(f"{x:.2f},{y}" for x, y in pairs)]),
        "decimal_commas": (
            "columns",
            [f"{x:.2f};{y},0".replace(".", ",") for x, y in pairs],
        ),
        "descending": ("columns", [f"{x} {y}" for x, y in reversed(pairs)]),
        "xydata": (
            "xydata",
            ["XYDATA a garnet", "INTER  1.0  2.0  0  0.25", "TEMP 300.", "! comment"]
            + [f"{x:9.4f} {y / 2:12.3f} {y**0.5:10.3f}" for x, y in pairs],
        ),
        "gsas_std": ("gsas", gsas_title("") + counts_with_detectors(6)),
        "gsas_std_free": ("gsas", [*gsas_title("STD"), " ".join(map(str, COUNTS))]),
        "gsas_esd": ("gsas", gsas_title("ESD") + esd),
        "gsas_alt": ("gsas", gsas_title("ALT") + in_lines(alt, 4)),
        "gsas_fxye": ("gsas", gsas_title("FXYE") + fxye),
        "fullprof": ("fullprof", ["! a comment", fullprof_head(), *ten]),
        "fullprof_filled": ("fullprof", [fullprof_head(), *ten[:3], ten[3] + "      1.      1."]),
        "fullprof_touching": ("fullprof", ["  10.000   0.250  19.750a garnet", *ten]),
        "dmc": (
            "fullprof",
            ["DMC, a garnet", "lambda= 1.909, T= 1.5", fullprof_head(), *ten, *ten],
        ),
        "d1a": ("d1a", [*d1a_head, *counts_with_detectors(6), "   -1000", "  -10000"]),
        "d1a_old": ("d1a", ["  10.00    0.25   19.75", *counts_with_detectors(6)]),
        "d1b": ("d1b", [*d1b_head, *counts_with_detectors(8), "     -1000", "    -10000"]),
        "cif_meas": ("cif", CIF_HEAD + meas + [f"{x} {y}({round(2 * y**0.5)})" for x, y in pairs]),
        "cif_proc": ("cif", CIF_HEAD + proc + [f"{y} {1.0 / (4.0 * y):.6f}" for y in COUNTS]),
        "hb2a": ("hb2a", spice()),
        "bt1": ("bt1", bt1()),
    }
