"""Folders as hospitals have them, pushed to a real coordinator."""

import os
import signal

import pytest
from PIL import Image

from api import ROOT
from processes import BIN, Program, poll

REAL = ROOT.parent / "shared" / "realdata"
SETS = {
    "polyps/kvasir": "polyp=255", "polyps/clinicdb": "polyp=255", "polyps/polypgen-c1": "polyp=255",
    "polyps/polypgen-c3": "polyp=255", "polyps/polypgen-c5": "polyp=255",
    "fundus/refuge-zeiss": "background=0,disc=128,cup=255", "fundus/drishti": "background=0,disc=128,cup=255",
}


@pytest.fixture
def coordinator(new_service):
    """A coordinator of its own, without a worker."""
    return new_service().start_coordinator()


@pytest.mark.parametrize("name", sorted(SETS))
def test_every_real_set_is_pushed_as_it_is(coordinator, name):
    folder = REAL / name
    if not folder.is_dir():
        pytest.skip(f"no real images of {name} on this machine: ../shared/realdata is not there")
    dataset = coordinator.afctl("dataset", "push", "real", folder, "--labels", SETS[name])
    assert int(dataset["item_count"]) == len(list((folder / "images").iterdir()))
    assert [row["pixels"] > 0 for row in dataset["label_use"]] == [True] * len(dataset["label_use"])
    assert "left out" not in coordinator.stderr
    assert coordinator.afctl("dataset", "get", "real")["digest"] == dataset["digest"]


def test_real_sets_under_other_names_are_the_same_dataset(coordinator, tmp_path):
    """Linked under names as other hospitals give them; what is learned from does not change."""
    plain = REAL / "fundus/drishti"
    if not plain.is_dir():
        pytest.skip("no real fundus images on this machine: ../shared/realdata is not there")
    other = tmp_path / "drishti"
    for kind, folder, mark in (("images", "Images", ""), ("masks", "Ground Truth", "_gt")):
        (other / folder).mkdir(parents=True)
        for file in (plain / kind).iterdir():
            (other / folder / f"{file.stem}{mark}{file.suffix.upper()}").write_bytes(file.read_bytes())
    digests = [coordinator.afctl("dataset", "push", name, folder, "--labels", SETS["fundus/drishti"])["digest"]
               for name, folder in (("plain", plain), ("other", other))]
    assert digests[0] == digests[1]
    assert "note: images are read from Images/, masks from Ground Truth/" in coordinator.stderr
    assert "with `_gt` at its end (101 pairs)" in coordinator.stderr


def test_ctrl_c_while_the_images_are_checked_stops_and_leaves_nothing(coordinator, tmp_path):
    folder = tmp_path / "large"
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    Image.effect_noise((3000, 3000), 50).save(folder / "images" / "0.png")
    Image.new("L", (3000, 3000)).save(folder / "masks" / "0.png")
    for i in range(1, 200):
        for kind in ("images", "masks"):
            os.link(folder / kind / "0.png", folder / kind / f"{i}.png")
    push = Program(["env", "--default-signal=INT", BIN / "afctl", "dataset", "push", "large", folder, "--labels", "polyp=255", "--server",
                    coordinator.address], tmp_path / "push.log")
    try:
        poll(lambda: "checking " in push.log_text(), 60, "the count of checked images")
        push.process.send_signal(signal.SIGINT)
        assert push.wait() in (-signal.SIGINT, 130)
        assert coordinator.afctl("dataset", "list")["datasets"] == []
    finally:
        push.close()
