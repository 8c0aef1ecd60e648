"""Adds to tests/data/releases/ what one pair of releases of diffusers and transformers writes: the JSON files of a whole
small SD 3.5 folder, of DINOv3, SegFormer and DPT, and of each class of tokenizer, with the ids that it gives to texts.

Run once in an environment of each pair; any order will do, the last one to change a file wins. The folder is named after
the releases. Made with (all with torch 2.11.0, torchvision 0.26.0 and sentencepiece 0.2.3)

    transformers   4.37.2  4.41.2  4.46.3  4.57.6  5.0.0   5.24.0
    diffusers      -       0.29.2  0.32.2  0.36.0  0.37.1  0.42.1     (before 0.29 there is no SD 3)

Usage: python tests/reference/make_release_fixtures.py [OUTPUT_DIR]

RELEASE/            a model folder as save_pretrained leaves it, without weights: the classes of the published folder,
                    CLIPTokenizer and T5TokenizerFast
RELEASE/NAME.CLASS/ a tokenizer saved by another class than above
RELEASE/ids.json    {folder: {number of a text: ids}}, where they differ from those in texts.json
shared/             files above 2 KB, each once; RELEASE/shared.json says {path: file}. In tokenizer.json the table of
                    normalization, which is that of ../sd35/tokenizers/tokenizer_3/spiece.model, is "CHARSMAP"; that
                    file itself is named "spiece.model"
texts.json          [[text, ids of CLIP-L, of CLIP-G, of T5], ...] of the release that was run first; of the padding, one id
"""

import base64
import hashlib
import json
import pathlib
import shutil
import sys
import tempfile

import transformers
from transformers import CLIPTokenizer, DPTConfig, SegformerConfig, T5Tokenizer

from make_tokenizer_fixtures import CASES, CLIP_LENGTH, T5_LENGTH, ids, random_texts

DATA = pathlib.Path(__file__).resolve().parent.parent / "data"
SOURCE = DATA / "sd35" / "tokenizers"
SMALL = 2048  # bytes of a file that stays in its release's folder
CLIP_CLASSES = [CLIPTokenizer, getattr(transformers, "CLIPTokenizerFast", None)]
T5_CLASSES = [getattr(transformers, "T5TokenizerFast", None), T5Tokenizer]
TEXTS = CASES + ["a <extra_id_3> b", "<extra_id_0><extra_id_1>", " </s> ", "x ▁y  ▁ z▁▁", "＜/s＞ ＜pad＞ ＜unk＞ ＜extra_id_5＞",
                 "tab\tand \u3000 wide", "a\u0300\u0301\u0302\u0303\u0304\u0305 b", "👨‍👩‍👧‍👦 family 🏳️‍🌈", "x" * 300, "é" * 90 + " end",
                 "<|startoftext|>a<|endoftext|> b", "<|EndOfText|>!", "\u200b\u200c\u200d", "\r\n\r\n", "ａｂｃ\u00a0\u00a0ｄ"]


def classes_of(classes):
    """Those that there are, each once: 5.0 has one class under both names."""
    return list(dict.fromkeys(item for item in classes if item is not None))


def save_pipeline(folder):
    try:
        import torch
        from diffusers import (AutoencoderKL, FlowMatchEulerDiscreteScheduler, SD3ControlNetModel, SD3Transformer2DModel,
                               StableDiffusion3ControlNetPipeline)
        from transformers import CLIPTextConfig, CLIPTextModelWithProjection, T5Config, T5EncoderModel

        from small_pipeline import CLIP, T5, TRANSFORMER, VAE
    except ImportError:
        return False
    torch.manual_seed(0)
    known = SD3Transformer2DModel.__init__.__wrapped__.__code__.co_varnames
    transformer = {key: value for key, value in TRANSFORMER.items() if key in known}
    fast = classes_of(T5_CLASSES)[0]
    StableDiffusion3ControlNetPipeline(
        transformer=SD3Transformer2DModel(**transformer), scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=AutoencoderKL(**VAE), text_encoder=CLIPTextModelWithProjection(CLIPTextConfig(**CLIP)),
        text_encoder_2=CLIPTextModelWithProjection(CLIPTextConfig(**CLIP | {"hidden_act": "gelu"})),
        text_encoder_3=T5EncoderModel(T5Config(**T5)), tokenizer=CLIPTokenizer.from_pretrained(SOURCE / "tokenizer"),
        tokenizer_2=CLIPTokenizer.from_pretrained(SOURCE / "tokenizer_2"),
        tokenizer_3=fast.from_pretrained(SOURCE / "tokenizer_3"),
        controlnet=SD3ControlNetModel(**transformer | {"num_layers": 1})).save_pretrained(folder)
    return True


def save_configs(folder):
    SegformerConfig(num_labels=3).save_pretrained(folder / "segformer")
    DPTConfig(num_labels=3).save_pretrained(folder / "dpt")
    if hasattr(transformers, "DINOv3ViTConfig"):
        transformers.DINOv3ViTConfig(num_register_tokens=4).save_pretrained(folder / "dinov3")
        for name in ("DINOv3ViTImageProcessorFast", "DINOv3ViTImageProcessor"):
            try:
                getattr(transformers, name)().save_pretrained(folder / "dinov3")
                break
            except (AttributeError, ImportError):
                continue


def save_tokenizers(folder, has_pipeline):
    """{folder: tokenizer} of all that are saved, loaded from where they are saved."""
    saved = {}
    for name, classes in (("tokenizer", CLIP_CLASSES), ("tokenizer_2", CLIP_CLASSES), ("tokenizer_3", T5_CLASSES)):
        for i, item in enumerate(classes_of(classes)):
            target = folder / (name if i == 0 else f"{name}.{item.__name__}")
            if i > 0 or not has_pipeline:
                item.from_pretrained(SOURCE / name).save_pretrained(target)
            saved[target.name] = item.from_pretrained(target)
    return saved


def short(row):
    while len(row) > 1 and row[-1] == row[-2]:
        row = row[:-1]
    return row


def store(output, release, folder):
    """The JSON files of `folder` and the tokenizers' others, without the large ones twice."""
    target = output / release
    shutil.rmtree(target, ignore_errors=True)
    spiece = (SOURCE / "tokenizer_3" / "spiece.model").read_bytes()
    shared = {}
    for file in sorted(folder.rglob("*")):
        if not file.is_file() or file.suffix in (".safetensors", ".md"):
            continue
        path = file.relative_to(folder)
        content = file.read_bytes()
        if content == spiece:
            shared[str(path)] = "spiece.model"
            continue
        if file.name == "tokenizer.json":
            table = json.loads(content)["normalizer"] or {}  # 5.0 has none
            for step in [table, *table.get("normalizers", [])]:
                if "precompiled_charsmap" in step:
                    assert base64.b64decode(step["precompiled_charsmap"]) in spiece
                    content = content.replace(step["precompiled_charsmap"].encode(), b"CHARSMAP")
        if len(content) > SMALL:
            name = f"{file.stem}-{hashlib.sha256(content).hexdigest()[:8]}{file.suffix}"
            (output / "shared").mkdir(parents=True, exist_ok=True)
            (output / "shared" / name).write_bytes(content)
            shared[str(path)] = name
        else:
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            (target / path).write_bytes(content)
    (target / "shared.json").write_text(json.dumps(shared, indent=1) + "\n")
    used = {name for file in output.glob("*/shared.json") for name in json.loads(file.read_text()).values()}
    for file in (output / "shared").iterdir():
        if file.name not in used:
            file.unlink()
    return target


def main():
    output = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else DATA / "releases"
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        has_pipeline = save_pipeline(folder)
        save_configs(folder)
        tokenizers = save_tokenizers(folder, has_pipeline)
        release = f"transformers-{transformers.__version__}"
        if has_pipeline:
            import diffusers
            release += f"-diffusers-{diffusers.__version__}"
        target = store(output, release, folder)
        texts = TEXTS + list(random_texts(100))
        rows = {name: [short(ids(tokenizer, T5_LENGTH if name.startswith("tokenizer_3") else CLIP_LENGTH, text))
                       for text in texts] for name, tokenizer in tokenizers.items()}
    columns = ("tokenizer", "tokenizer_2", "tokenizer_3")
    file = output / "texts.json"
    if not file.exists():
        lines = [json.dumps([text] + [rows[column][i] for column in columns], separators=(",", ":"))
                 for i, text in enumerate(texts)]
        file.write_text("[\n" + ",\n".join(lines) + "\n]\n")
    common = json.loads(file.read_text())
    assert [row[0] for row in common] == texts
    differing = {name: {str(i): row for i, row in enumerate(rows[name])
                        if row != common[i][1 + columns.index(name.split(".")[0])]} for name in rows}
    (target / "ids.json").write_text(json.dumps(differing, separators=(",", ":")) + "\n")
    print(release, {name: len(rows) for name, rows in differing.items()})


if __name__ == "__main__":
    main()
