"""Makes tests/data/flow/assignments.json: the least costs of assignments, as SciPy's linear_sum_assignment finds them, of matrices
that the test makes by the same formula. Needs numpy and scipy."""

import json
import pathlib

import numpy as np
import scipy
from scipy.optimize import linear_sum_assignment

SIZES = [1, 2, 3, 8, 16, 61, 128, 256]
MODULI = [2, 7, 1009, 1000003]  # small ones give many equal costs


def costs(size, modulus):
    """Whole numbers below the modulus: the state of a linear congruential generator, row by row."""
    state, values = modulus + size, []
    for _ in range(size * size):
        state = (1103515245 * state + 12345) % 2147483648
        values.append((state >> 8) % modulus)
    return np.array(values, dtype=np.float64).reshape(size, size)


def main():
    cases = []
    for size in SIZES:
        for modulus in MODULI:
            matrix = costs(size, modulus)
            rows, columns = linear_sum_assignment(matrix)
            cases.append({"size": size, "modulus": modulus, "least": int(matrix[rows, columns].sum())})
    file = pathlib.Path(__file__).parents[1] / "data" / "flow" / "assignments.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({"scipy": scipy.__version__, "cases": cases}) + "\n")


if __name__ == "__main__":
    main()
