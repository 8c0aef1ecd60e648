"""Our U-Net and ControlNet beside MONAI's: the same weights, data and number of threads, taking turns in one run.

Usage: unet_cpu.py BENCHMARK_BINARY [--threads N] [--rounds N] [--batch N] [--image 64|128]
"""

import argparse
import json
import os
import tempfile
import time
import warnings

warnings.filterwarnings("ignore")
parser = argparse.ArgumentParser()
parser.add_argument("binary")
parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
parser.add_argument("--rounds", type=int, default=6)
parser.add_argument("--batch", type=int, default=16)
parser.add_argument("--image", type=int, default=64, choices=(64, 128))
args = parser.parse_args()
# Before torch is loaded: an idle thread that spins would slow the other program's turn.
os.environ["OMP_NUM_THREADS"] = str(args.threads)
os.environ["OMP_WAIT_POLICY"] = "passive"

import torch  # noqa: E402
from generative.networks.nets import ControlNet, DiffusionModelUNet  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from our_unet import OurUNet  # noqa: E402

torch.set_num_threads(args.threads)
TRAIN_STEPS, SAMPLE_STEPS, CLASSES, BLOCK = 4, 20, 2, 4
# The nets of the presets unet-64 and unet-128.
CONFIG = dict(spatial_dims=2, in_channels=48, num_res_blocks=[1, 1, 1], num_channels=[64, 96, 128],
              attention_levels=[False, False, False], norm_num_groups=8, num_head_channels=[32, 32, 32])
EMBEDDING = dict(conditioning_embedding_in_channels=CLASSES * BLOCK**2, conditioning_embedding_num_channels=[64])


class Reference:
    """MONAI's nets as MOTFM trains and samples them, in one memory layout."""

    def __init__(self, tensors, channels_last):
        self.layout = torch.channels_last if channels_last else torch.contiguous_format
        torch.manual_seed(0)
        self.unet = DiffusionModelUNet(out_channels=48, **CONFIG)
        self.controlnet = ControlNet(**CONFIG, **EMBEDDING)
        self.nets = torch.nn.ModuleDict({"unet": self.unet, "controlnet": self.controlnet})
        if "weights" in tensors:
            self.nets.load_state_dict(tensors["weights"])
        self.nets.to(memory_format=self.layout)
        self.optimizer = torch.optim.AdamW(self.nets.parameters(), lr=1e-4, betas=(0.9, 0.99), fused=True)
        self.data, self.noise, self.mask = (tensors[k].contiguous(memory_format=self.layout)
                                            for k in ("data", "noise", "mask"))
        self.t = tensors["t"]

    def velocity(self, x, t):
        steps = (t * 999).floor().long()
        down, mid = self.controlnet(x=x, timesteps=steps, controlnet_cond=self.mask)
        return self.unet(x=x, timesteps=steps, down_block_additional_residuals=down, mid_block_additional_residual=mid)

    def train(self, count):
        self.nets.train()
        for _ in range(count):
            t = self.t.reshape(-1, 1, 1, 1)
            loss = (self.velocity(t * self.data + (1 - t) * self.noise, self.t) - (self.data - self.noise)).square().mean()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.nets.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            value = loss.item()
        return value

    @torch.inference_mode()
    def sample(self, count):
        self.nets.eval()
        x = self.noise
        for i in range(count):
            x = x + self.velocity(x, torch.full((x.shape[0],), i / count)) / count
        return x.norm().item()

    def timed(self, command, count):
        start = time.perf_counter()
        value = getattr(self, command)(count)
        return time.perf_counter() - start, value


def main():
    generator = torch.Generator().manual_seed(1)
    side = args.image // BLOCK
    tensors = {"data": torch.randn(args.batch, 48, side, side, generator=generator),
               "noise": torch.randn(args.batch, 48, side, side, generator=generator),
               "mask": torch.randint(0, 2, (args.batch, CLASSES * BLOCK**2, side, side), generator=generator).float(),
               "t": torch.rand(args.batch, generator=generator)}
    first = Reference(tensors, False)
    with torch.no_grad():  # the last layers start at zero, and multiplying by zero is no fair work
        for parameter in first.nets.parameters():
            parameter.add_(0.02 * torch.randn(parameter.shape, generator=generator))
    weights = {k: v.detach().clone().contiguous() for k, v in first.nets.state_dict().items()}
    tensors["weights"] = weights
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "weights.safetensors")
        config = {**CONFIG, **EMBEDDING, "out_channels": 48, "mask_conditioning": True}
        save_file({**weights, **{k: v for k, v in tensors.items() if k != "weights"}}, path,
                  {"config": json.dumps(config)})
        contestants = {"MONAI, float32": Reference(tensors, False),
                       "MONAI, float32, channels-last": Reference(tensors, True),
                       **OurUNet.of_each_type(args.binary, path, args.threads, args.batch)}
        seconds, values = {}, {}
        for round_number in range(args.rounds + 1):  # the first round warms up
            for command, count in (("sample", SAMPLE_STEPS), ("train", TRAIN_STEPS)):
                for name, contestant in contestants.items():
                    taken, value = contestant.timed(command, count)
                    values[name, command, round_number] = value
                    if round_number > 0:
                        seconds.setdefault((name, command), []).append(taken / count)
    for (name, command, round_number), value in values.items():
        expected = values["MONAI, float32", command, round_number]
        tolerance = (0.1 if "bfloat16" in name else 1e-2) * abs(expected)
        assert abs(value - expected) < tolerance, (name, command, round_number, value, expected)

    train = {name: 1 / min(seconds[name, "train"]) for name in contestants}
    sample = {name: args.batch / (SAMPLE_STEPS * min(seconds[name, "sample"])) for name in contestants}
    best_train = max(v for k, v in train.items() if k.startswith("MONAI"))
    best_sample = max(v for k, v in sample.items() if k.startswith("MONAI"))
    print(f"U-Net and ControlNet of unet-{args.image}, batch {args.batch}, {args.threads} thread(s), "
          f"fastest of {args.rounds} interleaved rounds; ratios to the faster of MONAI's two layouts.\n")
    print(f"| | training steps/s | ratio | images/s ({SAMPLE_STEPS} steps) | ratio |\n| --- | --- | --- | --- | --- |")
    for name in contestants:
        print(f"| {name} | {train[name]:.2f} | {train[name] / best_train:.2f} "
              f"| {sample[name]:.2f} | {sample[name] / best_sample:.2f} |")


if __name__ == "__main__":
    main()
