"""Makes tests/data/sd35/{transformer,controlnet,training,pipeline}_*.safetensors and the full-size models' name lists:
small random networks of diffusers, saved by save_pretrained, with inputs, outputs and gradients.

Made with diffusers 0.42.1 and torch 2.11.0. Deterministic (one seed per fixture) but for the order of the metadata.
Usage: python tests/reference/make_sd3_fixtures.py [OUTPUT_DIR]

Each fixture holds
  transformer.*, controlnet.*   state dicts, in bfloat16 (of which the weights are exact values)
  in.*    inputs under the reference's argument names
  out.*   outputs
  grad.*  gradients of the loss; for networks sum(outputs * probe.*), for `training` the mean squared error
and in its metadata the config.json texts: transformer, controlnet, scheduler. NAME.names is described in
reference_names.py.
"""

import pathlib
import sys
import tempfile

import torch
from diffusers import (AutoencoderKL, FlowMatchEulerDiscreteScheduler, SD3ControlNetModel, SD3Transformer2DModel,
                       StableDiffusion3ControlNetPipeline)
from safetensors.torch import load_file, save_file

from random_weights import randomize
from reference_names import write_names

SMALL = dict(sample_size=16, patch_size=2, in_channels=4, num_layers=3, attention_head_dim=8, num_attention_heads=2,
             joint_attention_dim=12, caption_projection_dim=16, pooled_projection_dim=10, out_channels=4,
             pos_embed_max_size=8)
MEDIUM = dict(sample_size=128, patch_size=2, in_channels=16, num_layers=24, attention_head_dim=64,
              num_attention_heads=24, joint_attention_dim=4096, caption_projection_dim=1536,
              pooled_projection_dim=2048, out_channels=16, pos_embed_max_size=384,
              dual_attention_layers=tuple(range(13)), qk_norm="rms_norm")
DUAL = dict(dual_attention_layers=(0, 1), qk_norm="rms_norm")

# name -> (configuration beyond SMALL, sides of the latent, residuals of a ControlNet)
TRANSFORMERS = {
    "transformer_plain": ({}, (8, 8), 0),
    "transformer_dual": (DUAL, (6, 14), 0),
    "transformer_odd": (dict(in_channels=5, out_channels=3, attention_head_dim=4, num_attention_heads=3,
                             caption_projection_dim=12, pos_embed_max_size=7, **DUAL), (10, 6), 0),
    "transformer_single_pixels": (dict(patch_size=1, pos_embed_max_size=9, qk_norm="rms_norm"), (7, 9), 0),
    "transformer_control": (dict(num_layers=5, **DUAL), (4, 8), 2),
    "transformer_control_each": (DUAL, (4, 4), 3),
}
# name -> (configuration beyond SMALL, sides, conditioning scale)
CONTROLNETS = {
    "controlnet_one": (dict(num_layers=1, extra_conditioning_channels=1), (8, 8), 1.0),
    "controlnet_plain": (dict(num_layers=2), (10, 6), 0.75),
    "controlnet_twelve": (dict(num_layers=12, dual_attention_layers=tuple(range(7)), qk_norm="rms_norm",
                               attention_head_dim=4, caption_projection_dim=8), (6, 10), 1.0),
}


def saved(module, prefix):
    """The state dict and config as save_pretrained writes them."""
    with tempfile.TemporaryDirectory() as folder:
        module.save_pretrained(folder)
        state = load_file(f"{folder}/diffusion_pytorch_model.safetensors")
        config = pathlib.Path(folder, "config.json").read_text()
    return {f"{prefix}.{key}": value.bfloat16() for key, value in state.items()}, {prefix: config}


def inputs(config, batch, sides, random):
    return {"hidden_states": random(batch, config["in_channels"], *sides),
            "timestep": torch.linspace(37.5, 981.25, batch),
            "encoder_hidden_states": random(batch, 5, config["joint_attention_dim"]),
            "pooled_projections": random(batch, config["pooled_projection_dim"])}


def write(name, folder, tensors, metadata):
    save_file({key: value.detach().contiguous() for key, value in tensors.items()}, folder / f"{name}.safetensors",
              metadata)
    print(name, (folder / f"{name}.safetensors").stat().st_size)


def probe_gradients(outputs, tensors, random, wanted):
    """Adds probes and the gradients of sum(outputs * probe) with respect to `wanted` to `tensors`."""
    loss = 0
    for key, value in outputs.items():
        tensors[f"out.{key}"] = value
        tensors[f"probe.{key}"] = random(*value.shape)
        loss = loss + (value * tensors[f"probe.{key}"]).sum()
    loss.backward()
    tensors.update({f"grad.{key}": value.grad for key, value in wanted.items() if value.grad is not None})


def make_transformer(name, seed, folder):
    extra, sides, residuals = TRANSFORMERS[name]
    config = {**SMALL, **extra}
    generator = torch.Generator().manual_seed(seed)
    random = lambda *shape: torch.randn(*shape, generator=generator)
    net = randomize(SD3Transformer2DModel(**config), generator)
    tensors, metadata = saved(net, "transformer")
    arguments = inputs(config, 2, sides, random)
    tokens = sides[0] * sides[1] // config["patch_size"] ** 2
    control = [random(2, tokens, config["caption_projection_dim"]) for _ in range(residuals)]
    tensors.update({f"in.{key}": value.clone() for key, value in arguments.items()})
    tensors.update({f"in.block_controlnet_hidden_states.{i}": value.clone() for i, value in enumerate(control)})
    wanted = {"hidden_states": arguments["hidden_states"].requires_grad_()}
    wanted.update({f"block_controlnet_hidden_states.{i}": value.requires_grad_() for i, value in enumerate(control)})
    sample = net(**arguments, block_controlnet_hidden_states=control or None).sample
    probe_gradients({"sample": sample}, tensors, random, wanted)
    write(name, folder, tensors, metadata)


def make_controlnet(name, seed, folder):
    extra, sides, scale = CONTROLNETS[name]
    config = {**SMALL, **extra}
    generator = torch.Generator().manual_seed(seed)
    random = lambda *shape: torch.randn(*shape, generator=generator)
    net = randomize(SD3ControlNetModel(**config), generator)
    tensors, metadata = saved(net, "controlnet")
    arguments = inputs(config, 2, sides, random)
    arguments["controlnet_cond"] = random(2, config["in_channels"] + config.get("extra_conditioning_channels", 0),
                                          *sides)
    tensors.update({f"in.{key}": value.clone() for key, value in arguments.items()})
    wanted = {"controlnet_cond": arguments["controlnet_cond"].requires_grad_()}
    samples = net(**arguments, conditioning_scale=scale).controlnet_block_samples
    probe_gradients({f"block_samples.{i}": value for i, value in enumerate(samples)}, tensors, random, wanted)
    write(name, folder, tensors, metadata | {"conditioning_scale": str(scale)})


def make_training(name, seed, folder):
    """L_D through the frozen transformer into the ControlNet, all of whose gradients are kept."""
    # Two residuals for four blocks: each reaches one, though the last block takes none.
    config = {**SMALL, **DUAL, "num_layers": 4, "attention_head_dim": 4, "caption_projection_dim": 8}
    generator = torch.Generator().manual_seed(seed)
    random = lambda *shape: torch.randn(*shape, generator=generator)
    transformer = randomize(SD3Transformer2DModel(**config), generator).requires_grad_(False)
    tensors, metadata = saved(transformer, "transformer")  # first: from_transformer writes to its config
    controlnet = SD3ControlNetModel.from_transformer(transformer, num_layers=2, num_extra_conditioning_channels=0)
    fresh, metadata_controlnet = saved(controlnet, "controlnet")
    tensors.update({key.replace("controlnet.", "fresh.", 1): value for key, value in fresh.items()})
    randomize(controlnet, generator)
    tensors.update(saved(controlnet, "controlnet")[0])
    arguments = inputs(config, 3, (6, 4), random)
    tensors.update({f"in.{key}": value for key, value in arguments.items()})
    tensors["in.controlnet_cond"] = random(3, 4, 6, 4)
    tensors["in.target"] = random(3, 4, 6, 4)
    residuals = controlnet(**arguments, controlnet_cond=tensors["in.controlnet_cond"]).controlnet_block_samples
    sample = transformer(**arguments, block_controlnet_hidden_states=residuals).sample
    loss = (sample - tensors["in.target"]).square().mean()
    loss.backward()
    tensors["out.loss"] = loss
    # What only the text after the last block depends on has no gradient.
    tensors.update({f"grad.{key}": value.grad for key, value in controlnet.named_parameters()
                    if value.grad is not None})
    write(name, folder, tensors, metadata | metadata_controlnet)


def make_pipeline(name, seed, folder, extra, guidance, force_zeros):
    config = {**SMALL, **extra}
    torch.manual_seed(seed)  # the VAE's weights
    generator = torch.Generator().manual_seed(seed)
    random = lambda *shape: torch.randn(*shape, generator=generator)
    transformer = randomize(SD3Transformer2DModel(**config), generator)
    with torch.no_grad():
        # 28 guided steps of a random field would leave its rounding errors magnified.
        transformer.proj_out.weight.mul_(0.25)
    controlnet = SD3ControlNetModel.from_config({**config, "num_layers": 2,
                                                 "force_zeros_for_pooled_projection": force_zeros})
    randomize(controlnet, generator)
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    vae = AutoencoderKL(block_out_channels=(4, 4), down_block_types=("DownEncoderBlock2D",) * 2,
                        up_block_types=("UpDecoderBlock2D",) * 2, latent_channels=4, norm_num_groups=2,
                        use_quant_conv=False, use_post_quant_conv=False, scaling_factor=1.5, shift_factor=0.06)
    with torch.no_grad():
        # The pipeline draws the control latent anew for each half of guidance's batch: no variance.
        vae.encoder.conv_out.weight[4:] = 0
        vae.encoder.conv_out.bias[4:] = -30
    pipeline = StableDiffusion3ControlNetPipeline(
        transformer=transformer, scheduler=scheduler, vae=vae, text_encoder=None, tokenizer=None, text_encoder_2=None,
        tokenizer_2=None, text_encoder_3=None, tokenizer_3=None, controlnet=controlnet)
    pipeline.set_progress_bar_config(disable=True)
    seen = {}

    def remember(module, arguments, keywords):
        seen["control"] = keywords["controlnet_cond"]

    controlnet.register_forward_pre_hook(remember, with_kwargs=True)
    batch = 2
    tensors = {"in.latents": random(batch, 4, 8, 6), "in.prompt_embeds": random(batch, 5, 12),
               "in.negative_prompt_embeds": random(batch, 5, 12), "in.pooled_prompt_embeds": random(batch, 10),
               "in.negative_pooled_prompt_embeds": random(batch, 10)}
    latents = pipeline(**{key.removeprefix("in."): value.clone() for key, value in tensors.items()},
                       control_image=random(batch, 3, 16, 12).clamp(-1, 1), num_inference_steps=28,
                       guidance_scale=guidance, controlnet_conditioning_scale=0.75, output_type="latent").images
    tensors["in.control"] = seen["control"][:batch]
    tensors["out.latents"] = latents
    metadata = {"scheduler": scheduler.to_json_string(), "guidance": str(guidance), "control_scale": "0.75"}
    for prefix, net in (("transformer", transformer), ("controlnet", controlnet)):
        state, config_text = saved(net, prefix)
        tensors.update(state)
        metadata.update(config_text)
    write(name, folder, tensors, metadata)


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "data" / "sd35"
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    folder.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(TRANSFORMERS):
        make_transformer(name, 100 + seed, folder)
    for seed, name in enumerate(CONTROLNETS):
        make_controlnet(name, 200 + seed, folder)
    make_training("training", 300, folder)
    make_pipeline("pipeline_dual", 400, folder, DUAL, guidance=7.0, force_zeros=True)
    make_pipeline("pipeline_plain", 401, folder, {}, guidance=4.5, force_zeros=False)
    with torch.device("meta"):
        write_names(SD3Transformer2DModel(**MEDIUM), folder / "transformer_medium.names")
        for layers in (12, 24):
            config = {**MEDIUM, "num_layers": layers}
            write_names(SD3ControlNetModel(**config), folder / f"controlnet_medium_{layers}.names")


if __name__ == "__main__":
    main()
