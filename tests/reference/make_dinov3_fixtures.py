"""Makes tests/data/dinov3/*: small random DINOv3 ViTs of transformers, saved by save_pretrained, with inputs, outputs
and gradients, and the name list of ViT-H/16+.

Made with transformers 5.23.0, torchvision 0.26.0 and torch 2.11.0. Deterministic (one seed per fixture) but for the order of the metadata.
Usage: python tests/reference/make_dinov3_fixtures.py [OUTPUT_DIR]

Each fixture holds
  model.*        the state dict, in bfloat16 (of which the weights are exact values)
  image          [B,3,H,W] in [-1,1], and grad.image: the gradient of sum(pooler_output * probe)
  pixel_values   what the image processor makes of it
  last_hidden_state, pooler_output
and in its metadata the texts of config.json and preprocessor_config.json.
"""

import math
import pathlib
import sys
import tempfile

import torch
from safetensors.torch import load_file, save_file
from transformers import DINOv3ViTConfig, DINOv3ViTImageProcessor, DINOv3ViTModel

from reference_names import write_names

SMALL = dict(patch_size=8, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
             image_size=32)
HUGE_PLUS = dict(patch_size=16, hidden_size=1280, intermediate_size=5120, num_hidden_layers=32,
                 num_attention_heads=20, hidden_act="silu", use_gated_mlp=True, num_register_tokens=4)

# name -> (configuration beyond SMALL, sides of the image, sides that the processor makes)
FIXTURES = {
    "plain": (dict(num_register_tokens=4), (40, 48), (32, 32)),
    "gated": (dict(use_gated_mlp=True, hidden_act="silu", num_register_tokens=4, num_hidden_layers=3), (64, 64),
              (24, 40)),
    "biases": (dict(key_bias=True, query_bias=False, proj_bias=False, mlp_bias=False, num_attention_heads=4), (20, 28),
               (40, 32)),
    "odd": (dict(value_bias=False, query_bias=False, rope_theta=37.0, layer_norm_eps=1e-3, hidden_size=24), (29, 37),
            (29, 37)),
}


def make(name, seed, folder):
    extra, sides, processed_sides = FIXTURES[name]
    generator = torch.Generator().manual_seed(seed)
    net = DINOv3ViTModel(DINOv3ViTConfig(**{**SMALL, **extra})).eval()
    with torch.no_grad():
        for key, parameter in net.named_parameters():
            fan_in = parameter[0].numel() if parameter.dim() > 1 else 4
            if fan_in == 0:
                continue  # no register tokens
            parameter.normal_(0, 1 / math.sqrt(fan_in), generator=generator)
            if parameter.dim() == 1 and key.endswith(("weight", "lambda1")):
                parameter.add_(1)
            parameter.copy_(parameter.bfloat16())
    processor = DINOv3ViTImageProcessor(size=dict(zip(("height", "width"), processed_sides)))
    with tempfile.TemporaryDirectory() as temporary:
        net.save_pretrained(temporary)
        processor.save_pretrained(temporary)
        state = load_file(f"{temporary}/model.safetensors")
        metadata = {key: pathlib.Path(temporary, f"{key}.json").read_text()
                    for key in ("config", "preprocessor_config")}
    image = (torch.rand(2, 3, *sides, generator=generator) * 2 - 1).requires_grad_()
    # As in the reference from here on, but that it would begin with bytes.
    pixels = processor(images=list((image + 1) / 2), do_rescale=False, return_tensors="pt")["pixel_values"]
    output = net(pixel_values=pixels)
    probe = torch.randn(output.pooler_output.shape, generator=generator)
    (output.pooler_output * probe).sum().backward()
    tensors = {f"model.{key}": value.bfloat16() for key, value in state.items()}
    tensors.update({"image": image, "grad.image": image.grad, "pixel_values": pixels, "probe": probe,
                    "last_hidden_state": output.last_hidden_state, "pooler_output": output.pooler_output})
    path = folder / f"{name}.safetensors"
    save_file({key: value.detach().contiguous() for key, value in tensors.items()}, path, metadata)
    print(name, path.stat().st_size)


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "data" / "dinov3"
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    folder.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(FIXTURES):
        make(name, 500 + seed, folder)
    with torch.device("meta"):
        net = DINOv3ViTModel(DINOv3ViTConfig(**HUGE_PLUS))
    # As save_pretrained renames them, and published files have them.
    write_names(net, folder / "vit_huge_plus.names", rename=lambda name: name.removeprefix("model."))


if __name__ == "__main__":
    main()
