"""Our training step and sampling beside MOTFM's Python, in 2-D and 3-D: the same weights, data, noise, times and number of threads, taking
turns in one run, so that what else the machine does falls on both.

Usage: peer.py BENCHMARK_BINARY MOTFM_CHECKOUT [--threads N] [--rounds N] [--side N] [--side3d N]

MOTFM's side is its own FlowMatchingLightningModule (loss, Adam) and sample_with_solver on the published configurations mask_conditioning (U-Net
and ControlNet on pictures) and config_3D (U-Net on volumes), with their batch and solver_args; flash attention, which is of xformers, is off.
"""

import argparse
import json
import logging
import os
import pathlib
import sys
import tempfile
import time
import warnings

warnings.filterwarnings("ignore")
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("binary")
parser.add_argument("checkout", type=pathlib.Path)
parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--side", type=int, default=128, help="of the pictures, in pixels (128)")
parser.add_argument("--side3d", type=int, default=32, help="of the volumes, in voxels (32)")
args = parser.parse_args()
# Before torch is loaded: an idle thread that spins would slow the other program's turn.
os.environ["OMP_NUM_THREADS"] = str(args.threads)
os.environ["OMP_WAIT_POLICY"] = "passive"
sys.path[:0] = [str(args.checkout), str(pathlib.Path(__file__).resolve().parents[1])]

import torch  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from trainer import FlowMatchingLightningModule  # noqa: E402
from utils.general_utils import load_config  # noqa: E402
from utils.utils_fm import sample_with_solver  # noqa: E402

from our_unet import OurUNet  # noqa: E402

torch.set_num_threads(args.threads)
TRAIN_STEPS, SEED = 2, 1


class Motfm:
    """MOTFM as it trains and samples."""

    def __init__(self, config, module, batch, noise):
        self.config, self.module, self.batch, self.noise = config, module, batch, noise
        self.optimizer = module.configure_optimizers()

    def train(self, count):
        self.module.train()
        for _ in range(count):
            torch.manual_seed(SEED)  # the noise and the times that ours has
            loss = self.module._compute_loss(self.batch)
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
        return loss.item()

    @torch.no_grad()
    def sample(self, count):
        solver = {**self.config["solver_args"], "step_size": 1 / count}
        self.module.eval()
        return sample_with_solver(self.module.model, self.noise, solver, masks=self.batch.get("masks"))[-1].norm().item()

    def timed(self, command, count):
        start = time.perf_counter()
        value = getattr(self, command)(count)
        return time.perf_counter() - start, value


def contest(name, side):
    """(command, contestant) -> seconds of a step each round; the configuration; numbers of images and steps."""
    config = load_config(args.checkout / "configs" / f"{name}.yaml")
    model = config["model_args"]
    model["use_flash_attention"] = False
    module = FlowMatchingLightningModule(config)
    generator = torch.Generator().manual_seed(SEED)
    with torch.no_grad():  # the last layers start at zero, and multiplying by zero is no fair work
        for parameter in module.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape, generator=generator))
    images = config["train_args"]["batch_size"]
    shape = (images, model["in_channels"], *[side] * model["spatial_dims"])
    batch = {"images": torch.rand(*shape, generator=generator)}
    if model["mask_conditioning"]:
        batch["masks"] = torch.randint(0, 2, shape, generator=generator).float()
    torch.manual_seed(SEED)  # as _compute_loss draws them
    tensors = {"data": batch["images"], "noise": torch.randn_like(batch["images"]), "t": torch.rand(images)}
    if "masks" in batch:
        tensors["mask"] = batch["masks"]
    tensors |= {key: value.detach().clone().contiguous() for key, value in module.model.state_dict().items()}
    steps = round(1 / config["solver_args"]["step_size"])
    seconds, first = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "weights.safetensors")
        save_file(tensors, path, {"config": json.dumps(model)})
        contestants = {"MOTFM, float32": Motfm(config, module, batch, tensors["noise"]),
                       **OurUNet.of_each_type(args.binary, path, args.threads, images)}
        for turn in range(args.rounds + 1):  # the first warms up, with one training step: its loss is of the same weights
            for command, count in (("sample", steps), ("train", TRAIN_STEPS if turn else 1)):
                for contestant, program in contestants.items():
                    taken, value = program.timed(command, count)
                    if turn:
                        seconds.setdefault((command, contestant), []).append(taken / count)
                    else:
                        first[command, contestant] = value
    for (command, contestant), value in first.items():
        expected = first[command, "MOTFM, float32"]
        tolerance = (0.05 if "bfloat16" in contestant else 1e-3) * abs(expected)
        assert abs(value - expected) < tolerance, (command, contestant, value, expected)
    for program in contestants.values():
        if isinstance(program, OurUNet):
            program.close()
    return seconds, images, steps


def main():
    logging.disable(logging.INFO)
    print("| configuration | | training steps/s | ratio | images/s | ratio |\n| --- | --- | --- | --- | --- | --- |")
    for name, side in (("mask_conditioning", args.side), ("config_3D", args.side3d)):
        seconds, images, steps = contest(name, side)
        dims = 3 if name == "config_3D" else 2
        what = f"{name}, {'x'.join([str(side)] * dims)}, batch {images}, {steps} steps"
        for contestant in dict.fromkeys(key[1] for key in seconds):
            row = []
            for command, work in (("train", 1), ("sample", images / steps)):
                own, peers = (min(seconds[command, who]) for who in (contestant, "MOTFM, float32"))
                row += [f"{work / own:.3g}", f"{peers / own:.2f}"]
            print(f"| {what} | {contestant} | {' | '.join(row)} |", flush=True)
            what = ""
    print(f"\n{args.threads} thread(s), fastest of {args.rounds} interleaved rounds; ratios to MOTFM's Python.")


if __name__ == "__main__":
    main()
