"""The study's statistics and tables, without a service."""

import csv
import json
import random
import sys

import pytest

from api import ROOT

sys.path.insert(0, str(ROOT / "benchmarks" / "study"))
import jobs  # noqa: E402
import paired  # noqa: E402
import references  # noqa: E402
import tables  # noqa: E402
from rows import BASELINE, PAIRS, REAL  # noqa: E402


def test_students_t_is_that_of_the_tables():
    for degrees, quantile in ((1, 12.706205), (2, 4.302653), (7, 2.364624), (30, 2.042272)):
        assert paired.two_sided_quantile(0.05, degrees) == pytest.approx(quantile, rel=1e-6)
        assert paired.two_sided_p(quantile, degrees) == pytest.approx(0.05, rel=1e-5)
    assert paired.two_sided_p(0, 5) == 1 and paired.two_sided_p(float("inf"), 5) == 0


def test_holms_correction_is_that_of_the_textbook():
    assert paired.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert paired.holm([0.04]) == [0.04]
    assert paired.holm([0.6, 0.9]) == [1.0, 1.0]
    assert paired.holm([]) == []


def test_scores_are_means_over_runs_then_images_then_classes():
    # The second class counts in the last image only, and there in one of two runs.
    scores = [[[0.4, None], [0.6, None]], [[0.6, None], [0.8, 0.9]]]
    found = paired.measure(scores, ["", ""])
    assert found.value == pytest.approx((0.6 + 0.9) / 2)
    assert found.runs == 2 and found.groups == 2


def test_one_run_or_one_group_knows_no_spread_of_its_own():
    alone = paired.measure([[[0.1], [0.3], [0.2]]], ["", "", ""])
    assert alone.low < alone.value < alone.high and alone.p < 1
    assert paired.measure([[[0.1], [0.3]]], ["a", "a"]).p == 1


def test_frames_of_a_group_are_no_independent_evidence():
    gains = [[[0.3 if i < 20 else 0.0] for i in range(60)] for _ in range(3)]
    alone = paired.measure(gains, [""] * 60)
    grouped = paired.measure(gains, [f"video {i // 20}" for i in range(60)])
    assert alone.value == pytest.approx(grouped.value) and alone.p < 0.001
    assert grouped.groups == 3 and grouped.p > 0.1


def scored(base, shift, own, groups, generator, points):
    """Scores of a row: the images' own, `shift` more, run effects of so many points, effects of groups and of images."""
    of_group = {group: generator.gauss(0, 0.03) for group in groups}
    of_image = [of_group[group] + generator.gauss(0, 0.03) for group in groups]
    runs = []
    for _ in range(own):
        run = generator.gauss(0, points / 100)
        runs.append([[base[i] + shift + run + of_image[i] + generator.gauss(0, 0.08)] for i in range(len(groups))])
    return tables.Scored([str(i) for i in range(len(groups))], groups, runs)


def a_table(generator, points, shifts, runs=8, images=24, in_group=2):
    """A baseline and rows, each with a true gain, tested on the same images."""
    groups = [f"p{i // in_group}" for i in range(images)]
    base = [generator.uniform(0.3, 0.9) for _ in range(images)]
    rows = {BASELINE: scored(base, 0, runs, groups, generator, points)}
    rows.update({f"row {i}": scored(base, shift, runs, groups, generator, points) for i, shift in enumerate(shifts)})
    return rows


@pytest.mark.parametrize("points", [2, 5, 10])
def test_without_a_true_effect_at_most_six_percent_of_tables_have_a_false_alarm(points):
    generator = random.Random(points)
    trials, rows = 400, 4
    tables_with, single = 0, 0
    for _ in range(trials):
        found = tables.verdicts(a_table(generator, points, [0.0] * rows))
        assert len(found) == rows
        alarms = [verdict.words != "no difference shown" for verdict in found.values()]
        tables_with += any(alarms)
        single += sum(verdict.gain.p <= 0.05 for verdict in found.values())
    assert tables_with <= 0.06 * trials, tables_with
    assert single <= 0.06 * trials * rows, single


def test_true_gains_and_losses_are_found_and_named():
    generator = random.Random(1)
    right = 0
    for _ in range(40):
        found = tables.verdicts(a_table(generator, 2, [0.1, 0.0, -0.1]))
        right += [verdict.words for verdict in found.values()] == ["better", "no difference shown", "worse"]
    assert right >= 32, right


def test_rows_whose_models_began_with_other_weights_are_not_compared():
    rows = a_table(random.Random(1), 2, [0.0])
    for row, scored in rows.items():
        scored.encoder = "pretrained"
    assert tables.verdicts(rows)
    rows["row 0"].encoder = "random"
    with pytest.raises(SystemExit, match="began with random weights"):
        tables.verdicts(rows)


def test_rows_tested_on_other_images_are_not_compared():
    rows = a_table(random.Random(1), 2, [0.0])
    rows["row 0"].images[0] = "another"
    with pytest.raises(SystemExit, match="different images"):
        tables.verdicts(rows)


def result(side, dice, value):
    figures = [{"name": "mdice on target (percent)", "subject": side, "value": value, "low": value - 1, "high": value + 1},
               {"name": "mmd to target", "subject": "source", "value": 5.0},
               {"name": "mmd to target", "subject": "pairs", "value": 2.0}]
    return tables.Result(figures, {"images": ["a", "b", "c"], "groups": ["p", "p", ""], "dice": {side: dice}}, side)


def test_the_table_names_the_side_the_gain_and_the_corrected_p(tmp_path):
    before = [[[0.50], [0.60], [0.70]], [[0.52], [0.61], [0.69]], [[0.51], [0.60], [0.71]]]
    after = [[[value + 0.1 + 0.001 * r * i for value in image] for i, image in enumerate(run)] for r, run in enumerate(before)]
    rows = {BASELINE: result(REAL, before, 60.0), "pairs": result(PAIRS, after, 70.0)}
    text = tables.markdown("target: methods", rows)
    cells = {line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]]
             for line in text.splitlines() if line.startswith("| ")}
    assert cells[""] == ["mDice", "gain", "p", "p (Holm)", "verdict", "MMD"]
    assert cells[BASELINE] == ["60.0 [59.0, 61.0]", "-", "-", "-", "-", "5.00"]
    assert cells["pairs"][0] == "70.0 [69.0, 71.0]" and cells["pairs"][1].startswith("+10.1 [")
    assert cells["pairs"][4] == "better" and cells["pairs"][5] == "2.00"
    assert "3 runs, 3 images in 2 groups" in text
    tables.write_csv(tmp_path / "t.csv", {"methods": rows})
    with open(tmp_path / "t.csv", newline="") as file:
        gains = [line for line in csv.DictReader(file) if line["figure"].startswith("mdice gain over")]
    assert len(gains) == 1 and float(gains[0]["value"]) == pytest.approx(10.1) and "better" in gains[0]["note"]


def test_references_are_neighbours_and_bring_their_groups(tmp_path):
    images = tmp_path / "target" / "images"
    images.mkdir(parents=True)
    names = [f"{i:03}.jpg" for i in range(60)]
    for name in names:
        (images / name).write_text(name)
    references.choose(str(tmp_path / "target"), 10, str(tmp_path / "plain"))
    chosen = sorted(path.name for path in (tmp_path / "plain").iterdir())
    assert chosen == names[10:14] + names[30:33] + names[50:53]
    # Every third image is of one patient: neighbours are those of one group.
    (tmp_path / "target" / "groups.csv").write_text("name,group\n" + "".join(f"{i:03},p{i % 3}\n" for i in range(60)))
    references.choose(str(tmp_path / "target"), 6, str(tmp_path / "grouped"))
    with open(tmp_path / "grouped" / "groups.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert len(rows) == 6 and {group for _, group in rows} == {"p0", "p1", "p2"}
    assert all(group == f"p{int(name[:3]) % 3}" for name, group in rows)
    before = references.digest(str(tmp_path / "grouped"))
    (tmp_path / "grouped" / "groups.csv").write_text("010.jpg,p1\n")
    assert references.digest(str(tmp_path / "grouped")) != before


class FakeService:
    """Resolves settings by defaults that a test changes, and names jobs one after another."""

    def __init__(self, defaults, version=5):
        self.defaults, self.version, self.begun = defaults, version, 0

    def afctl(self, *arguments, check=True):
        if arguments[0] == "version":
            return {"result_version": self.version}
        if arguments[0] == "settings":
            given = dict(value.split("=", 1) for flag, value in zip(arguments, arguments[1:]) if flag == "--set")
            return {"settings": {**self.defaults, **given}}
        if arguments[0] == "job":
            return {"state": "JOB_STATE_SUCCEEDED"}
        self.begun += 1
        return {"name": f"jobs/{self.begun}"}


def test_a_new_default_a_new_engine_and_new_data_never_show_an_old_job(tmp_path):
    source, target = {"name": "s", "digest": "1"}, {"name": "t", "digest": "2"}
    begin = lambda service, target=target, references=("refs", "3"), **settings: jobs.Jobs(
        str(tmp_path / "jobs.json"), service, "unet-64", 8).begin(source, target, references, settings)
    service = FakeService({"a": "1", "b": "2"})
    assert begin(service) == "jobs/1"
    assert begin(service) == "jobs/1" and begin(service, b="2") == "jobs/1", "the same settings, given or not"
    assert begin(service, b="3") == "jobs/2"
    service.defaults = {"a": "1", "b": "3"}
    assert begin(service) == "jobs/2", "what was given is the default now"
    service.defaults = {"a": "2", "b": "2"}
    assert begin(service) == "jobs/3"
    service.version = 6
    assert begin(service) == "jobs/4"
    assert begin(service, target={"name": "t", "digest": "4"}) == "jobs/5"
    assert begin(service, references=("refs", "5")) == "jobs/6"
    assert len(json.loads((tmp_path / "jobs.json").read_text())) == 6
