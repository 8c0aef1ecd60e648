"""Makes tests/data/sd35/model_folder.safetensors: a whole small SD 3.5 (small_pipeline.py) with the embeddings of prompts
and the latents after 28 guided steps.

Made with diffusers 0.42.1, transformers 5.23.0 and torch 2.11.0. Deterministic.
Usage: python tests/reference/make_pipeline_fixture.py [OUTPUT_DIR]

It holds
  transformer.*, controlnet.*, vae.*, text_encoder.*, text_encoder_2.*, text_encoder_3.*
                               state dicts, in bfloat16 (of which the weights are exact values)
  out.context.N, out.pooled.N  embeddings of prompt N; out.context_without_t5 of prompt 0 where text_encoder_3 is None
  in.latents, in.control_image, out.latents   of the pipeline with prompt 0
and in its metadata the texts of each component's config.json, of model_index.json and of scheduler_config.json, and
`prompts`, JSON. The tokenizers are those in tests/data/sd35/tokenizers.
"""

import json
import pathlib
import sys
import tempfile

import torch
from safetensors.torch import load_file

from make_sd3_fixtures import write
from small_pipeline import build, prompt_embeds, sample, save

PROMPTS = ["An image of a polyp in the colon!", "", "the left ventricle, " * 60]


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "data" / "sd35"
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(950)
    pipeline = build(generator)
    tensors, metadata = {}, {"prompts": json.dumps(PROMPTS)}
    with tempfile.TemporaryDirectory() as temporary:
        save(pipeline, temporary)
        for file in sorted(pathlib.Path(temporary).glob("*/*.safetensors")):
            prefix = file.parent.name
            tensors |= {f"{prefix}.{key}": value.bfloat16() for key, value in load_file(file).items()}
            metadata[prefix] = (file.parent / "config.json").read_text()
        metadata["model_index"] = pathlib.Path(temporary, "model_index.json").read_text()
        metadata["scheduler"] = pathlib.Path(temporary, "scheduler", "scheduler_config.json").read_text()
    latents = torch.randn(1, 4, 8, 4, generator=generator)
    image = torch.randn(1, 3, 16, 8, generator=generator).clamp(-1, 1)
    tensors |= {"in.latents": latents, "in.control_image": image,
                "out.latents": sample(pipeline, PROMPTS[0], latents, image, 28, 7.0)}
    for i, prompt in enumerate(PROMPTS):
        tensors[f"out.context.{i}"], tensors[f"out.pooled.{i}"] = prompt_embeds(pipeline, prompt)
    pipeline.text_encoder_3 = None
    tensors["out.context_without_t5"] = prompt_embeds(pipeline, PROMPTS[0])[0]
    write("model_folder", folder, tensors, metadata)


if __name__ == "__main__":
    main()
