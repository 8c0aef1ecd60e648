"""The whole job on a pretrained model: a small random SD 3.5 in a folder of the worker's --models-dir."""

import base64
import json
import re
import shutil

import pytest

from api import ROOT
from inputs import check_pulled, make_phantoms, set_options
from processes import poll

PAIRS = 3
SETTINGS = {
    "weights": "tiny", "size": "64", "prompt": "An image of a polyp", "fit.iterations": "4", "fit.batch": "2",
    "fit.accumulate": "2", "align.iterations": "2", "align.batch": "2", "align.pool": "4", "generate.steps": "3",
    "figures.samples": "4", "gates.enabled": "off", "evaluate.segmenter": "none",
}


def field(message, number):
    """The bytes of this field of a protocol buffer."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            at += 1
            value |= (message[at - 1] & 127) << shift
            shift += 7
            if message[at - 1] < 128:
                return value

    while at < len(message):
        tag = varint()
        size = {1: 8, 5: 4}.get(tag & 7) or varint()
        if tag & 7 == 0:
            continue
        if tag >> 3 == number:
            return message[at:at + size]
        at += size
    raise KeyError(number)


def put_tokenizers(release, folder):
    """As that release of transformers saves them (tests/reference/make_release_fixtures.py)."""
    data = ROOT / "tests" / "data" / "releases"
    for file in (data / release).glob("tokenizer*/*"):
        (folder / file.parent.name).mkdir(exist_ok=True)
        shutil.copy(file, folder / file.parent.name)
    pieces = (ROOT / "tests" / "data" / "sd35" / "tokenizers" / "tokenizer_3" / "spiece.model").read_bytes()
    table = base64.b64encode(field(field(pieces, 3), 2)).decode()
    for path, name in json.loads((data / release / "shared.json").read_text()).items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text((data / "shared" / name).read_text().replace("CHARSMAP", table))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A models folder with the model `tiny`, its tokenizers as a current transformers saves them: tokenizer.json alone."""
    folder = tmp_path_factory.mktemp("models")
    shutil.copytree(ROOT / "tests" / "data" / "sd35" / "tiny", folder / "tiny")
    put_tokenizers("transformers-5.24.0-diffusers-0.42.1", folder / "tiny")
    assert not list(folder.glob("**/vocab.json")) and not list(folder.glob("**/spiece.model"))
    return folder


@pytest.fixture
def service(new_service, models):
    """The coordinator hands the models folder on to the worker that it starts. Blobs have no grace: what is being pushed or computed is kept
    because somebody does so, not because it is young."""
    started = new_service().start_coordinator("--spawn-workers", 1, "--models-dir", models, "--blob-grace", 0)
    yield started
    assert started.coordinator.terminate() == 0


def start(service, folder, settings=SETTINGS, expect=0):
    data = make_phantoms(service, folder)
    service.afctl("dataset", "push", "source", data / "source", "--labels", "polyp=255")
    return service.afctl("align", "--preset", "sd3.5-medium", "--source", "source", "--references", data / "references",
                         "--pairs", PAIRS, *set_options(settings), "--wait", expect=expect)


def test_job_runs_from_fit_to_figures(service, tmp_path):
    job = start(service, tmp_path / "data")
    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert {stage["id"] for stage in job["stages"]} == {"prepare", "describe", "fit", "rollout", "align", "generate", "compare", "figures"}
    assert {ends["outcome"] for stage in job["stages"] for ends in stage["lease_ends"]} == {"succeeded"}
    service.afctl("pairs", "pull", job["name"], tmp_path / "pairs")
    check_pulled(tmp_path / "pairs", PAIRS)
    record = json.loads((tmp_path / "pairs" / "manifest.jsonl").read_text().splitlines()[0])["record"]
    assert record["synthetic"] == "generated" and record["preset"] == "sd3.5-medium" and record["weights"] == "tiny"
    assert json.loads((tmp_path / "pairs" / "figures.json").read_text())

    # The model is a ControlNet as diffusers names its tensors, with its config.json in the header.
    service.afctl("model", "export", job["stage2_model"], tmp_path / "model.safetensors")
    data = (tmp_path / "model.safetensors").read_bytes()
    header = json.loads(data[8:8 + int.from_bytes(data[:8], "little")])
    assert "controlnet_blocks.0.weight" in header and "transformer_blocks.0.attn.to_q.weight" in header
    assert json.loads(header["__metadata__"]["config.json"])["_class_name"] == "SD3ControlNetModel"


def test_job_makes_pairs_of_new_masks(service, tmp_path):
    job = start(service, tmp_path / "data", {**SETTINGS, "masks.kind": "synthetic", "masks.iterations": "3",
                                             "masks.batch": "2", "masks.candidates": "1", "masks.adapter_rank": "2"})
    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert {"fit-masks", "masks"} <= {stage["id"] for stage in job["stages"]}
    service.afctl("pairs", "pull", job["name"], tmp_path / "pairs")
    check_pulled(tmp_path / "pairs", PAIRS)
    for line in (tmp_path / "pairs" / "manifest.jsonl").read_text().splitlines():
        assert json.loads(line)["record"]["mask_kind"] == "synthetic"


def test_a_job_waits_for_weights_that_no_worker_has_and_names_them(service, tmp_path):
    data = make_phantoms(service, tmp_path / "data")
    service.afctl("dataset", "push", "source", data / "source", "--labels", "polyp=255")
    job = service.afctl("align", "--preset", "sd3.5-medium", "--source", "source", "--references", data / "references",
                        "--pairs", PAIRS, *set_options({**SETTINGS, "weights": "absent"}))["name"]
    reason = poll(lambda: re.search(".*absent.*", service.afctl("job", "get", job).get("waiting_reason", "")), 120, "the reason").group()
    assert "--models-dir" in reason and str(tmp_path) not in reason
    workers = service.afctl("worker", "list")["workers"]
    assert [model["name"] for model in workers[0]["models"]] == ["tiny"] and len(workers[0]["models"][0]["fingerprint"]) == 64
    service.afctl("job", "cancel", job)


def test_names_that_are_paths_are_refused_at_submission(service, tmp_path):
    error = start(service, tmp_path / "data", {**SETTINGS, "weights": "../tiny"}, expect=1)["error"]
    assert error["code"] == "INVALID_ARGUMENT" and "weights" in error["message"]
