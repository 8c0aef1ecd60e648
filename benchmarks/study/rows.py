"""The rows of a study: a name, the settings that make its job, and which of the job's two sides it is.

Whatever is said here, `--set` says first. A table's rows are compared with what every user has: the source's real pairs and
ordinary augmentation.
"""

from dataclasses import dataclass, field

REAL, PAIRS = "real only", "real + pairs"  # the two sides, as the figures call them


@dataclass(frozen=True)
class Row:
    settings: dict = field(default_factory=dict)
    side: str = PAIRS


# Colour transfer makes pairs in seconds, so that a job for its real side alone costs little besides.
REINHARD = {"method": "reinhard"}
BASELINE = "real, ordinary augmentation"
# AlignFlow's rows are generated images alone; a preset's default may mix recoloured ones in.
ALONE = {"generate.recoloured": "0"}
# The paper's own choices, where a preset's differ from them.
LITERAL = {
    **ALONE,
    "align.tune": "control",
    "generate.path": "aligned",
    "generate.strength": "1",
    "generate.detail": "0",
}

METHODS = {
    "real only": Row({**REINHARD, "evaluate.augment": "none"}, REAL),
    BASELINE: Row(REINHARD, REAL),
    "Reinhard": Row(REINHARD),
    "FDA": Row({"method": "fda"}),
    "ControlNet-FM": Row({"method": "controlnet-fm"}),
    "AlignFlow(SKL)": Row({**ALONE, "align.reward": "skl"}),
    "AlignFlow": Row(ALONE),
    "AlignFlow(Mask)": Row({**ALONE, "masks.kind": "both"}),
    "AlignFlow + Reinhard": Row({"generate.recoloured": "0.5"}),
    "AlignFlow + Reinhard, gates on": Row({"generate.recoloured": "0.5", "gates.enabled": "on"}),
}
# From images spread over the way between both looks to the references' look in all of them.
STYLE = {f"least style {share}": Row({**ALONE, "generate.least_style": share}) for share in ("0", "0.3", "0.6", "1")}


def references(counts):
    return {f"{count or 'all'} references": Row({"align.references": str(count)}) for count in counts}


TABLES = {
    "methods": METHODS,
    "style": STYLE,
    "literal": {
        "ControlNet-FM, from noise": Row({**LITERAL, "method": "controlnet-fm"}),
        "AlignFlow, paper's settings": Row(LITERAL),
    },
    "references": references([1, 5, 10, 0]),
    "t_is": {f"t_is {k}": Row({**LITERAL, "align.start_index": str(k)}) for k in (6, 12, 16, 18, 19)},
    "w_align": {f"w_align {w}": Row({**LITERAL, "align.weight": w}) for w in ("0.1", "1", "10")},
}
# Tables whose rows are trained on as well; the others show distances alone.
EVALUATED = ("methods", "style", "literal", "references")
# In every row unless it says otherwise: each method is judged by all that it makes.
COMMON = {"gates.enabled": "off", "evaluate.augment": "ordinary"}


def rows_of(table):
    """The table's rows; where they are compared, what they are compared with is one of them."""
    rows = TABLES[table]
    if table not in EVALUATED or BASELINE in rows:
        return rows
    return {BASELINE: METHODS[BASELINE], **rows}
