"""diffusers and transformers on the weights and inputs that benchmark_sd35 left in a folder. One line of JSON for each thing
measured, as benchmark_sd35 prints them.

Usage: sd35_peer.py FOLDER eager|compile
"""

import json
import pathlib
import sys
import time
import warnings

import torch
import torch.nn.functional as F
from diffusers import (AutoencoderKL, FlowMatchEulerDiscreteScheduler, SD3ControlNetModel, SD3Transformer2DModel,
                       StableDiffusion3ControlNetPipeline)
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from safetensors.torch import load_file
from transformers import DINOv3ViTModel

LEARNING_RATE = 1e-5
START = 18 / 20
# The control image's latent as the autoencoder's mean, so that the images can be compared.
DiagonalGaussianDistribution.sample = lambda distribution, generator=None: distribution.mean


def mmd(x, y):
    def kernel(a, b):
        return (a @ b.T / a.shape[1] + 1) ** 3

    def unlike(k):
        return (k.sum() - k.diagonal().sum()) / (len(k) * (len(k) - 1))
    return unlike(kernel(x, x)) - 2 * kernel(x, y).mean() + unlike(kernel(y, y))


class Peer:
    def __init__(self, folder, run, compiled):
        self.device, self.dtype = torch.device(run["device"]), getattr(torch, run["dtype"])
        self.run, self.compiled = run, compiled

        def load(kind, name):
            return kind.from_pretrained(folder / name, torch_dtype=self.dtype).to(self.device).eval().requires_grad_(False)
        self.pipeline = StableDiffusion3ControlNetPipeline(
            transformer=load(SD3Transformer2DModel, "transformer"), controlnet=load(SD3ControlNetModel, "controlnet"),
            vae=load(AutoencoderKL, "vae"), scheduler=FlowMatchEulerDiscreteScheduler.from_pretrained(folder / "scheduler"),
            text_encoder=None, tokenizer=None, text_encoder_2=None, tokenizer_2=None, text_encoder_3=None, tokenizer_3=None)
        self.pipeline.set_progress_bar_config(disable=True)
        self.dinov3 = load(DINOv3ViTModel, "dinov3")
        self.preprocessing = json.loads((folder / "dinov3" / "preprocessor_config.json").read_text())
        self.inputs = {key: value.to(self.device) for key, value in load_file(folder / "inputs.safetensors").items()}
        self.expected = load_file(folder / "images.safetensors")["images"]
        self.controlnet = self.optimizer = None
        if compiled:
            for network in (self.pipeline.transformer, self.pipeline.controlnet, self.dinov3):
                network.compile()  # in place: the pipeline looks at its networks' classes
            self.pipeline.vae.decode = torch.compile(self.pipeline.vae.decode)

    @torch.inference_mode()
    def images(self):
        batch, inputs = self.run["batch"], self.inputs

        def typed(name):
            tensor = inputs[name].to(self.dtype)
            return tensor.expand(batch, *tensor.shape[1:])
        size = self.run["image"]
        return self.pipeline(
            prompt_embeds=typed("context"), pooled_prompt_embeds=typed("pooled"),
            negative_prompt_embeds=typed("empty_context"), negative_pooled_prompt_embeds=typed("empty_pooled"),
            control_image=inputs["control_image"], latents=typed("noise"), height=size, width=size,
            num_inference_steps=self.run["steps"], guidance_scale=self.run["guidance"], output_type="pt").images

    def difference(self, images):
        """To AlignFlow's, whose range is [-1,1]."""
        difference = (2 * images.float().cpu() - 1 - self.expected).norm() / self.expected.norm()
        return difference.item()

    def begin_training(self):
        """As diffusers' own training script: float32 parameters under autocast, everything else in its type."""
        self.controlnet = SD3ControlNetModel.from_config(self.pipeline.controlnet.config).to(self.device)
        self.controlnet.load_state_dict(self.pipeline.controlnet.state_dict())
        if self.compiled:
            self.controlnet.compile()
        self.optimizer = torch.optim.AdamW(self.controlnet.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.99),
                                           weight_decay=0.01, fused=True)

    def velocity(self, x, t):
        """From noise to data."""
        inputs = self.inputs
        arguments = dict(hidden_states=x.to(self.dtype), timestep=1000 * (1 - t),
                         encoder_hidden_states=inputs["context"].to(self.dtype))
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype == torch.bfloat16):
            residuals = self.controlnet(**arguments, controlnet_cond=inputs["control"].to(self.dtype),
                                     pooled_projections=torch.zeros_like(inputs["pooled"]),
                                     return_dict=False)[0]
        residuals = [residual.to(self.dtype) for residual in residuals]
        return -self.pipeline.transformer(**arguments, pooled_projections=inputs["pooled"].to(self.dtype),
                                          block_controlnet_hidden_states=residuals, return_dict=False)[0].float()

    def diffusion_loss(self):
        inputs = self.inputs
        t = inputs["t"]
        wide = t.reshape(-1, 1, 1, 1)
        weight = (1 - wide) / (1 - wide).clamp_min(0.07)
        velocity = self.velocity(torch.lerp(inputs["noise"], inputs["data"], wide), t)
        return ((velocity - (inputs["data"] - inputs["noise"])) * weight).square().mean()

    def alignment_loss(self):
        x = self.inputs["noise"]
        latent = x + (1 - START) * self.velocity(x, torch.full((len(x),), START, device=self.device))
        vae = self.pipeline.vae
        unscaled = latent / vae.config.scaling_factor + vae.config.shift_factor
        image = vae.decode(unscaled.to(self.dtype), return_dict=False)[0].float().clamp(-1, 1)
        size = (self.preprocessing["size"]["height"], self.preprocessing["size"]["width"])
        pixels = F.interpolate(image * 0.5 + 0.5, size, mode="bilinear", antialias=True)
        mean, deviation = (torch.tensor(self.preprocessing[key], device=self.device).reshape(1, 3, 1, 1)
                           for key in ("image_mean", "image_std"))
        features = self.dinov3(pixel_values=((pixels - mean) / deviation).to(self.dtype)).pooler_output.float()
        return mmd(features, self.inputs["references"])

    def step(self):
        torch.nn.utils.clip_grad_norm_(self.controlnet.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def fit(self):
        loss = self.diffusion_loss()
        loss.backward()
        self.step()
        return loss.detach()

    def align(self):
        diffusion = self.diffusion_loss()
        diffusion.backward()
        alignment = self.alignment_loss()
        alignment.backward()
        self.step()
        return (diffusion + alignment).detach()

    def product(self):
        return torch.mm(self.left, self.right, out=self.out)

    def measure_product(self, what):
        """As benchmark_sd35 does, before and after all else."""
        side = self.run["product"]
        self.left, self.right, self.out = (torch.randn(side, side, device=self.device, dtype=self.dtype) for _ in range(3))
        for _ in range(3):
            self.product()
        self.measure(what, self.product, lambda product: None, rounds=10)
        self.left = self.right = self.out = None

    def synchronize(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def measure(self, what, work, describe, rounds=None):
        """Once to warm up, then `rounds` times; what went wrong is a line, too."""
        line = {"what": what}
        try:
            self.reset_peak_memory()
            line["value"] = describe(work())
            line["seconds"] = []
            for _ in range(rounds or self.run["rounds"]):
                self.synchronize()
                start = time.perf_counter()
                work()
                self.synchronize()
                line["seconds"].append(time.perf_counter() - start)
            line["peak_bytes"] = self.peak_memory()
        except Exception as error:  # a peer that cannot do it is a row that says so
            line["error"] = f"{type(error).__name__}: {error}".split("\n")[0][:200]
        print(json.dumps(line), flush=True)

    def reset_peak_memory(self):
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        else:
            pathlib.Path("/proc/self/clear_refs").write_text("5")

    def peak_memory(self):
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated()
        status = pathlib.Path("/proc/self/status").read_text()
        return 1024 * int(status.split("VmHWM:")[1].split()[0])


def main():
    folder, compiled = pathlib.Path(sys.argv[1]), sys.argv[2] == "compile"
    warnings.simplefilter("ignore")
    run = json.loads((folder / "run.json").read_text())
    if "threads" in run:
        torch.set_num_threads(run["threads"])
    peer = Peer(folder, run, compiled)
    peer.measure_product("product")
    peer.measure("images", peer.images, peer.difference)
    for what in ("fit", "align"):
        peer.begin_training()
        peer.measure(what, getattr(peer, what), lambda loss: loss.item())
        peer.controlnet = peer.optimizer = None
    peer.measure_product("product, after")


if __name__ == "__main__":
    main()
