"""Whether segmentation models trained in one way score better than those trained in another.

The rule is the service's own (worker/metrics/paired.h): runs and groups of images are both samples, the variance over each
is estimated by leaving out one at a time, and the widest of three t intervals counts: over runs, over groups, over both.
Scores are lists by run, image and class; None where a class does not count. Over the rows of a table, Holm's correction.
"""

import functools
import math
from dataclasses import dataclass


@dataclass
class Gain:
    value: float
    low: float  # 95 % interval
    high: float
    p: float
    runs: int
    groups: int


def _beta_fraction(a, b, x):
    """The continued fraction of the incomplete beta function by Lentz's method."""
    away = lambda value: value if abs(value) > 1e-300 else 1e-300
    c, d = 1.0, 1 / away(1 - (a + b) * x / (a + 1))
    fraction = d
    for m in range(1, 1000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / away(1 + even * d)
        c = away(1 + even / c)
        fraction *= d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 / away(1 + odd * d)
        c = away(1 + odd / c)
        fraction *= d * c
        if abs(d * c - 1) < 1e-14:
            break
    return fraction


def two_sided_p(t, degrees):
    """The probability of a value at least as far from 0 as t under Student's t distribution."""
    if math.isinf(t):
        return 0.0
    if t == 0:
        return 1.0
    a, b = degrees / 2, 0.5
    x, rest = degrees / (degrees + t * t), t * t / (degrees + t * t)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log(rest))
    if x < (a + 1) / (a + b + 2):
        return front * _beta_fraction(a, b, x) / a
    return 1 - front * _beta_fraction(b, a, rest) / b


@functools.lru_cache(maxsize=None)
def two_sided_quantile(p, degrees):
    low, high = 0.0, 1.0
    while two_sided_p(high, degrees) > p:
        high *= 2
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if two_sided_p(middle, degrees) > p else (low, middle)
    return (low + high) / 2


def _over_classes(sums, counts):
    means = [total / count for total, count in zip(sums, counts) if count > 0]
    return sum(means) / len(means) if means else math.nan


def _over_images(means, classes):
    """Sums and counts by class of what is known."""
    sums, counts = [0.0] * classes, [0] * classes
    for image in means:
        for c, value in enumerate(image):
            if value is not None:
                sums[c] += value
                counts[c] += 1
    return sums, counts


def _without_runs(scores):
    """The score of all runs, and of all but one each; and the means over runs by image and class."""
    images, classes = len(scores[0]), len(scores[0][0])
    sums = [[0.0] * classes for _ in range(images)]
    known = [[0] * classes for _ in range(images)]
    for run in scores:
        for i, image in enumerate(run):
            for c, value in enumerate(image):
                if value is not None:
                    sums[i][c] += value
                    known[i][c] += 1

    def means(left_out):
        result = []
        for i in range(images):
            row = []
            for c in range(classes):
                value = left_out[i][c] if left_out else None
                count = known[i][c] - (value is not None)
                row.append((sums[i][c] - (value or 0.0)) / count if count else None)
            result.append(row)
        return result

    whole = means(None)
    without = [_over_classes(*_over_images(means(run), classes)) for run in scores]
    return whole, without


def _without_groups(means, groups):
    """The score without each group. A group that is empty text is one image by itself."""
    classes = len(means[0])
    sums, counts = _over_images(means, classes)
    members = {}
    for i, group in enumerate(groups):
        members.setdefault(group or i, []).append(means[i])
    values = []
    for images in members.values():
        own_sums, own_counts = _over_images(images, classes)
        values.append(_over_classes([a - b for a, b in zip(sums, own_sums)],
                                    [a - b for a, b in zip(counts, own_counts)]))
    return values


def _spread(values):
    """Variance and degrees of freedom of a score from its values without one each; None if nothing is known."""
    values = [value for value in values if math.isfinite(value)]
    count = len(values)
    if count < 2:
        return None
    mean = sum(values) / count
    return sum((value - mean) ** 2 for value in values) * (count - 1) / count, count - 1


def measure(scores, groups):
    """The whole's score as a Gain: its value, interval, p-value against 0, and what it rests on."""
    means, without_runs = _without_runs(scores)
    value = _over_classes(*_over_images(means, len(means[0])))
    without_groups = _without_groups(means, groups)
    spreads = [spread for spread in (_spread(without_runs), _spread(without_groups)) if spread]
    total = sum(variance for variance, _ in spreads)
    if len(spreads) == 2 and total > 0:
        spreads.append((total, total ** 2 / sum(variance ** 2 / degrees for variance, degrees in spreads)))
    half, p = 0.0, 0.0
    for variance, degrees in spreads:
        half = max(half, math.sqrt(variance) * two_sided_quantile(0.05, degrees))
        p = max(p, two_sided_p(value / math.sqrt(variance) if variance > 0 else math.inf, degrees))
    if not spreads or value == 0:
        p = 1.0
    return Gain(value, value - half, value + half, p, len(scores), len(without_groups))


def compare(before, after, groups):
    """What `after` scores more than `before`, run by run and image by image, where both are defined."""
    if [len(run) for run in before] != [len(run) for run in after]:
        raise ValueError("scores can only be compared run by run and image by image")
    gains = [[[None if a is None or b is None else a - b for a, b in zip(image_after, image_before)]
              for image_after, image_before in zip(run_after, run_before)]
             for run_after, run_before in zip(after, before)]
    return measure(gains, groups)


def holm(p_values):
    """p-values adjusted for their number (Holm 1979): of all rows without a true effect together, at most
    5 % of tables have one at or below 0.05. In the order given."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, least = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = least
    return adjusted
