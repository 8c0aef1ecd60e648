"""Makes tests/data/sd35/autoencoder_*.safetensors and the name list of SD 3.5's autoencoder: small random AutoencoderKL
of diffusers, saved by save_pretrained, with inputs, outputs and gradients.

Made with diffusers 0.42.1 and torch 2.11.0. Deterministic: one seed per fixture.
Usage: python tests/reference/make_autoencoder_fixtures.py [OUTPUT_DIR]

Each fixture holds
  vae.*                            the state dict, in bfloat16 (of which the weights are exact values)
  in.image, in.latent              inputs of encode and decode
  out.latent_mean, out.latent_logvar, out.image   outputs, and probe.* of the same shapes
  grad.image, grad.latent          gradients of sum(latent_mean * probe + latent_logvar * probe), sum(image * probe)
and in its metadata the text of config.json: vae.
"""

import pathlib
import sys

import torch
from diffusers import AutoencoderKL

from make_sd3_fixtures import randomize, saved, write
from reference_names import write_names

FULL = dict(block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=16, scaling_factor=1.5305,
            shift_factor=0.0609, use_quant_conv=False, use_post_quant_conv=False)
SMALL = dict(block_out_channels=(8, 12), layers_per_block=1, latent_channels=4, norm_num_groups=4)

# name -> (configuration beyond SMALL, sides of the image)
FIXTURES = {
    "autoencoder_sd35": ({**FULL, "block_out_channels": (4, 4, 8, 8), "norm_num_groups": 2}, (32, 48)),
    "autoencoder_quant": (dict(latents_mean=None, scaling_factor=0.5), (12, 8)),
    "autoencoder_odd": (dict(block_out_channels=(4, 8, 8), shift_factor=0.25, use_quant_conv=False), (37, 30)),
    "autoencoder_grey": (dict(in_channels=1, out_channels=2, mid_block_add_attention=False), (8, 10)),
    "autoencoder_wide": (dict(block_out_channels=(16, 16), norm_num_groups=8, use_post_quant_conv=False), (9, 14)),
}


def build(config):
    levels = len(config["block_out_channels"])
    return AutoencoderKL(down_block_types=("DownEncoderBlock2D",) * levels,
                         up_block_types=("UpDecoderBlock2D",) * levels, **config)


def make(name, seed, folder):
    extra, sides = FIXTURES[name]
    config = {**SMALL, **extra}
    generator = torch.Generator().manual_seed(seed)
    random = lambda *shape: torch.randn(*shape, generator=generator)
    net = randomize(build(config), generator)
    tensors, metadata = saved(net, "vae")
    image = random(2, config.get("in_channels", 3), *sides).clamp(-1, 1).requires_grad_()
    moments = net.encode(image).latent_dist
    latent = random(*moments.mean.shape).requires_grad_()
    tensors |= {"in.image": image, "in.latent": latent}
    loss = 0
    for key, value in (("latent_mean", moments.mean), ("latent_logvar", moments.logvar),
                       ("image", net.decode(latent).sample)):
        probe = random(*value.shape)
        tensors |= {f"out.{key}": value, f"probe.{key}": probe}
        loss = loss + (value * probe).sum()
    loss.backward()
    tensors |= {"grad.image": image.grad, "grad.latent": latent.grad}
    write(name, folder, tensors, metadata)


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "data" / "sd35"
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    for seed, name in enumerate(FIXTURES):
        make(name, 600 + seed, folder)
    with torch.device("meta"):
        write_names(build(FULL), folder / "autoencoder_sd35.names")


if __name__ == "__main__":
    main()
