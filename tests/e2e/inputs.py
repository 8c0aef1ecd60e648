"""Small inputs, and settings that make a whole job a matter of seconds."""

import hashlib
import json

PAIRS = 36  # two shards
SETTINGS = {
    "fit.iterations": "12", "fit.batch": "2", "align.iterations": "6", "align.batch": "2", "align.pool": "8",
    "generate.steps": "4", "figures.samples": "8", "pairs.size": "0",
    # What so little training makes would fail the gates, and score nothing.
    "gates.enabled": "off", "evaluate.segmenter": "none",
}
# Every stage takes a second or more, time enough to be killed in.
LONGER = {**SETTINGS, "align.iterations": "24", "align.pool": "64", "generate.steps": "20", "figures.samples": "36"}

# Every stage that there is, and pairs larger than the model works. The gates run and let everything pass.
WHOLE = {
    **SETTINGS, "pairs.size": "128", "masks.kind": "both", "masks.iterations": "6", "masks.batch": "2", "masks.candidates": "2",
    "gates.enabled": "on", "gates.mask_agreement": "0", "gates.memorization": "0", "judge.iterations": "6",
    "evaluate.segmenter": "unet", "evaluate.seeds": "2", "evaluate.iterations": "4", "evaluate.batch": "2",
}


def make_phantoms(service, folder):
    """folder/source (12 pairs), folder/target (8 pairs), folder/references and folder/other-references (3 images each)."""
    for name, domain, count, seed in (("source", "source", 12, 1), ("target", "target-a", 8, 2),
                                      ("references", "target-a", 3, 3), ("other-references", "target-b", 3, 4)):
        service.afctl("phantom", folder / name, "--kind", "polyp", "--domain", domain, "--count", count, "--seed", seed)
    return folder


def set_options(settings=SETTINGS):
    """The settings as options of `afctl align`."""
    return [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]


def start_job(service, data, settings=SETTINGS):
    """Pushes source and target (where they are not there yet) and starts a job. Returns its name."""
    service.afctl("dataset", "push", "source", data / "source", "--labels", "polyp=255")
    service.afctl("dataset", "push", "target", data / "target", "--labels", "polyp=255")
    return service.afctl("align", "--source", "source", "--references", data / "references", "--target", "target",
                         "--pairs", PAIRS, *set_options(settings))["name"]


def check_pulled(folder, pairs=PAIRS):
    """Asserts that a pulled folder holds each pair exactly once. Returns the digests of its files by name."""
    lines = [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]
    assert [line["pair"] for line in lines] == list(range(1, pairs + 1))
    digests = {}
    for kind in ("image", "mask"):
        files = sorted((folder / f"{kind}s").iterdir())
        assert [file.name for file in files] == [f"{i:06d}.png" for i in range(1, pairs + 1)]
        for line, file in zip(lines, files):
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            assert digest == line[f"{kind}_sha256"] and line[kind] == f"{kind}s/{file.name}"
            digests[line[kind]] = digest
    assert {line["record"]["synthetic"] for line in lines} <= {"generated", "restyled", "recoloured", "framed"}
    return digests
