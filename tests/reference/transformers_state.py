"""What save_pretrained of a transformers model writes, for fixtures."""

import pathlib
import tempfile

from safetensors.torch import load_file


def saved(module, prefix):
    """The state dict in bfloat16 and the text of config.json."""
    with tempfile.TemporaryDirectory() as folder:
        module.save_pretrained(folder)
        state = load_file(f"{folder}/model.safetensors")
        config = pathlib.Path(folder, "config.json").read_text()
    return {f"{prefix}.{key}": value.bfloat16() for key, value in state.items()}, {prefix: config}
