"""Writes the names and shapes of a model's state dict, compactly.

A line is `NAME SHAPE` or `NAME SHAPE FIRST-LAST`: the first number between dots in NAME is then `*`, and stands for
every number from FIRST to LAST. SHAPE is its sides with commas between. The first line is `# TENSORS PARAMETERS`, where
buffers are among the tensors but not among the parameters.
"""

import pathlib
import re


def write_names(model, path, rename=lambda name: name):
    state = {rename(name): tensor for name, tensor in model.state_dict().items()}
    groups = {}
    for name, tensor in state.items():
        match = re.search(r"\.(\d+)\.", name)
        pattern = name if match is None else name[:match.start(1)] + "*" + name[match.end(1):]
        shape = ",".join(str(side) for side in tensor.shape)
        groups.setdefault((pattern, shape), []).append(None if match is None else int(match.group(1)))
    lines = [f"# {len(state)} {sum(tensor.numel() for tensor in model.parameters())}"]
    for (pattern, shape), indices in sorted(groups.items()):
        if indices == [None]:
            lines.append(f"{pattern} {shape}")
            continue
        first = previous = indices[0]
        for index in indices[1:] + [None]:
            if index != previous + 1:
                lines.append(f"{pattern} {shape} {first}-{previous}")
                first = index
            previous = index
    pathlib.Path(path).write_text("\n".join(lines) + "\n")
    print(path, lines[0])
