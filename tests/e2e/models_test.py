"""Models as jobs of their own: one fits a model, others make pairs with it, again and again."""

import json

import pytest

from inputs import SETTINGS, check_pulled, set_options

FIT = {name: value for name, value in SETTINGS.items() if name.startswith("fit.")}
GENERATE = {name: value for name, value in SETTINGS.items() if name.startswith(("generate.", "figures.", "gates.", "pairs."))}


def records(folder):
    return [json.loads(line)["record"] for line in (folder / "manifest.jsonl").read_text().splitlines()]


def test_a_fitted_model_makes_pairs_again_and_again(service, data, finished_job, tmp_path):
    fitted = service.afctl("fit", "--source", "source", *set_options({**FIT, "seed": "3"}), "--wait")
    assert [stage["id"] for stage in fitted["stages"]] == ["prepare", "fit"]
    model = fitted["stage1_model"]
    assert model and fitted["pairs_ready"] == 0

    first = service.afctl("generate", "--model", model, "--pairs", 5, *set_options(GENERATE), "--wait")
    assert first["spec"]["settings"]["fit.iterations"] == FIT["fit.iterations"]
    service.afctl("pairs", "pull", first["name"], tmp_path / "first")
    made = check_pulled(tmp_path / "first", 5)
    assert {record["synthetic"] for record in records(tmp_path / "first")} == {"generated"}
    assert {figure["subject"] for figure in first["report"]["figures"] if figure["name"] == "mmd to source"} == {
        "source", "pairs"}

    more = service.afctl("generate", "--model", model, "--pairs", 3, "--wait",
                         *set_options({**GENERATE, "generate.steps": "7", "generate.guidance": "2"}))
    service.afctl("pairs", "pull", more["name"], tmp_path / "more")
    assert check_pulled(tmp_path / "more", 3)["images/000001.png"] != made["images/000001.png"]

    service.afctl("report", first["name"], "-o", tmp_path / "pairs.html")
    service.afctl("report", fitted["name"], "-o", tmp_path / "model.html")
    assert "JOB_KIND_FIT" in (tmp_path / "model.html").read_text()
    service.afctl("pairs", "pull", fitted["name"], tmp_path / "none", expect=1)


def test_masks_may_be_those_of_another_dataset(service, data, finished_job, tmp_path):
    model = service.afctl("job", "get", finished_job)["stage1_model"]
    options = set_options({**GENERATE, "gates.enabled": "on", "gates.mask_agreement": "0", "judge.iterations": "6"})
    job = service.afctl("generate", "--model", model, "--pairs", 4, "--masks", "target", *options, "--wait")
    service.afctl("pairs", "pull", job["name"], tmp_path / "pairs")
    for record in records(tmp_path / "pairs"):
        assert record["masks_digest"] == digest_of(service, "target")
        assert record["source_digest"] == digest_of(service, "source")


def digest_of(service, dataset):
    return service.afctl("dataset", "get", dataset)["digest"]


def test_an_aligned_model_makes_the_pairs_of_its_job_again(service, data, finished_job, tmp_path):
    made = service.afctl("job", "get", finished_job)
    again = service.afctl("generate", "--model", made["stage2_model"], "--pairs", made["spec"]["pairs"], "--target", "target",
                          *set_options({**GENERATE, "evaluate.segmenter": "none"}), "--wait")
    assert {stage["state"] for stage in again["stages"]} == {"STAGE_STATE_REUSED"}
    service.afctl("pairs", "pull", finished_job, tmp_path / "made")
    service.afctl("pairs", "pull", again["name"], tmp_path / "again")
    assert check_pulled(tmp_path / "made") == check_pulled(tmp_path / "again")


def test_from_python_it_is_the_same(service, data, finished_job, tmp_path):
    import alignflow  # of the wheel that the session has built

    with alignflow.connect(service.address) as client:
        fitted = client.wait(client.fit("source", settings={**FIT, "seed": "3"}))
        with pytest.raises(alignflow.PreconditionError, match="no pairs"):
            client.pull(fitted, tmp_path / "none")
        job = client.wait(client.generate(fitted.stage1_model, 3, masks="target", settings=GENERATE))
        assert client.pull(job, tmp_path / "pairs").pairs == 3
    check_pulled(tmp_path / "pairs", 3)
