"""Makes tests/data/sd35/clip_*.safetensors and the name lists of CLIP-L and CLIP-G: small random
CLIPTextModelWithProjection of transformers, saved by save_pretrained, with input ids and outputs.

Made with transformers 5.23.0 and torch 2.11.0. Deterministic: one seed per fixture.
Usage: python tests/reference/make_clip_fixtures.py [OUTPUT_DIR]

Each fixture holds
  text_encoder.*   the state dict, in bfloat16 (of which the weights are exact values)
  in.input_ids
  out.penultimate_hidden_state, out.text_embeds
and in its metadata the text of config.json: text_encoder.
"""

import pathlib
import sys

import torch
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

from make_sd3_fixtures import randomize, write
from reference_names import write_names
from transformers_state import saved

SMALL = dict(vocab_size=40, hidden_size=16, intermediate_size=24, num_hidden_layers=3, num_attention_heads=2,
             max_position_embeddings=12, projection_dim=10, bos_token_id=38, eos_token_id=39, pad_token_id=1)
FULL = dict(vocab_size=49408, max_position_embeddings=77, eos_token_id=2, bos_token_id=0, pad_token_id=1)
LARGE = dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
             projection_dim=768, hidden_act="quick_gelu", **FULL)
GIANT = dict(hidden_size=1280, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=20,
             projection_dim=1280, hidden_act="gelu", **FULL)

# name -> (configuration beyond SMALL, length of the input)
FIXTURES = {
    "clip_quick": (dict(eos_token_id=2, bos_token_id=0, projection_dim=16), 12),  # as CLIP-L of SD 3.5
    "clip_gelu": (dict(hidden_act="gelu", num_attention_heads=4, hidden_size=20), 12),
    "clip_short": (dict(num_hidden_layers=1, layer_norm_eps=1e-3), 5),
}


def make(name, seed, folder):
    extra, length = FIXTURES[name]
    config = {**SMALL, **extra}
    generator = torch.Generator().manual_seed(seed)
    net = randomize(CLIPTextModelWithProjection(CLIPTextConfig(**config)), generator)
    tensors, metadata = saved(net, "text_encoder")
    # Begin, words, the end at another place in each row, and padding of two kinds.
    ids = torch.randint(3, 38, (3, length), generator=generator)
    ids[:, 0] = 38
    for row, end in enumerate((length - 1, length // 2, 1)):
        ids[row, end] = 39
        ids[row, end + 1:] = 39 if row == 1 else 0
    with torch.no_grad():
        output = net(ids, output_hidden_states=True)
    tensors |= {"in.input_ids": ids, "out.penultimate_hidden_state": output.hidden_states[-2],
                "out.text_embeds": output.text_embeds}
    write(name, folder, tensors, metadata)


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "data" / "sd35"
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    for seed, name in enumerate(FIXTURES):
        make(name, 700 + seed, folder)
    with torch.device("meta"):
        for name, config in (("clip_l", LARGE), ("clip_g", GIANT)):
            write_names(CLIPTextModelWithProjection(CLIPTextConfig(**config)), folder / f"{name}.names")


if __name__ == "__main__":
    main()
