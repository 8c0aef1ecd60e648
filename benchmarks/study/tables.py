"""A study's results as Markdown and CSV."""

import csv

# Column, figure, subjects of which the first that is there is taken, digits.
MADE = ("stage 2", "pairs")
COLUMNS = [
    ("mDice", "mdice on target (percent)", ("real + pairs",), 1),
    ("gain over real only", "mdice gain (points)", ("real + pairs",), 1),
    ("mIoU", "miou on target (percent)", ("real + pairs",), 1),
    ("MMD", "mmd to target", MADE, 2),
    ("FD (filter bank)", "fd (filter bank) to target", MADE, 1),
    ("diversity", "mean pairwise distance", MADE, 2),
    ("mask agreement", "mask agreement", MADE, 2),
    ("left out", "left out (percent)", MADE, 1),
]


def find(figures, name, subjects):
    for subject in subjects:
        for figure in figures:
            if figure["name"] == name and figure["subject"] == subject:
                return figure
    return None


def text(figure, digits):
    if figure is None or figure.get("value") is None:
        return "-"
    shown = f"{figure['value']:.{digits}f}"
    if figure.get("low") is not None and figure.get("high") is not None:
        shown += f" [{figure['low']:.{digits}f}, {figure['high']:.{digits}f}]"
    if figure.get("note", "").startswith("p = "):
        shown += f", {figure['note'].split(';')[0]}"
    return shown


def columns_of(rows):
    """The columns that any row has."""
    return [column for column in COLUMNS
            if any(find(figures, column[1], column[2]) for figures in rows.values())]


def markdown(title, rows):
    """rows: name -> figures. Begins with what the source and the real pairs alone reach."""
    columns = columns_of(rows)
    lines = [f"**{title}**", "", "| | " + " | ".join(column[0] for column in columns) + " |",
             "| --- |" + " --- |" * len(columns)]
    first = next(iter(rows.values()))
    if any(find(figures, "mdice on target (percent)", ("real only",)) for figures in rows.values()):
        cells = []
        for _, name, _, digits in columns:
            subject = "real only" if name.startswith(("mdice on", "miou on")) else "source"
            cells.append(text(find(first, name, (subject,)), digits))
        lines.append("| real only | " + " | ".join(cells) + " |")
    for row, figures in rows.items():
        cells = [text(find(figures, name, subjects), digits) for _, name, subjects, digits in columns]
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    for subject in ("references", "target"):
        figure = find(first, "fd (filter bank) to target", (subject,))
        if figure is None:
            continue
        cells = [text(find(first, name, (subject,)), digits) if subjects == MADE else "-"
                 for _, name, subjects, digits in columns]
        lines.append(f"| ({subject}) | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def write_csv(path, groups):
    """groups: table -> row -> figures; one line a figure."""
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["table", "row", "figure", "subject", "value", "low", "high", "samples", "note"])
        for group, rows in groups.items():
            for row, figures in rows.items():
                for figure in figures:
                    writer.writerow([group, row, figure["name"], figure["subject"],
                                     figure.get("value"), figure.get("low"), figure.get("high"),
                                     figure.get("sample_count"), figure.get("note", "")])
