"""Makes tests/data/sd35/tiny/: a small random SD 3.5 in the layout in which the worker reads it from --models-dir,
with dinov3/ and without controlnet/, by save_pretrained. It draws 64 x 64 pixels from latents of 8 x 8. Its
tokenizers are those in tests/data/sd35/tokenizers, to be put beside them.

Made with diffusers 0.42.1, transformers 5.23.0 and torch 2.11.0. Deterministic.
Usage: python tests/reference/make_tiny_sd35.py [OUTPUT_DIR]
"""

import pathlib
import shutil
import sys

import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel, StableDiffusion3Pipeline
from transformers import (CLIPTextConfig, CLIPTextModelWithProjection, DINOv3ViTConfig, DINOv3ViTImageProcessor,
                          DINOv3ViTModel, T5Config, T5EncoderModel)

from make_dinov3_fixtures import SMALL as VIT
from make_sd3_fixtures import randomize
from make_tokenizer_fixtures import tokenizers
from small_pipeline import CLIP, T5, TOKENIZERS, TRANSFORMER, VAE

LEVELS = 4  # of the autoencoder: a factor of 8, as in SD 3.5
FINE = VAE | dict(block_out_channels=(4,) * LEVELS, down_block_types=("DownEncoderBlock2D",) * LEVELS,
                  up_block_types=("UpDecoderBlock2D",) * LEVELS)


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "data" / "sd35" / "tiny"
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    shutil.rmtree(folder, ignore_errors=True)
    generator = torch.Generator().manual_seed(980)
    make = lambda model: randomize(model, generator)
    transformer, vae = make(SD3Transformer2DModel(**TRANSFORMER)), make(AutoencoderKL(**FINE))
    with torch.no_grad():
        transformer.proj_out.weight.mul_(0.25)
        vae.decoder.conv_out.weight.mul_(0.25)  # most pixels within [-1,1]
    (clip_l, _), (clip_g, _), (t5, _) = tokenizers(TOKENIZERS)
    StableDiffusion3Pipeline(
        transformer=transformer, scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0), vae=vae,
        text_encoder=make(CLIPTextModelWithProjection(CLIPTextConfig(**CLIP))), tokenizer=clip_l,
        text_encoder_2=make(CLIPTextModelWithProjection(CLIPTextConfig(**CLIP | {
            "hidden_size": 8, "projection_dim": 7, "hidden_act": "gelu"}))),
        tokenizer_2=clip_g, text_encoder_3=make(T5EncoderModel(T5Config(**T5))), tokenizer_3=t5,
    ).save_pretrained(folder)
    for name in ("tokenizer", "tokenizer_2", "tokenizer_3"):
        shutil.rmtree(folder / name)
    make(DINOv3ViTModel(DINOv3ViTConfig(**VIT, num_register_tokens=4))).save_pretrained(folder / "dinov3")
    DINOv3ViTImageProcessor(size=dict(height=32, width=32)).save_pretrained(folder / "dinov3")
    print(sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()), "bytes")


if __name__ == "__main__":
    main()
