"""A model that MOTFM trained makes pairs here, from its own files."""

import json
import struct

import pytest
import yaml
from PIL import Image

from api import ROOT
from inputs import check_pulled, set_options

QUICK = {"generate.steps": "2", "figures.samples": "4", "gates.enabled": "off"}


@pytest.fixture(scope="module")
def datasets(service, data):
    for name in ("source", "target"):
        service.afctl("dataset", "push", name, data / name, "--labels", "polyp=255")


def put_model(folder, name):
    """CONFIG.yaml and WEIGHTS.safetensors of tests/reference/make_motfm_fixtures.py, as a user has them."""
    data = (ROOT / "tests" / "data" / "motfm" / f"{name}.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8:8 + length]), data[8 + length:]
    (folder / "config.yaml").write_text(yaml.safe_dump(json.loads(header["__metadata__"]["config"])))
    tensors, taken = {}, b""
    for tensor, entry in header.items():
        if not tensor.startswith("weights."):
            continue
        begin, end = entry["data_offsets"]
        tensors["model." + tensor.removeprefix("weights.")] = {**entry, "data_offsets": [len(taken), len(taken) + end - begin]}
        taken += body[begin:end]
    text = json.dumps(tensors).encode()
    (folder / "weights.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + taken)
    return ["--motfm", folder / "config.yaml", folder / "weights.safetensors", "--source", "source", "--size", "64"]


def test_a_model_of_motfm_makes_pairs(service, datasets, tmp_path):
    imported = service.afctl("model", "import", *put_model(tmp_path, "mask_conditioning"), "--wait")
    assert [stage["id"] for stage in imported["stages"]] == ["prepare", "fit"]
    model = imported["stage1_model"]
    assert service.afctl("model", "get", model)["preset"] == "motfm"

    job = service.afctl("generate", "--model", model, "--pairs", 3, "--masks", "target", *set_options(QUICK), "--wait")
    assert job["spec"]["settings"]["generate.solver"] == "euler", "as its solver_args say"
    service.afctl("pairs", "pull", job["name"], tmp_path / "pairs")
    check_pulled(tmp_path / "pairs", 3)
    image = Image.open(tmp_path / "pairs" / "images" / "000001.png")
    assert image.size == (64, 64)
    red, green, blue = image.convert("RGB").split()
    assert red.tobytes() == green.tobytes() == blue.tobytes(), "it was trained on grey pictures"
    service.afctl("report", job["name"], "-o", tmp_path / "pairs.html")
    service.afctl("report", imported["name"], "-o", tmp_path / "model.html")


def test_a_model_that_knows_classes_is_of_one_here(service, datasets, tmp_path):
    files = put_model(tmp_path, "default")
    service.afctl("model", "import", *files, expect=1)
    imported = service.afctl("model", "import", *files, "--class", 1, "--wait")
    job = service.afctl("generate", "--model", imported["stage1_model"], "--pairs", 2, *set_options(QUICK), "--wait")
    service.afctl("pairs", "pull", job["name"], tmp_path / "pairs")
    check_pulled(tmp_path / "pairs", 2)


def test_what_makes_no_pairs_is_refused_before_anything_is_sent(service, datasets, tmp_path):
    for name in ("unconditional", "class_conditioning", "config_3D"):
        service.afctl("model", "import", *put_model(tmp_path, name), expect=1)
