"""Holds alignflow-forward to diffusers and transformers: makes fresh small random models by save_pretrained in a
temporary folder, runs each component with both, and prints a table of the largest differences relative to the
reference's largest value. Exit code 1 if one is above 1e-4, or a token id differs.

Needs torch, diffusers, transformers, sentencepiece and safetensors; for the unet monai-generative and monai.
Usage: python tests/reference/compare_forward.py [--program build/bin/alignflow-forward] [--seed N] [--device cpu|cuda]
"""

import argparse
import pathlib
import random
import subprocess
import sys
import tempfile
import warnings

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import DINOv3ViTConfig, DINOv3ViTModel

import make_tokenizer_fixtures
import small_pipeline
from make_sd3_fixtures import randomize

LIMIT = 1e-4


class Comparison:
    def __init__(self, program, device):
        self.program, self.device, self.worst = program, device, 0.0
        print(f"{'component':16} {'case':44} {'error':>9}")

    def forward(self, folder, component, inputs, *flags):
        with tempfile.TemporaryDirectory() as files:
            save_file({key: value.detach().contiguous().clone() for key, value in inputs.items()}, f"{files}/in")
            subprocess.run([self.program, "--model", folder, "--component", component, "--input", f"{files}/in",
                            "--output", f"{files}/out", "--device", self.device, *flags], check=True,
                           stdout=subprocess.DEVNULL)
            return load_file(f"{files}/out")

    def add(self, component, case, ours, reference):
        error = 0.0
        for key, value in reference.items():
            ours_value = ours[key].to(torch.float64)
            difference = (ours_value - value).abs().max() / value.abs().max().clamp_min(1e-30)
            error = max(error, float(difference) if ours_value.shape == value.shape else float("inf"))
        if set(ours) != set(reference):
            error = float("inf")
        self.worst = max(self.worst, error)
        print(f"{component:16} {case:44} {error:9.1e}{'' if error <= LIMIT else '  <-- ABOVE ' + str(LIMIT)}", flush=True)

    def check(self, folder, component, case, inputs, reference, *flags):
        self.add(component, case, self.forward(folder, component, inputs, *flags), reference)


def compare_networks(comparison, pipeline, folder, random_tensor):
    for batch, sides in ((1, (8, 4)), (2, (10, 14))):
        config = pipeline.transformer.config
        tokens = sides[0] * sides[1] // config.patch_size ** 2
        inputs = {"hidden_states": random_tensor(batch, config.in_channels, *sides),
                  "timestep": torch.linspace(3.5, 997.25, batch),
                  "encoder_hidden_states": random_tensor(batch, 7, config.joint_attention_dim),
                  "pooled_projections": random_tensor(batch, config.pooled_projection_dim)}
        case = f"{batch} x {sides[0]} x {sides[1]}"
        comparison.check(folder, "transformer", case, inputs, {"sample": pipeline.transformer(**inputs).sample})
        control = inputs | {"controlnet_cond": random_tensor(batch, config.in_channels, *sides)}
        blocks = pipeline.controlnet(**control).controlnet_block_samples
        comparison.check(folder, "controlnet", case, control,
                         {f"block_samples.{i}": value for i, value in enumerate(blocks)})
        residuals = [random_tensor(batch, tokens, config.caption_projection_dim)]
        comparison.check(folder, "transformer", case + " with residuals",
                         inputs | {"block_controlnet_hidden_states.0": residuals[0]},
                         {"sample": pipeline.transformer(**inputs, block_controlnet_hidden_states=residuals).sample})


def compare_vae(comparison, pipeline, folder, random_tensor):
    for sides in ((16, 24), (17, 9)):
        image = random_tensor(2, 3, *sides).clamp(-1, 1)
        moments = pipeline.vae.encode(image).latent_dist
        comparison.check(folder, "vae_encode", f"{sides[0]} x {sides[1]}", {"image": image},
                         {"latent_mean": moments.mean, "latent_logvar": moments.logvar})
        latent = random_tensor(*moments.mean.shape)
        comparison.check(folder, "vae_decode", f"{latent.shape[2]} x {latent.shape[3]}", {"latent": latent},
                         {"image": pipeline.vae.decode(latent).sample})


def compare_text(comparison, pipeline, folder, generator):
    for name, encoder in (("text_encoder", pipeline.text_encoder), ("text_encoder_2", pipeline.text_encoder_2)):
        ids = torch.randint(0, encoder.config.vocab_size, (2, 77), generator=generator)
        output = encoder(ids, output_hidden_states=True)
        comparison.check(folder, name, "2 x 77", {"input_ids": ids},
                         {"penultimate_hidden_state": output.hidden_states[-2], "text_embeds": output.text_embeds})
    ids = torch.randint(0, pipeline.text_encoder_3.config.vocab_size, (2, 256), generator=generator)
    comparison.check(folder, "text_encoder_3", "2 x 256", {"input_ids": ids},
                     {"last_hidden_state": pipeline.text_encoder_3(ids)[0]})
    texts = random.Random(generator.initial_seed()).sample(
        [text for text in make_tokenizer_fixtures.CASES if "\0" not in text and text.isascii()], 8)
    for name, (tokenizer, length) in zip(("tokenizer", "tokenizer_2", "tokenizer_3"),
                                         make_tokenizer_fixtures.tokenizers(pathlib.Path(folder))):
        ours = torch.cat([comparison.forward(folder, name, {}, f"--text={text}")["input_ids"] for text in texts])
        ids = torch.tensor([make_tokenizer_fixtures.ids(tokenizer, length, text) for text in texts])
        comparison.add(name, f"{len(texts)} texts", {"input_ids": ours}, {"input_ids": ids})


def compare_dinov3(comparison, folder, generator, random_tensor):
    small = dict(patch_size=8, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2)
    for case, extra in (("plain", dict(num_register_tokens=1)), ("gated", dict(use_gated_mlp=True, hidden_act="silu", num_register_tokens=4))):
        model = randomize(DINOv3ViTModel(DINOv3ViTConfig(**small | extra)), generator)
        path = pathlib.Path(folder) / case
        model.save_pretrained(path)
        pixels = random_tensor(2, 3, 40, 24)
        output = model(pixels)
        comparison.check(str(path), "dinov3", f"{case}, 40 x 24", {"pixel_values": pixels},
                         {"last_hidden_state": output.last_hidden_state, "pooler_output": output.pooler_output})


def compare_unet(comparison, folder, generator, random_tensor):
    """MOTFM's network: needs monai-generative, too."""
    try:
        import make_unet_fixtures as unet
    except ImportError as error:
        print(f"{'unet':16} left out: {error}")
        return
    config = {**unet.SMALL, **unet.CROSS}
    control = {"conditioning_embedding_in_channels": 2, "conditioning_embedding_num_channels": [8]}
    nets = {"unet": unet.DiffusionModelUNet(**config),
            "controlnet": unet.ControlNet(**{key: value for key, value in config.items() if key != "out_channels"},
                                          **control)}
    for net in nets.values():
        unet.randomize(net, generator)
        net.eval()
    arguments = config | control | {"mask_conditioning": True}
    (pathlib.Path(folder) / "config.yaml").write_text(
        "model_args:\n" + "".join(f"  {key}: {value}\n" for key, value in arguments.items()))
    save_file({f"{prefix}.{key}": value.contiguous().clone() for prefix, net in nets.items()
               for key, value in net.state_dict().items()}, f"{folder}/model.safetensors")
    inputs = {"x": random_tensor(2, 3, 8, 12), "t": torch.rand(2, generator=generator),
              "masks": random_tensor(2, 2, 8, 12), "cond": random_tensor(2, 3, config["cross_attention_dim"])}
    velocity = unet.motfm(nets["unet"], nets["controlnet"], inputs["x"], inputs["t"], inputs["masks"], inputs["cond"])
    comparison.check(folder, "unet", "masks and classes", inputs, {"velocity": velocity})


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    root = pathlib.Path(__file__).resolve().parent.parent.parent
    parser.add_argument("--program", default=str(root / "build" / "bin" / "alignflow-forward"))
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    torch.set_grad_enabled(False)
    print("seed", arguments.seed)
    generator = torch.Generator().manual_seed(arguments.seed)
    random_tensor = lambda *shape: torch.randn(*shape, generator=generator)
    comparison = Comparison(arguments.program, arguments.device)
    with tempfile.TemporaryDirectory() as folder:
        pipeline = small_pipeline.build(generator)
        small_pipeline.save(pipeline, folder)
        compare_networks(comparison, pipeline, folder, random_tensor)
        compare_vae(comparison, pipeline, folder, random_tensor)
        compare_text(comparison, pipeline, folder, generator)
        latents, image = random_tensor(1, 4, 8, 4), random_tensor(1, 3, 16, 8).clamp(-1, 1)
        text = "An image of a polyp in the colon!"
        comparison.check(folder, "pipeline", "28 steps, guidance 7", {"latents": latents, "control_image": image},
                         {"latents": small_pipeline.sample(pipeline, text, latents, image, 28, 7.0)}, "--text", text)
    with tempfile.TemporaryDirectory() as folder:
        compare_dinov3(comparison, folder, generator, random_tensor)
    with tempfile.TemporaryDirectory() as folder:
        compare_unet(comparison, folder, generator, random_tensor)
    print(f"worst: {comparison.worst:.1e}, limit {LIMIT}")
    return int(comparison.worst > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
