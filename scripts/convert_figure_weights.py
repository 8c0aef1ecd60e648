#!/usr/bin/env python3
"""Turns the published weights of FID's Inception V3 and of LPIPS into the files that a worker computes figures with.

Needs torch and safetensors. The files, which each licence lets you download yourself:
  --inception  pt_inception-2015-12-05-6726825d.pth of pytorch-fid, or
               weights-inception-2015-12-05-6726825d.pth of torch-fidelity (the same numbers)
  --alexnet    alexnet-owt-7be5be79.pth of torchvision
  --lpips      alex.pth, version 0.1, of lpips (lpips/weights/v0.1) or torchmetrics (.../lpips_models)
LPIPS needs both of its files.

Usage: convert_figure_weights.py MODELS_DIR [--inception FILE] [--alexnet FILE --lpips FILE]
Writes MODELS_DIR/figures/inception.safetensors and MODELS_DIR/figures/lpips.safetensors.
"""

import argparse
import hashlib
import pathlib

import torch
from safetensors.torch import save_file


def read(path):
    return torch.load(path, map_location="cpu", weights_only=True)


def write(path, tensors, sources):
    path.parent.mkdir(parents=True, exist_ok=True)
    digests = {f"sha256 of {pathlib.Path(source).name}": hashlib.sha256(pathlib.Path(source).read_bytes()).hexdigest()
               for source in sources}
    save_file({name: tensor.float().contiguous() for name, tensor in tensors.items()}, path, digests)
    print(f"{path}: {len(tensors)} tensors")


def inception(state):
    """The classifier is not needed, nor is what batch norm counted in training."""
    return {name: tensor for name, tensor in state.items()
            if not name.startswith(("fc.", "AuxLogits.")) and not name.endswith("num_batches_tracked")}


def lpips(alexnet, lins):
    """AlexNet's convolutions and a weight for each of their channels."""
    tensors = {name: tensor for name, tensor in alexnet.items() if name.startswith("features.")}
    for name, tensor in lins.items():
        layer = name.split(".")[0]  # lin0.model.1.weight
        tensors[f"{layer}.weight"] = tensor
    return tensors


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models_dir", type=pathlib.Path)
    for name in ("--inception", "--alexnet", "--lpips"):
        parser.add_argument(name)
    given = parser.parse_args()
    if bool(given.alexnet) != bool(given.lpips):
        parser.error("LPIPS needs both --alexnet and --lpips")
    if not given.inception and not given.lpips:
        parser.error("give --inception, or --alexnet and --lpips, or all three")
    folder = given.models_dir / "figures"
    if given.inception:
        write(folder / "inception.safetensors", inception(read(given.inception)), [given.inception])
    if given.lpips:
        write(folder / "lpips.safetensors", lpips(read(given.alexnet), read(given.lpips)),
              [given.alexnet, given.lpips])


if __name__ == "__main__":
    main()
