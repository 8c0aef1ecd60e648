"""The same seed gives the same bytes of every pair, another seed gives others."""

import json

from inputs import PAIRS, SETTINGS, check_pulled, start_job


def test_same_seed_in_a_fresh_state_folder_gives_the_same_bytes(service, data, finished_job, new_service, tmp_path):
    service.afctl("pairs", "pull", finished_job, tmp_path / "here")
    fresh = new_service().start_coordinator().start_worker()
    fresh.afctl("pairs", "pull", start_job(fresh, data), tmp_path / "there")
    assert check_pulled(tmp_path / "there") == check_pulled(tmp_path / "here")


def test_another_seed_gives_other_images(service, data, finished_job, tmp_path):
    service.afctl("pairs", "pull", finished_job, tmp_path / "first")
    other = start_job(service, data, {**SETTINGS, "seed": "9"})
    service.afctl("pairs", "pull", other, tmp_path / "second")
    first, second = check_pulled(tmp_path / "first"), check_pulled(tmp_path / "second")
    lines = [json.loads(line) for line in (tmp_path / "first" / "manifest.jsonl").read_text().splitlines()]
    # A recoloured source image is no matter of chance, but which one it is.
    generated = [line["image"] for line in lines if line["record"]["synthetic"] != "recoloured"]
    assert len(generated) == PAIRS // 2 and all(first[name] != second[name] for name in generated)
