"""Makes tests/data/sd35/alignment.safetensors: the alignment loss and its gradients by diffusers and transformers.

Takes the transformer and the ControlNet of training.safetensors and the ViT of ../dinov3/plain.safetensors, and adds
a small autoencoder. From states x_s, one tunable step to the data, decoded, seen by the ViT, and compared with
references by the unbiased MMD^2 with the cubic kernel.

Made with diffusers 0.42.1, transformers 5.23.0 and torch 2.11.0. Deterministic.
Usage: python tests/reference/make_sd3_alignment_fixture.py
"""

import json
import pathlib
import tempfile

import torch
from diffusers import AutoencoderKL, SD3ControlNetModel, SD3Transformer2DModel
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import DINOv3ViTImageProcessor, DINOv3ViTModel

from make_sd3_fixtures import randomize, saved

DATA = pathlib.Path(__file__).resolve().parent.parent / "data"
INDEX = 18  # of 20: s = 0.9


def stored(path, prefix):
    with safe_open(path, "pt") as file:
        return file.metadata(), {key.removeprefix(prefix + "."): file.get_tensor(key).float() for key in file.keys()
                                 if key.startswith(prefix + ".")}


def from_fixture(kind, prefix):
    metadata, state = stored(DATA / "sd35" / "training.safetensors", prefix)
    net = kind.from_config(json.loads(metadata[prefix]))
    net.load_state_dict(state)
    return net.eval()


def vision_model():
    path = DATA / "dinov3" / "plain.safetensors"
    metadata, state = stored(path, "model")
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "config.json").write_text(metadata["config"])
        pathlib.Path(folder, "preprocessor_config.json").write_text(metadata["preprocessor_config"])
        save_file(state, f"{folder}/model.safetensors")
        return DINOv3ViTModel.from_pretrained(folder).eval(), DINOv3ViTImageProcessor.from_pretrained(folder)


def mmd(x, y):
    kernel = lambda a, b: (a @ b.T / a.shape[1] + 1) ** 3
    unlike = lambda k: (k.sum() - k.diagonal().sum()) / (len(k) * (len(k) - 1))
    return unlike(kernel(x, x)) - 2 * kernel(x, y).mean() + unlike(kernel(y, y))


def main():
    generator = torch.Generator().manual_seed(600)
    random = lambda *shape: torch.randn(*shape, generator=generator)
    transformer = from_fixture(SD3Transformer2DModel, "transformer").requires_grad_(False)
    controlnet = from_fixture(SD3ControlNetModel, "controlnet")
    vae = AutoencoderKL(block_out_channels=(4, 4), down_block_types=("DownEncoderBlock2D",) * 2,
                        up_block_types=("UpDecoderBlock2D",) * 2, latent_channels=4, norm_num_groups=2,
                        use_quant_conv=False, use_post_quant_conv=False, scaling_factor=1.5, shift_factor=0.06)
    randomize(vae, generator).requires_grad_(False)
    with torch.no_grad():
        vae.decoder.conv_out.weight.mul_(0.25)  # most pixels within [-1,1]
    vit, processor = vision_model()
    vit.requires_grad_(False)

    batch = 3
    tensors = {"states": random(batch, 4, 6, 4), "context": random(batch, 5, 12), "pooled": random(batch, 10),
               "control": random(batch, 4, 6, 4), "references": random(4, 16)}
    s = INDEX / 20
    arguments = dict(hidden_states=tensors["states"], timestep=torch.full((batch,), 1000 * (1 - s)),
                     encoder_hidden_states=tensors["context"])
    residuals = controlnet(**arguments, controlnet_cond=tensors["control"],
                           pooled_projections=torch.zeros_like(tensors["pooled"])).controlnet_block_samples
    output = transformer(**arguments, pooled_projections=tensors["pooled"],
                         block_controlnet_hidden_states=residuals).sample
    latent = tensors["states"] - (1 - s) * output
    image = vae.decode(latent / vae.config.scaling_factor + vae.config.shift_factor).sample.clamp(-1, 1)
    pixels = processor(images=list((image + 1) / 2), do_rescale=False, return_tensors="pt")["pixel_values"]
    loss = mmd(vit(pixel_values=pixels).pooler_output, tensors["references"])
    loss.backward()
    tensors = {f"in.{key}": value for key, value in tensors.items()}
    tensors["out.loss"] = loss
    tensors.update({f"grad.{key}": value.grad for key, value in controlnet.named_parameters()
                    if value.grad is not None})
    state, metadata = saved(vae, "vae")
    path = DATA / "sd35" / "alignment.safetensors"
    save_file({key: value.detach().contiguous() for key, value in (tensors | state).items()}, path,
              metadata | {"index": str(INDEX)})
    print(path.name, path.stat().st_size, "loss", loss.item(), "pixels clamped",
          (image.abs() == 1).float().mean().item())


if __name__ == "__main__":
    main()
