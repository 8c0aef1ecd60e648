"""Makes tests/data/unet/*.safetensors: small random networks of the reference, with inputs, outputs and gradients.

Needs torch, safetensors, monai-generative 0.2.3 (package `generative`) and monai. Deterministic: one seed per fixture.
Usage: python tests/reference/make_unet_fixtures.py [OUTPUT_DIR]

Each file holds
  weights.*   the state dict, under the reference's names, in bfloat16 (of which the weights are exact values)
  x, t, mask, context, class_labels   inputs (t: timesteps; for `merged`, times in [0,1])
  y, or residual.0 ... and residual.mid   outputs
  grad.*   gradients of sum(outputs * probe), with probe.* stored, for a few weights and for x
and in its metadata `fixture`, JSON: `kind` (unet, controlnet, merged or core) and `config` (UNetConfig's keys).
"""

import json
import pathlib
import sys

import torch
from generative.networks.nets import ControlNet, DiffusionModelUNet
from monai.networks.nets import DiffusionModelUNet as CoreUNet
from safetensors.torch import save_file

from random_weights import randomize

SMALL = dict(spatial_dims=2, in_channels=3, out_channels=2, num_res_blocks=[1, 1], num_channels=[8, 16],
             attention_levels=[False, False], norm_num_groups=4, num_head_channels=[4, 8])
CROSS = dict(with_conditioning=True, cross_attention_dim=5, attention_levels=[False, True])
WIDE = dict(num_channels=[16, 16], norm_num_groups=8)  # all widths multiples of 16: the fused normalization throughout

# name -> (kind, configuration beyond SMALL, sides)
FIXTURES = {
    "unet_plain": ("unet", WIDE, (8, 12)),
    "unet_attention": ("unet", dict(num_res_blocks=[2, 1], attention_levels=[True, True]), (8, 8)),
    "unet_three_levels": ("unet", dict(num_res_blocks=[1, 1, 1], num_channels=[8, 8, 12], norm_eps=1e-5,
                                       attention_levels=[False, True, False], num_head_channels=[8, 2, 12]), (8, 12)),
    "unet_cross_class": ("unet", dict(num_class_embeds=4, transformer_num_layers=2, **CROSS), (6, 10)),
    "unet_updown": ("unet", dict(resblock_updown=True, **WIDE), (10, 6)),
    "unet_odd": ("unet", dict(num_res_blocks=[2], num_channels=[16], attention_levels=[True], num_head_channels=[4]),
                 (7, 9)),
    "unet_3d": ("unet", dict(spatial_dims=3, num_channels=[8, 8], attention_levels=[False, True],
                             resblock_updown=True), (4, 6, 4)),
    "controlnet_plain": ("controlnet", dict(conditioning_embedding_in_channels=3,
                                            conditioning_embedding_num_channels=[4, 8]), (8, 8)),
    "controlnet_odd": ("controlnet", dict(num_channels=[8, 8], num_class_embeds=3, **CROSS), (7, 9)),
    "controlnet_3d": ("controlnet", dict(spatial_dims=3, num_channels=[8, 8]), (4, 4, 6)),
    "merged_mask": ("merged", dict(conditioning_embedding_in_channels=2, resblock_updown=True), (8, 8)),
    "merged_mask_context": ("merged", dict(num_channels=[8, 8], num_head_channels=[8, 4], **CROSS), (8, 8)),
    "merged_3d": ("merged", dict(spatial_dims=3, num_channels=[8, 8]), (4, 4, 4)),
    "core_attention": ("core", dict(attention_levels=[False, True]), (8, 8)),
    "core_cross": ("core", dict(num_channels=[8, 8], **CROSS), (8, 8)),
}


def motfm(unet, controlnet, x, t, mask, context):
    """The forward pass of MOTFM's MergedModel, max_timestep 1000."""
    steps = (t * 999).floor().long()
    down, mid = controlnet(x=x, timesteps=steps, controlnet_cond=mask, context=context)
    return unet(x=x, timesteps=steps, context=context, down_block_additional_residuals=down,
                mid_block_additional_residual=mid)


def make(name, seed, folder):
    kind, extra, sides = FIXTURES[name]
    config = {**SMALL, **extra}
    generator = torch.Generator().manual_seed(seed)
    random = lambda *shape: torch.randn(*shape, generator=generator)
    embedding = {k: config.pop(k) for k in list(config) if k.startswith("conditioning_embedding")}
    embedding.setdefault("conditioning_embedding_in_channels", 1)
    embedding.setdefault("conditioning_embedding_num_channels", [16])
    control_config = {k: v for k, v in config.items() if k != "out_channels"}
    nets = {}
    if kind in ("unet", "merged"):
        nets["unet"] = DiffusionModelUNet(**config)
    if kind in ("controlnet", "merged"):
        nets["controlnet"] = ControlNet(**control_config, **embedding)
    if kind == "core":
        core = {("channels" if k == "num_channels" else k): v for k, v in config.items()}
        nets["unet"] = CoreUNet(**core)
    for net in nets.values():
        randomize(net, generator)
        net.eval()

    batch = 2
    x = random(batch, 3, *sides).requires_grad_()
    tensors = {"x": x.detach()}
    context = labels = mask = None
    if config.get("with_conditioning"):
        context = tensors["context"] = random(batch, 3, config["cross_attention_dim"])
    if config.get("num_class_embeds"):
        labels = tensors["class_labels"] = torch.tensor([0, config["num_class_embeds"] - 1])
    if "controlnet" in nets:
        factor = 2 ** (len(embedding["conditioning_embedding_num_channels"]) - 1)
        mask = tensors["mask"] = random(batch, embedding["conditioning_embedding_in_channels"],
                                        *(factor * side for side in sides))
    t = torch.tensor([0.1234, 0.97]) if kind == "merged" else torch.tensor([7, 911])
    tensors["t"] = t

    if kind == "merged":
        outputs = {"y": motfm(nets["unet"], nets["controlnet"], x, t, mask, context)}
    elif kind == "controlnet":
        down, mid = nets["controlnet"](x=x, timesteps=t, controlnet_cond=mask, context=context, class_labels=labels,
                                       conditioning_scale=0.75)
        outputs = {f"residual.{i}": h for i, h in enumerate(down)} | {"residual.mid": mid}
    else:
        outputs = {"y": nets["unet"](x=x, timesteps=t, context=context, class_labels=labels)}

    loss = 0
    for key, value in outputs.items():
        probe = random(*value.shape)
        tensors[key] = value.detach()
        tensors["probe." + key] = probe
        loss = loss + (value * probe).sum()
    loss.backward()
    tensors["grad.x"] = x.grad
    for prefix, net in nets.items():
        lead = prefix + "." if kind == "merged" else ""
        for key, value in net.state_dict().items():
            tensors["weights." + lead + key] = value.bfloat16()
        # Every so many: a wrong backward pass anywhere spoils most of those before it.
        # The bias of keys shifts all scores alike: its true gradient is 0, the stored one would be rounding.
        with_gradient = [(k, p) for k, p in net.named_parameters() if p.grad is not None and "to_k.bias" not in k]
        for key, parameter in with_gradient[::11]:
            tensors["grad." + lead + key] = parameter.grad

    stored = {**config, **embedding, "mask_conditioning": kind == "merged", "attention_projection": kind == "core"}
    save_file({k: v.contiguous() for k, v in tensors.items()}, str(folder / f"{name}.safetensors"),
              {"fixture": json.dumps({"kind": kind, "config": stored}, sort_keys=True)})


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent / "data" / "unet")
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    for seed, name in enumerate(FIXTURES):
        make(name, seed, folder)
        print(name)


if __name__ == "__main__":
    main()
