"""Makes tests/data/segmenters/*: small random SegFormer and DPT models of transformers, saved by save_pretrained, with
inputs, outputs and gradients.

Made with transformers 5.23.0 and torch 2.11.0. Deterministic: one seed per fixture.
Usage: python tests/reference/make_segmenter_fixtures.py [OUTPUT_DIR]

Each fixture holds
  model.*        the state dict, in bfloat16 (of which the weights are exact values)
  pixels         [B,3,H,W], and grad.pixels: the gradient of sum(logits * probe)
  logits, probe
  training.logits  while it trains: batch norm by the batch's own statistics, no dropout
and in its metadata the text of config.json as "model".
"""

import math
import pathlib
import sys

import torch
from safetensors.torch import save_file
from transformers import DPTConfig, DPTForSemanticSegmentation, SegformerConfig, SegformerForSemanticSegmentation

from transformers_state import saved

SEGFORMER = dict(depths=[1, 1, 2, 1], hidden_sizes=[8, 16, 24, 32], num_attention_heads=[1, 2, 3, 4],
                 decoder_hidden_size=16, drop_path_rate=0.0, classifier_dropout_prob=0.0, num_labels=3)
DPT = dict(hidden_size=16, num_hidden_layers=5, num_attention_heads=2, intermediate_size=24, image_size=32,
           patch_size=8, backbone_out_indices=[0, 1, 2, 4], neck_hidden_sizes=[8, 8, 12, 16], fusion_hidden_size=8,
           semantic_classifier_dropout=0.0, use_auxiliary_head=False, num_labels=3)

# name -> (model, configuration, height and width of the pixels)
FIXTURES = {
    "segformer_plain": (SegformerForSemanticSegmentation, SegformerConfig(**SEGFORMER), (64, 64)),
    "segformer_odd": (SegformerForSemanticSegmentation,
                      SegformerConfig(**{**SEGFORMER, "sr_ratios": [4, 2, 1, 1], "mlp_ratios": [2, 3, 4, 1],
                                         "patch_sizes": [5, 3, 3, 3]}), (40, 56)),
    "dpt_plain": (DPTForSemanticSegmentation, DPTConfig(**DPT), (32, 32)),
    "dpt_ignore": (DPTForSemanticSegmentation,
                   DPTConfig(**{**DPT, "readout_type": "ignore", "use_batch_norm_in_fusion_residual": True,
                                "qkv_bias": False}), (16, 16)),
    "dpt_add": (DPTForSemanticSegmentation,
                DPTConfig(**{**DPT, "readout_type": "add", "layer_norm_eps": 1e-3, "image_size": 48}), (24, 24)),
}


def fill(net, generator):
    with torch.no_grad():
        for key, tensor in net.state_dict().items():
            if key.endswith("num_batches_tracked"):
                continue
            fan_in = tensor[0].numel() if tensor.dim() > 1 else 4
            tensor.normal_(0, 1 / math.sqrt(fan_in), generator=generator)
            if tensor.dim() == 1 and key.endswith("weight"):
                tensor.add_(1)
            if key.endswith("running_var"):
                tensor.abs_().add_(0.5)
            tensor.copy_(tensor.bfloat16())


def make(name, seed, folder):
    cls, config, sides = FIXTURES[name]
    generator = torch.Generator().manual_seed(seed)
    net = cls(config).eval()
    fill(net, generator)
    tensors, texts = saved(net, "model")
    for key in tensors:
        if key.endswith("num_batches_tracked"):
            tensors[key] = tensors[key].long()
    pixels = torch.randn(2, 3, *sides, generator=generator).requires_grad_()
    logits = forward(net, pixels)
    probe = torch.randn(logits.shape, generator=generator)
    (logits * probe).sum().backward()
    tensors.update({"pixels": pixels, "grad.pixels": pixels.grad, "logits": logits, "probe": probe})
    tensors["training.logits"] = forward(net.train(), pixels)
    path = folder / f"{name}.safetensors"
    save_file({key: value.detach().contiguous() for key, value in tensors.items()}, path, texts)
    print(name, tuple(logits.shape), path.stat().st_size)


def forward(net, pixels):
    return net(pixel_values=pixels).logits


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "data" / "segmenters"
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    folder.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(FIXTURES):
        make(name, 700 + seed, folder)


if __name__ == "__main__":
    main()
