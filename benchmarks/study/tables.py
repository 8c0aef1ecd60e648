"""A study's results as Markdown and CSV."""

import csv
from dataclasses import dataclass

import paired
from rows import BASELINE, REAL, REAL_VIEWS

LEVEL = 0.05  # of Holm's corrected p-values

MADE = ("pairs", "stage 2", "recoloured")
# Of what a row's pairs are: column, figure, digits.
COLUMNS = [
    ("MMD", "mmd to target", 2),
    ("FD (filter bank)", "fd (filter bank) to target", 1),
    ("FD (lite2)", "fd (efficientnet-lite2) to target", 1),  # on features that nothing here is trained on
    ("diversity", "mean pairwise distance", 2),
    ("mask agreement", "mask agreement", 2),
    ("left out", "left out (percent)", 1),
]


@dataclass
class Scored:
    """Dice of a row's segmentation models by run, image and class, of the images with these names and groups."""
    images: list
    groups: list
    dice: list
    encoder: str = ""  # what the models began with: "pretrained" or "random"; empty: they have none, or nobody says


@dataclass
class Result:
    """What a row's job came to. scores: scores.json of the job; side: which of its sides the row is."""
    figures: list
    scores: dict
    side: str

    def scored(self):
        dice = self.scores["dice"].get(self.side)
        return Scored(self.scores["images"], self.scores["groups"], dice, self.scores.get("encoder", "")) if dice else None


@dataclass
class Verdict:
    gain: paired.Gain  # over the baseline
    p: float           # corrected by Holm for all rows of the table
    words: str         # "better", "worse" or "no difference shown"


def verdicts(scored, baseline=BASELINE):
    """Of every row with scores but the baseline: its gain over it. scored: row -> Scored."""
    base = scored.get(baseline)
    others = {row: own for row, own in scored.items() if row != baseline and own is not None}
    if base is None or not others:
        return {}
    gains = {}
    for row, own in others.items():
        if own.images != base.images:
            raise SystemExit(f"study: {row} and {baseline} were tested on different images")
        if own.encoder and base.encoder and own.encoder != base.encoder:
            raise SystemExit(f"study: models of {row} began with {own.encoder} weights and those of {baseline} with "
                             f"{base.encoder} ones; give the workers of both the same models (third_party/models)")
        gains[row] = paired.compare(base.dice, own.dice, base.groups)
    corrected = paired.holm([gain.p for gain in gains.values()])
    result = {}
    for (row, gain), p in zip(gains.items(), corrected):
        words = "no difference shown"
        if p <= LEVEL:
            words = "better" if gain.value > 0 else "worse"
        result[row] = Verdict(gain, p, words)
    return result


def find(figures, name, subjects):
    for subject in subjects:
        for figure in figures:
            if figure["name"] == name and figure["subject"] == subject:
                return figure
    return None


def cell(figure, digits):
    if figure is None or figure.get("value") is None:
        return "-"
    shown = f"{figure['value']:.{digits}f}"
    if figure.get("low") is not None and figure.get("high") is not None:
        shown += f" [{figure['low']:.{digits}f}, {figure['high']:.{digits}f}]"
    return shown


def _verdict_cells(verdict):
    if verdict is None:
        return ["-", "-", "-", "-"]
    gain = verdict.gain
    return [f"{100 * gain.value:+.1f} [{100 * gain.low:+.1f}, {100 * gain.high:+.1f}]", f"{gain.p:.2g}", f"{verdict.p:.2g}",
            verdict.words]


def markdown(title, rows, baseline=BASELINE):
    """rows: name -> Result, the baseline among them where the table has one."""
    made = [column for column in COLUMNS if any(find(row.figures, column[1], MADE) for row in rows.values())]
    scored = {name: row.scored() for name, row in rows.items()}
    evaluated = any(own is not None for own in scored.values())
    found = verdicts(scored, baseline)
    heads = ["mDice", "gain", "p", "p (Holm)", "verdict"] if evaluated else []
    heads += [column[0] for column in made]
    lines = [f"**{title}**", ""]
    if evaluated:
        some = next(own for own in scored.values() if own is not None)
        groups = len({group for group in some.groups if group}) + some.groups.count("")
        lines += [f"{len(some.dice)} runs, {len(some.images)} images in {groups} groups; gains over \"{baseline}\"; "
                  f"p corrected for {len(found)} rows.", ""]
    lines += ["| | " + " | ".join(heads) + " |", "| --- |" + " --- |" * len(heads)]
    for name, row in rows.items():
        cells = []
        if evaluated:
            cells = [cell(find(row.figures, "mdice on target (percent)", (row.side,)), 1), *_verdict_cells(found.get(name))]
        subjects = ("source",) if row.side in (REAL, REAL_VIEWS) else MADE
        cells += [cell(find(row.figures, figure, subjects), digits) for _, figure, digits in made]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    first = next(iter(rows.values()))
    for subject in ("references", "target"):
        if find(first.figures, "fd (filter bank) to target", (subject,)) is not None:
            cells = ["-"] * (5 if evaluated else 0)
            cells += [cell(find(first.figures, figure, (subject,)), digits) for _, figure, digits in made]
            lines.append(f"| ({subject}) | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def write_csv(path, groups, baseline=BASELINE):
    """groups: table -> row -> Result; one line a figure, and one for each gain over the baseline."""
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["table", "row", "figure", "subject", "value", "low", "high", "samples", "note"])
        for group, rows in groups.items():
            found = verdicts({name: row.scored() for name, row in rows.items()}, baseline)
            for row, result in rows.items():
                for figure in result.figures:
                    writer.writerow([group, row, figure["name"], figure["subject"],
                                     figure.get("value"), figure.get("low"), figure.get("high"),
                                     figure.get("sample_count"), figure.get("note", "")])
                if row in found:
                    gain = found[row].gain
                    writer.writerow([group, row, f"mdice gain over {baseline} (points)", result.side, 100 * gain.value,
                                     100 * gain.low, 100 * gain.high, len(result.scores["images"]),
                                     f"p = {gain.p:.6g}; corrected p = {found[row].p:.6g}; {found[row].words}; "
                                     f"{gain.runs} runs, {gain.groups} groups"])
