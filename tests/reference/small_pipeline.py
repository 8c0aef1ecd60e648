"""A small random StableDiffusion3ControlNetPipeline: every component of SD 3.5's model folder, a few kilobytes each."""

import contextlib
import pathlib
import shutil
import unittest.mock

import torch
from diffusers import (AutoencoderKL, FlowMatchEulerDiscreteScheduler, SD3ControlNetModel, SD3Transformer2DModel,
                       StableDiffusion3ControlNetPipeline)
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from transformers import CLIPTextConfig, CLIPTextModelWithProjection, T5Config, T5EncoderModel

from make_sd3_fixtures import randomize
from make_tokenizer_fixtures import tokenizers

TRANSFORMER = dict(sample_size=16, patch_size=2, in_channels=4, num_layers=2, attention_head_dim=8,
                   num_attention_heads=2, joint_attention_dim=16, caption_projection_dim=16, pooled_projection_dim=12,
                   out_channels=4, pos_embed_max_size=8, dual_attention_layers=(0,), qk_norm="rms_norm")
CLIP = dict(vocab_size=774, hidden_size=6, intermediate_size=12, num_hidden_layers=2, num_attention_heads=2,
            projection_dim=5, eos_token_id=2, bos_token_id=0)
T5 = dict(vocab_size=270, d_model=16, d_kv=4, d_ff=20, num_layers=2, num_heads=2, feed_forward_proj="gated-gelu",
          tie_word_embeddings=False)
VAE = dict(block_out_channels=(4, 4), down_block_types=("DownEncoderBlock2D",) * 2,
           up_block_types=("UpDecoderBlock2D",) * 2, latent_channels=4, norm_num_groups=2, scaling_factor=1.5,
           shift_factor=0.06, use_quant_conv=False, use_post_quant_conv=False)
TOKENIZERS = pathlib.Path(__file__).resolve().parent.parent / "data" / "sd35" / "tokenizers"


def build(generator):
    make = lambda model: randomize(model, generator)
    transformer = make(SD3Transformer2DModel(**TRANSFORMER))
    with torch.no_grad():
        # 28 guided steps of a random field would leave its rounding errors magnified.
        transformer.proj_out.weight.mul_(0.25)
    (clip_l, _), (clip_g, _), (t5, _) = tokenizers(TOKENIZERS)
    pipeline = StableDiffusion3ControlNetPipeline(
        transformer=transformer, scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0), vae=make(AutoencoderKL(**VAE)),
        text_encoder=make(CLIPTextModelWithProjection(CLIPTextConfig(**CLIP))), tokenizer=clip_l,
        text_encoder_2=make(CLIPTextModelWithProjection(CLIPTextConfig(**CLIP | {
            "hidden_size": 8, "projection_dim": 7, "hidden_act": "gelu"}))),
        tokenizer_2=clip_g, text_encoder_3=make(T5EncoderModel(T5Config(**T5))), tokenizer_3=t5,
        controlnet=make(SD3ControlNetModel(**TRANSFORMER | {"num_layers": 1,
                                                            "force_zeros_for_pooled_projection": False})))
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def save(pipeline, folder):
    """As published: save_pretrained, but the tokenizers' files as SD 3.5's folder has them."""
    pipeline.save_pretrained(folder)
    for name in ("tokenizer", "tokenizer_2", "tokenizer_3"):
        if (pathlib.Path(folder) / name).exists():
            shutil.rmtree(pathlib.Path(folder) / name)
            shutil.copytree(TOKENIZERS / name, pathlib.Path(folder) / name)


def without_sampling():
    """The control image's latent as the autoencoder's mean."""
    return unittest.mock.patch.object(DiagonalGaussianDistribution, "sample",
                                      lambda distribution, generator=None: distribution.mean)


def prompt_embeds(pipeline, text):
    """The pipeline's embeddings of a text: (tokens, pooled)."""
    with torch.no_grad():
        embeds, _, pooled, _ = pipeline.encode_prompt(text, None, None, do_classifier_free_guidance=False)
    return embeds, pooled


def sample(pipeline, text, latents, control_image, steps, guidance):
    with without_sampling(), contextlib.redirect_stderr(None):
        return pipeline(text, latents=latents.clone(), control_image=control_image, num_inference_steps=steps,
                        guidance_scale=guidance, output_type="latent", height=2 * latents.shape[2],
                        width=2 * latents.shape[3]).images
