"""Images of classes: classes.csv beside them, a model that is told them, pairs of the classes asked for, and what a classifier says of them."""

import json
import shutil

from inputs import SETTINGS, set_options

FIT = {name: value for name, value in SETTINGS.items() if name.startswith("fit.")}
GENERATE = {name: value for name, value in SETTINGS.items() if name.startswith(("generate.", "figures.", "gates.", "pairs."))}


def two_classes(data, folder):
    """Twelve phantoms of one scanner and eight of another, each scanner a class."""
    rows = ["name,class"]
    for name in ("source", "target"):
        for kind in ("images", "masks"):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            for file in sorted((data / name / kind).iterdir()):
                shutil.copy(file, folder / kind / f"{name}-{file.name}")
                if kind == "images":
                    rows.append(f"{name}-{file.stem},{'old' if name == 'source' else 'new'}")
    (folder / "classes.csv").write_text("\n".join(rows) + "\n")
    return folder


def test_a_model_of_classes_makes_pairs_of_those_asked_for(service, data, tmp_path):
    folder = two_classes(data, tmp_path / "both")
    service.afctl("dataset", "push", "classes", folder, "--labels", "polyp=255")
    assert "classes.csv: 20 images in 2 classes" in service.stderr
    fitted = service.afctl("fit", "--source", "classes", "--condition", "both", *set_options(FIT), "--wait")
    job = service.afctl("generate", "--model", fitted["stage1_model"], "--pairs", 5, "--wait",
                        "--classes", "new, old", *set_options(GENERATE))
    assert job["spec"]["settings"]["pairs.classes"] == "new,old"
    service.afctl("pairs", "pull", job["name"], tmp_path / "pairs")
    lines = [json.loads(line)["record"] for line in (tmp_path / "pairs/manifest.jsonl").read_text().splitlines()]
    assert [line["class"] for line in lines] == ["new", "old", "new", "old", "new"]
    accuracy = {figure["subject"]: figure for figure in job["report"]["figures"] if figure["name"] == "class accuracy (percent)"}
    assert set(accuracy) == {"source", "pairs"}
    assert accuracy["source"]["value"] >= 75, "two scanners that look nothing alike"
    assert "of new" in accuracy["pairs"]["note"] and accuracy["pairs"]["sample_count"] == 5


def test_what_classes_cannot_be_is_said_before_any_compute(service, data, tmp_path):
    service.afctl("dataset", "push", "source", data / "source", "--labels", "polyp=255")
    refused = service.afctl("fit", "--source", "source", *set_options({**FIT, "fit.condition": "both"}), expect=1)["error"]["message"]
    assert "classes.csv" in refused and "fit.condition" in refused
    folder = two_classes(data, tmp_path / "both")
    service.afctl("dataset", "push", "classes", folder, "--labels", "polyp=255")
    fit = set_options({**FIT, "fit.condition": "both"})
    refused = service.afctl("align", "--source", "classes", "--references", data / "references", "--pairs", 4, *fit,
                            "--set", "pairs.classes=older", expect=1)["error"]["message"]
    assert "'older'" in refused and "new, old" in refused
    table = folder / "classes.csv"
    table.write_text(table.read_text().replace("source-000001,old\n", ""))
    refused = service.afctl("dataset", "push", "classes", folder, "--labels", "polyp=255", expect=1)["error"]["message"]
    assert "classes.csv" in refused and "add a line NAME,CLASS" in refused
