"""Makes tests/data/motfm/*.safetensors: MOTFM's nets of its published configurations, narrow and with random weights, and what they compute.

Needs a checkout of MOTFM and, beside torch, what it imports: monai-generative 0.2.3, monai, flow_matching 1.0.10, matplotlib, PyYAML, safetensors.
Usage: python tests/reference/make_motfm_fixtures.py MOTFM_CHECKOUT [OUTPUT_DIR]

Each file holds
  weights.*   the state dict of MOTFM's MergedModel, in bfloat16 (of which the weights are exact values)
  x, t, masks, cond, velocity   a batch at times of its own, and the model's answer
  noise, sample                 where its solver starts and ends, with solver_args, masks and cond
and in its metadata `config`, JSON: the configuration with its model_args narrowed.
"""

import json
import pathlib
import sys

import torch
import yaml
from safetensors.torch import save_file

sys.path.insert(0, sys.argv[1])
from random_weights import randomize  # noqa: E402
from utils.utils_fm import build_model, sample_with_solver  # noqa: E402

# Every level as wide as the others; sides are the least that leave two positions at the coarsest level.
WIDTH, GROUPS, TRANSFORMERS = 4, 2, 2
BATCH = 2


def narrowed(config):
    levels = len(config["model_args"]["num_channels"])
    # Flash attention is of xformers, for GPUs, and gives the same.
    model = {**config["model_args"], "use_flash_attention": False, "num_channels": [WIDTH] * levels, "num_head_channels": [WIDTH // 2] * levels,
             "norm_num_groups": GROUPS,
             "transformer_num_layers": TRANSFORMERS, "num_res_blocks": [1] * levels}
    if model.get("conditioning_embedding_num_channels"):
        model["conditioning_embedding_num_channels"] = [WIDTH]
    data = {name: value for name, value in config["data_args"].items() if name.endswith("_norm")}
    return {"model_args": model, "data_args": data, "solver_args": config["solver_args"]}


def make(path, seed, folder):
    config = narrowed(yaml.safe_load(path.read_text()))
    model_args = config["model_args"]
    model = build_model(model_args, torch.device("cpu"))
    generator = torch.Generator().manual_seed(seed)
    randomize(model, generator)
    model.eval()
    side = 2 ** len(model_args["num_channels"])
    shape = (BATCH, model_args["in_channels"], *[side] * model_args["spatial_dims"])
    random = lambda: torch.randn(*shape, generator=generator)
    tensors = {"x": random(), "t": torch.tensor([0.1234, 0.97]), "noise": random()}
    given = {}
    if model_args["mask_conditioning"]:
        given["masks"] = torch.randint(0, 4, shape, generator=generator) / 3
    if model_args["with_conditioning"]:
        classes = torch.randint(0, model_args["cross_attention_dim"], (BATCH,), generator=generator)
        given["cond"] = torch.nn.functional.one_hot(classes, model_args["cross_attention_dim"]).float().unsqueeze(1)
    with torch.no_grad():
        tensors["velocity"] = model(tensors["x"], tensors["t"], **given)
        tensors["sample"] = sample_with_solver(model, tensors["noise"], config["solver_args"], **given)[-1]
    tensors |= given
    tensors |= {"weights." + name: value.bfloat16() for name, value in model.state_dict().items()}
    save_file({name: value.contiguous() for name, value in tensors.items()}, str(folder / f"{path.stem}.safetensors"),
              {"config": json.dumps(config, sort_keys=True)})


def main():
    default = pathlib.Path(__file__).parent.parent / "data" / "motfm"
    folder = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else default
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    for seed, path in enumerate(sorted(pathlib.Path(sys.argv[1], "configs").glob("*.yaml"))):
        make(path, seed, folder)
        print(path.stem)


if __name__ == "__main__":
    main()
