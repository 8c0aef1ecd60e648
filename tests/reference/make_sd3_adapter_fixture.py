"""Makes tests/data/sd35/adapters.safetensors: a small random MM-DiT-X of diffusers with peft's low-rank adapters on
every attention, its output, and the gradients of the adapters.

Made with diffusers 0.42.1, peft 0.21.2 and torch 2.11.0. Deterministic but for the order of the metadata.
Usage: python tests/reference/make_sd3_adapter_fixture.py [OUTPUT_DIR]

The fixture holds
  transformer.*   the state dict, in bfloat16; its config.json text is in the metadata
  file.*          the adapters under the names that StableDiffusion3Pipeline.save_lora_weights gives them
  in.*, out.sample, probe.sample   as in make_sd3_fixtures.py
  grad.*          gradients of sum(sample * probe.sample) with respect to file.*
"""

import pathlib
import sys
import tempfile

import torch
from diffusers import SD3Transformer2DModel, StableDiffusion3Pipeline
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file

from make_sd3_fixtures import DUAL, SMALL, inputs, probe_gradients, randomize, saved, write

RANK = 3
LAYERS = ["to_q", "to_k", "to_v", "to_out.0", "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out"]


def written(net):
    """The adapters as a pipeline writes them."""
    with tempfile.TemporaryDirectory() as folder:
        StableDiffusion3Pipeline.save_lora_weights(folder, transformer_lora_layers=get_peft_model_state_dict(net))
        return load_file(f"{folder}/pytorch_lora_weights.safetensors")


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "data" / "sd35"
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    torch.manual_seed(310)
    generator = torch.Generator().manual_seed(310)
    random = lambda *shape: torch.randn(*shape, generator=generator)
    config = {**SMALL, **DUAL}
    net = randomize(SD3Transformer2DModel(**config), generator).requires_grad_(False)
    tensors, metadata = saved(net, "transformer")
    net.add_adapter(LoraConfig(r=RANK, lora_alpha=RANK, target_modules=LAYERS))
    adapters = {key: value for key, value in net.named_parameters() if "lora_" in key}
    with torch.no_grad():
        for value in adapters.values():
            value.normal_(0, 0.3, generator=generator)
    tensors.update({f"file.{key}": value.clone() for key, value in written(net).items()})
    arguments = inputs(config, 2, (8, 6), random)
    tensors.update({f"in.{key}": value for key, value in arguments.items()})
    wanted = {f"transformer.{key.replace('.default', '')}": value for key, value in adapters.items()}
    probe_gradients({"sample": net(**arguments).sample}, tensors, random, wanted)
    write("adapters", folder, tensors, metadata | {"rank": str(RANK)})


if __name__ == "__main__":
    main()
