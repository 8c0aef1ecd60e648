"""The benchmark of few steps, at a size that says nothing."""

import subprocess

from api import ROOT
from inputs import SETTINGS
from processes import BIN, COMMAND_TIMEOUT_S


def bench(data, out):
    fit = [part for name in ("fit.iterations", "fit.batch") for part in ("--fit", f"{name}={SETTINGS[name]}")]
    done = subprocess.run([ROOT / "benchmarks" / "motfm.sh", data / "source", "--out", out, "--steps", "1", "3", "--pairs", "4",
                           "--programs", BIN, *fit], capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_table_has_both_couplings_at_each_number_of_steps_and_comes_again(data, tmp_path):
    table = bench(data, tmp_path)
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    assert head[0] == "steps" and {"FD, filter bank, independent", "FD, filter bank, ot"} <= set(head)
    assert [row[0] for row in rows] == ["1", "3", "target's halves"]
    values = {name: column for name, *column in zip(head, *rows)}
    assert all(float(value) for column in list(values.values())[1:] for value in column)
    assert values["FD, filter bank, independent"][:2] != values["FD, filter bank, ot"][:2], "the models are others"
    assert bench(data, tmp_path) == table
