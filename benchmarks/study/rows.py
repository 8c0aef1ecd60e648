"""The rows of a study: a name, the settings that make its job, and which of the job's sides it is.

What a row says counts more than `--set`, and that more than COMMON. A table's rows are compared with what every user has: the
source's real pairs as whole pictures and ordinary augmentation.
"""

from dataclasses import dataclass, field

# The sides, as the figures call them: segmentation models trained and tested on whole pictures, or on every picture cut to
# its field of view.
REAL, PAIRS, REAL_VIEWS, PAIRS_VIEWS = "real only", "real + pairs", "real only, views", "real + pairs, views"


@dataclass(frozen=True)
class Row:
    settings: dict = field(default_factory=dict)
    side: str = PAIRS

    def all_settings(self):
        pictures = "view" if self.side in (REAL_VIEWS, PAIRS_VIEWS) else "whole"
        return {"evaluate.pictures": pictures, **self.settings}


# Transfers make pairs in seconds, so that a job for its real side alone costs little besides.
REINHARD = {"method": "reinhard"}
BASELINE = "real, ordinary augmentation"
RESTYLE = {"generate.mix": "restyled:1"}
GENERATE = {"generate.mix": "generated:1"}
SCALING = {"evaluate.augment": "scaling"}
BOTH = {"generate.mix": "restyled:0.5,recoloured:0.5"}

METHODS = {
    "real only": Row({**REINHARD, "evaluate.augment": "none"}, REAL),
    BASELINE: Row(REINHARD, REAL),
    "Reinhard": Row({**REINHARD, "framing": "none"}),
    "FDA": Row({"method": "fda", "framing": "none"}),
    "framing alone": Row({"method": "framing"}),
    "framing, Reinhard": Row(REINHARD),
    "ControlNet-FM": Row({"method": "controlnet-fm"}),
    "restyle": Row(RESTYLE),
    "restyle (SKL)": Row({**RESTYLE, "align.reward": "skl"}),
    "generate": Row(GENERATE),
    "new masks": Row({**RESTYLE, "masks.kind": "synthetic"}),
    "restyle and recolour": Row(BOTH),
    "restyle and recolour, half new masks": Row({**BOTH, "masks.kind": "both"}),
    "restyle and recolour, gates on": Row({**BOTH, "gates.enabled": "on"}),
    # Structures of other sizes: the view shown from farther away.
    "framing, Reinhard, scaled": Row({**REINHARD, "framing.least_scale": "0.35"}),
    "restyle and recolour, scaled": Row({**BOTH, "framing.least_scale": "0.35"}),
    # Everything, also what is tested, is cut to its field of view, in which no frame differs.
    "cut to views": Row(REINHARD, REAL_VIEWS),
    "cut to views, Reinhard": Row(REINHARD, PAIRS_VIEWS),
    "cut to views, restyle and recolour": Row(BOTH, PAIRS_VIEWS),
    "cut to views, restyle": Row(RESTYLE, PAIRS_VIEWS),
    "cut to views, generate": Row(GENERATE, PAIRS_VIEWS),
    "cut to views, scaled": Row({"method": "framing", "framing.least_scale": "0.35"}, PAIRS_VIEWS),
    "cut to views, restyle and recolour, scaled": Row({**BOTH, "framing.least_scale": "0.35"}, PAIRS_VIEWS),
    "cut to views, Reinhard, scaled": Row({**REINHARD, "framing.least_scale": "0.35"}, PAIRS_VIEWS),
    # From noise, with masks made smaller before their images are made.
    "cut to views, generate, scaled": Row({**GENERATE, "framing.least_scale": "0.35"}, PAIRS_VIEWS),
    "cut to views, generate and recolour, scaled": Row(
        {"generate.mix": "generated:0.5,recoloured:0.5", "framing.least_scale": "0.35"}, PAIRS_VIEWS),
    # A user's augmentation that shows images from farther away, besides the ordinary one.
    "scaling augmentation": Row({**REINHARD, **SCALING}, REAL),
    "framing, Reinhard, scaling augmentation": Row({**REINHARD, **SCALING}),
    "cut to views, scaling augmentation": Row({**REINHARD, **SCALING}, REAL_VIEWS),
    "cut to views, Reinhard, scaling augmentation": Row({**REINHARD, **SCALING}, PAIRS_VIEWS),
    "cut to views, restyle and recolour, scaling augmentation": Row({**BOTH, **SCALING}, PAIRS_VIEWS),
}
# From images spread over the way between both looks to the references' look in all of them.
STYLE = {f"least style {share}": Row({**RESTYLE, "restyle.least_style": share}) for share in ("0", "0.3", "0.6", "1")}
# The paper's own choices, where a preset's differ from them.
LITERAL = {**GENERATE, "align.tune": "control", "generate.path": "aligned", "masks.start": "noise"}


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
