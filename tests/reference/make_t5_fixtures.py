"""Makes tests/data/sd35/t5_*.safetensors and the name list of T5-XXL's encoder: small random T5EncoderModel of
transformers, saved by save_pretrained, with input ids and outputs.

Made with transformers 5.23.0 and torch 2.11.0. Deterministic: one seed per fixture.
Usage: python tests/reference/make_t5_fixtures.py [OUTPUT_DIR]

Each fixture holds
  text_encoder_3.*   the state dict, in bfloat16 (of which the weights are exact values)
  in.input_ids
  out.last_hidden_state
and in its metadata the text of config.json: text_encoder_3.
"""

import pathlib
import sys

import torch
from transformers import T5Config, T5EncoderModel

from make_sd3_fixtures import randomize, write
from reference_names import write_names
from transformers_state import saved

SMALL = dict(vocab_size=50, d_model=16, d_kv=6, d_ff=24, num_layers=2, num_heads=3)
XXL = dict(vocab_size=32128, d_model=4096, d_kv=64, d_ff=10240, num_layers=24, num_heads=64,
           feed_forward_proj="gated-gelu", tie_word_embeddings=False)

# name -> (configuration beyond SMALL, length of the input)
FIXTURES = {
    "t5_gated": (dict(feed_forward_proj="gated-gelu", tie_word_embeddings=False), 20),  # as T5-XXL v1.1
    "t5_relu": (dict(feed_forward_proj="relu", layer_norm_epsilon=1e-3, num_layers=3), 7),
    "t5_long": (dict(feed_forward_proj="gated-gelu", d_model=8, relative_attention_num_buckets=12,
                     relative_attention_max_distance=50), 200),
}


def make(name, seed, folder):
    extra, length = FIXTURES[name]
    generator = torch.Generator().manual_seed(seed)
    net = randomize(T5EncoderModel(T5Config(**{**SMALL, **extra})), generator)
    with torch.no_grad():
        for key, parameter in net.named_parameters():
            if "relative_attention_bias" in key:
                parameter.mul_(4).copy_(parameter.bfloat16())
    tensors, metadata = saved(net, "text_encoder_3")
    ids = torch.randint(0, 50, (2, length), generator=generator)
    with torch.no_grad():
        tensors |= {"in.input_ids": ids, "out.last_hidden_state": net(ids)[0]}
    write(name, folder, tensors, metadata)


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "data" / "sd35"
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    for seed, name in enumerate(FIXTURES):
        make(name, 800 + seed, folder)
    with torch.device("meta"):
        # The embedding has two names in the state dict, one of which is stored.
        write_names(T5EncoderModel(T5Config(**XXL)), folder / "t5_xxl.names",
                    rename=lambda name: "shared.weight" if name == "encoder.embed_tokens.weight" else name)


if __name__ == "__main__":
    main()
