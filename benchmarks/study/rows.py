"""The rows of a study: a name and the settings that make it. A group is a table."""

# What each method is called in the tables, and how its pairs are made.
# AlignFlow's rows are generated images alone; a preset's default may mix recoloured ones in.
ALONE = {"generate.recoloured": "0"}
METHODS = {
    "Reinhard": {"method": "reinhard"},
    "FDA": {"method": "fda"},
    "ControlNet-FM": {"method": "controlnet-fm"},
    "AlignFlow(SKL)": {**ALONE, "align.reward": "skl"},
    "AlignFlow": ALONE,
    "AlignFlow(Mask)": {**ALONE, "masks.kind": "both"},
    "AlignFlow + Reinhard": {"generate.recoloured": "0.5"},
}
# From images spread over the way between both looks to the references' look in all of them.
STYLE = {f"least style {share}": {**ALONE, "generate.least_style": share} for share in ("0", "0.3", "0.6", "1")}
# The paper's own choices, where a preset's differ from them.
LITERAL = {
    **ALONE,
    "align.tune": "control",
    "generate.path": "aligned",
    "generate.strength": "1",
    "generate.detail": "0",
}


def references(counts):
    return {f"{count or 'all'} references": {"align.references": str(count)} for count in counts}


GROUPS = {
    "methods": METHODS,
    "style": STYLE,
    "literal": {
        "ControlNet-FM, from noise": {**LITERAL, "method": "controlnet-fm"},
        "AlignFlow, paper's settings": LITERAL,
    },
    "references": references([1, 5, 10, 0]),
    "t_is": {f"t_is {k}": {**LITERAL, "align.start_index": str(k)} for k in (6, 12, 16, 18, 19)},
    "w_align": {f"w_align {w}": {**LITERAL, "align.weight": w} for w in ("0.1", "1", "10")},
}
# Tables whose rows are trained on as well; the others show distances alone.
EVALUATED = ("methods", "style", "literal", "references")
