"""The Python package against a real service, held against afctl."""

import asyncio
import importlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest
from PIL import Image

from api import ROOT
from inputs import LONGER, PAIRS, SETTINGS, check_pulled
from processes import COMMAND_TIMEOUT_S, poll
from security_test import Authority, Guarded

FEW = {**SETTINGS, "seed": "9", "fit.iterations": "4", "align.iterations": "2"}


@pytest.fixture(scope="module")
def alignflow(wheel):
    return importlib.import_module("alignflow")


@pytest.fixture(scope="module")
def client(alignflow, service):
    with alignflow.connect(service.address) as client:
        yield client


@pytest.fixture(scope="module")
def job(client, data):
    """A job made by the package, which has succeeded, and the states of it that were seen."""
    client.push_dataset("package-source", data / "source", labels={"polyp": 255})
    made = client.align("package-source", data / "references", 5, settings=FEW, name="a package's", labels={"by": "python"})
    return list(client.watch(made))


def picture(path, mode="RGB", seed=0, size=(48, 40), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), np.uint8)
    Image.fromarray(noise).convert(mode).save(path, **options)


def mask_of(path, values=(0, 255), size=(48, 40), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = np.full((size[1], size[0]), values[0], np.uint8)
    for number, value in enumerate(values[1:]):
        mask[4 + 8 * number:10 + 8 * number, 5:25] = value
    Image.fromarray(mask).save(path, **options)


def named_pairs():
    """The table of names in docs/data.md."""
    text = (ROOT / "docs" / "data.md").read_text().split("### Names that are read")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(.+?)` \| `(.+?)` \|", text, re.M)
    assert len(rows) >= 15
    return rows


def push_both(client, service, folder, name, labels=None):
    """The dataset that the package registers, which must be what afctl makes of the folder."""
    ours = client.push_dataset(f"{name}-python", folder, labels=labels)
    options = ["--labels", ",".join(f"{label}={code}" for label, code in labels.items())] if labels else []
    theirs = service.afctl("dataset", "push", f"{name}-afctl", folder, *options)
    assert ours.digest == theirs["digest"]
    return ours


@pytest.mark.parametrize("number", range(len(named_pairs())))
def test_names_are_read_as_afctl_reads_them(client, service, tmp_path, number):
    image, mask = named_pairs()[number]
    for index in "123":
        picture(tmp_path / image.replace("7", index), seed=int(index))
        if mask.endswith(("jpg", "JPEG")):
            raise AssertionError("a mask in JPEG is another test")
        mask_of(tmp_path / mask.replace("7", index))
    assert push_both(client, service, tmp_path, f"names-{number}", {"polyp": 255}).item_count == 3


def test_groups_and_guessed_labels_are_afctls(client, service, tmp_path):
    for index in range(4):
        picture(tmp_path / "images" / f"{index}.png", seed=index)
        mask_of(tmp_path / "masks" / f"{index}.png", values=(128, 0, 255))
    (tmp_path / "groups.csv").write_text("file;patient\n0.png;a\n1;\"a\"\n2;b, or c\n3;d\n")
    (tmp_path / "classes.csv").write_text("name,diagnosis\n0,adenoma\n1,serrated\n2.png,adenoma\n3,\"serrated\"\n")
    dataset = push_both(client, service, tmp_path, "groups")
    assert dataset.background == 128 and [label.name for label in dataset.labels] == ["class-0", "class-255"]


def test_colours_are_afctls(client, service, tmp_path):
    colours = np.zeros((40, 48, 3), np.uint8)
    colours[5:20, 5:20] = (255, 0, 0)
    for index in range(2):
        picture(tmp_path / "images" / f"{index}.png", seed=index)
        (tmp_path / "masks").mkdir(exist_ok=True)
        Image.fromarray(colours).save(tmp_path / "masks" / f"{index}.png")
    push_both(client, service, tmp_path, "colours", {"polyp": "#ff0000", "background": "#000000"})


def test_deep_turned_and_lossy_files_are_afctls(client, service, tmp_path):
    samples = np.linspace(0, 4012, 48 * 40).astype(np.uint16).reshape(40, 48)
    (tmp_path / "images").mkdir()
    Image.fromarray(samples).save(tmp_path / "images" / "deep.png")
    mask_of(tmp_path / "masks" / "deep.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    picture(tmp_path / "images" / "turned.jpg", exif=turned, quality=95)
    mask_of(tmp_path / "masks" / "turned.png", size=(40, 48))
    picture(tmp_path / "images" / "lossy.png", seed=5)
    mask_of(tmp_path / "masks" / "lossy.jpg", quality=98)
    picture(tmp_path / "images" / "palette.png", "P", seed=6)
    Image.fromarray(np.pad(np.full((20, 20), True), ((0, 20), (0, 28)))).save(tmp_path / "masks" / "palette.png")
    push_both(client, service, tmp_path, "deep", {"polyp": 255})


def spoil_size(folder):
    mask_of(folder / "masks" / "1.png", size=(47, 40))
    return "masks/1.png"


def spoil_value(folder):
    mask_of(folder / "masks" / "1.png", values=(0, 255, 7))
    return "masks/1.png"


def spoil_bytes(folder):
    whole = (folder / "images" / "1.png").read_bytes()
    (folder / "images" / "1.png").write_bytes(whole[:len(whole) // 2])
    return "images/1.png"


def spoil_mask_name(folder):
    (folder / "masks" / "1.png").rename(folder / "masks" / "one.png")
    return "images/1.png"


def spoil_with_a_folder_inside(folder):
    picture(folder / "images" / "more" / "5.png")
    return "images/more"


def spoil_with_a_link(folder):
    (folder / "images" / "2.png").unlink()
    (folder / "images" / "2.png").symlink_to(ROOT / "README.md")
    return "images/2.png"


def spoil_with_a_second_folder(folder):
    picture(folder / "IMG" / "9.png")
    (folder / "images").rename(folder / "photos")
    return "IMG/"


def spoil_groups(folder):
    (folder / "groups.csv").write_text("0,a\n1,b\n1,c\n")
    return "line 3"


def spoil_classes(folder):
    (folder / "classes.csv").write_text("0,a\n1,b\n2,\"c, or d\"\n")
    return "line 3"


def spoil_transparency(folder):
    layers = np.dstack([np.zeros((40, 48), np.uint8), np.arange(48 * 40).reshape(40, 48).astype(np.uint8)])
    Image.fromarray(layers, "LA").save(folder / "masks" / "0.png")
    return "masks/0.png"


def spoil_with_dicom(folder):
    (folder / "images" / "scan.dcm").write_bytes(bytes(128) + b"DICM")
    return "images/scan.dcm"


SPOILERS = [spoil_size, spoil_value, spoil_bytes, spoil_mask_name, spoil_with_a_folder_inside, spoil_with_a_link,
            spoil_with_a_second_folder, spoil_groups, spoil_classes, spoil_transparency, spoil_with_dicom]


@pytest.mark.parametrize("spoil", SPOILERS, ids=lambda spoil: spoil.__name__)
def test_what_afctl_refuses_is_refused_with_the_file(alignflow, client, service, tmp_path, spoil):
    for index in range(3):
        picture(tmp_path / "images" / f"{index}.png", seed=index)
        mask_of(tmp_path / "masks" / f"{index}.png")
    named = spoil(tmp_path)
    service.afctl("dataset", "push", "spoiled", tmp_path, "--labels", "polyp=255", expect=1)
    assert named in service.stderr
    with pytest.raises(alignflow.FolderError) as error:
        client.push_dataset("spoiled", tmp_path, labels={"polyp": 255})
    assert named in str(error.value)
    with pytest.raises(alignflow.NotFoundError):
        client.dataset("spoiled")


def test_all_faults_are_told_at_once(alignflow, client, tmp_path):
    for index in range(30):
        picture(tmp_path / "images" / f"{index:02}.png", seed=index)
        mask_of(tmp_path / "masks" / f"{index:02}.png", size=(8, 30))
    (tmp_path / "images" / "00.png").write_bytes(b"")
    with pytest.raises(alignflow.FolderError) as error:
        client.push_dataset("faults", tmp_path, labels={"polyp": 255})
    text = str(error.value)
    assert "30 faults" in text and "images/00.png: is empty" in text and "and 9 more" in text


def test_refusals_of_the_coordinator_name_the_files(alignflow):
    scan = importlib.import_module("alignflow._folder.scan")
    folder = scan.Folder([scan.Item("a", pathlib.Path("img/a.jpg"), pathlib.Path("gt/a_gt.png"))], [], [])
    for said, meant in (("manifest.items[0] 'a', mask: is damaged", "gt/a_gt.png: is damaged"),
                        ("manifest.items[0].stem: is bad", "img/a.jpg: is bad"),
                        ("manifest.items[7] 'b', image: is damaged", "manifest.items[7] 'b', image: is damaged"),
                        ("manifest.labels: none", "manifest.labels: none")):
        assert folder.in_users_words(said, "manifest.items") == meant


def test_progress_is_told_and_a_broken_upload_goes_on(client, service, tmp_path):
    picture(tmp_path / "images" / "large.png", size=(1200, 1000))
    mask_of(tmp_path / "masks" / "large.png", size=(1200, 1000))
    whole = (tmp_path / "images" / "large.png").read_bytes()
    assert len(whole) > 3 << 20
    api = service.api()
    digest = api.digest(whole)

    def break_off():
        yield api.blobs.WriteBlobRequest(digest=digest, data=whole[:1 << 20])
        query = api.blobs.QueryWriteRequest(digest=digest)  # before that an error would overtake what was sent
        poll(lambda: api.Blobs.QueryWrite(query, timeout=10).committed_bytes == 1 << 20, 30, "the first chunk")
        raise RuntimeError("broken on purpose")

    with pytest.raises(Exception):
        api.Blobs.Write(break_off(), timeout=60)
    seen = []
    client.push_dataset("large", tmp_path, labels={"polyp": 255}, on_progress=seen.append)
    assert api.read(digest.sha256) == whole
    assert [progress.step for progress in seen][0] == "checking" and "sending" in {progress.step for progress in seen}
    assert all(0 <= progress.done <= progress.total for progress in seen)
    api.close()


def test_job_is_watched_to_its_end(client, job):
    assert job[-1].display_name == "a package's" and dict(job[-1].labels) == {"by": "python"}
    assert [state.name for state in job] == [job[-1].name] * len(job)
    assert job[-1].pairs_ready == 5 and client.job(job[-1]).state == job[-1].state
    assert [found.name for found in client.jobs(labels={"by": "python"})] == [job[-1].name]
    again = list(client.watch(job[-1].name.removeprefix("jobs/")))
    assert len(again) == 1 and again[0].end_time == job[-1].end_time


def test_pairs_are_afctls(client, service, job, tmp_path):
    pairs = list(client.pairs(job[-1]))
    assert [pair.index for pair in pairs] == [1, 2, 3, 4, 5]
    assert [pair.index for pair in client.pairs(job[-1], after=3)] == [4, 5]
    service.afctl("pairs", "pull", job[-1].name, tmp_path / "afctl")
    for pair in pairs:
        assert pair.image == (tmp_path / "afctl" / "images" / f"{pair.index:06d}.png").read_bytes()
        assert pair.mask == (tmp_path / "afctl" / "masks" / f"{pair.index:06d}.png").read_bytes()
        assert pair.image_array().shape == (64, 64, 3) and pair.mask_array().shape == (64, 64)
        assert set(np.unique(pair.mask_array())) <= {0, 255} and pair.record["pair"] == pair.index
    views = list(client.pairs(job[-1], views=True))
    assert len(views) == 5 and [pair.image for pair in views] != [pair.image for pair in pairs]


def test_reader_may_stop_early(client, job):
    for pair in client.pairs(job[-1]):
        break
    assert pair.index == 1 and next(iter(client.watch(job[-1]))).name == job[-1].name


def test_pull_goes_on_after_a_kill_and_after_afctl(alignflow, client, service, finished_job, tmp_path):
    folder = tmp_path / "pairs"
    pulled = client.pull(finished_job, folder)
    assert (pulled.pairs, pulled.pulled, pulled.repaired, pulled.report) == (PAIRS, PAIRS, 0, True)
    digests = check_pulled(folder)
    figures = json.loads((folder / "figures.json").read_text())
    lines = (folder / "manifest.jsonl").read_text().splitlines(keepends=True)
    # As a kill leaves it: half a line, a file without a line, a file that the disk lost, one that was not finished.
    (folder / "manifest.jsonl").write_text("".join(lines[:20]) + lines[20][:30])
    (folder / "images" / "000003.png").write_bytes(b"")
    (folder / "masks" / "000021.png.7.1.part").write_bytes(b"half")
    pulled = client.pull(finished_job, folder)
    assert (pulled.pulled, pulled.repaired) == (PAIRS - 20, 1)
    assert check_pulled(folder) == digests and (folder / "manifest.jsonl").read_text() == "".join(lines)
    summary = service.afctl("pairs", "pull", finished_job, folder)
    assert (summary["pulled"], summary["repaired"]) == (0, 0)
    of_afctl = json.loads((folder / "figures.json").read_text())
    assert [(figure["name"], figure["subject"], figure["value"]) for figure in of_afctl] == \
        [(figure["name"], figure["subject"], figure["value"]) for figure in figures]
    (folder / "manifest.jsonl").write_text("".join(lines[:30]))
    assert client.pull(finished_job, folder).pulled == PAIRS - 30
    with pytest.raises(alignflow.PreconditionError, match="into a new folder"):
        client.pull(finished_job, folder, views=True)


def test_report_and_its_files(alignflow, client, job):
    report = client.report(job[-1])
    assert report.job == job[-1].name and report.figures and report.verdicts
    assert client.artifact(job[-1], "contact-sheet.png").startswith(b"\x89PNG")
    with pytest.raises(alignflow.NotFoundError, match="contact-sheet.png"):
        client.artifact(job[-1], "nothing.json")


def test_rerun_and_cancel(alignflow, client, job, data):
    again = client.wait(client.rerun(job[-1]))
    assert again.name != job[-1].name and again.pairs_ready == 5
    client.delete_job(again)
    endless = client.align("package-source", data / "references", 5, settings={**LONGER, "fit.iterations": 100000})
    threading.Timer(0.5, client.cancel, [endless.name]).start()
    with pytest.raises(alignflow.JobCancelledError) as error:
        client.wait(endless)
    assert error.value.job.name == endless.name
    with pytest.raises(alignflow.JobCancelledError):
        list(client.pairs(endless))


def test_errors_are_the_coordinators_words(alignflow, client, data, tmp_path):
    with pytest.raises(alignflow.NotFoundError, match="nope"):
        client.job("nope")
    with pytest.raises(alignflow.InvalidInputError, match="can't be the name"):
        client.job("Not a name")
    with pytest.raises(alignflow.InvalidInputError, match="align.iterations"):
        client.align("package-source", data / "references", 5, settings={"align.iteration": 5})
    with pytest.raises(alignflow.NotFoundError, match="no-such-dataset"):
        client.align("no-such-dataset", data / "references", 5)
    client.push_dataset("taken", data / "source", labels={"polyp": 255})
    with pytest.raises(alignflow.AlreadyExistsError):
        client.push_dataset("taken", data / "target", labels={"polyp": 255})
    client.delete_dataset("taken")
    assert "datasets/taken" not in [dataset.name for dataset in client.datasets()]


def test_asyncio_client_works_beside_other_tasks(alignflow, service, job):
    async def main():
        async with alignflow.connect_async(service.address) as client:
            info, pairs = await asyncio.gather(client.server_info(), collect(client))
            return info.version, pairs, await client.wait(job[-1].name)

    async def collect(client):
        return [pair.index async for pair in client.pairs(job[-1].name)]

    version, pairs, last = asyncio.run(main())
    assert pairs == [1, 2, 3, 4, 5] and last.name == job[-1].name
    cmake = (ROOT / "CMakeLists.txt").read_text()
    assert version == re.search(r"project\(alignflow VERSION (\S+)", cmake)[1]


def test_watch_and_pairs_survive_a_killed_coordinator(alignflow, new_service, data):
    service = new_service().start_coordinator().start_worker()
    with alignflow.connect(service.address) as client:
        client.push_dataset("source", data / "source", labels={"polyp": 255})
        made = client.align("source", data / "references", 5, settings={**FEW, "fit.iterations": 60})
        pairs = []
        reader = threading.Thread(target=lambda: pairs.extend(client.pairs(made)))
        reader.start()
        killed = False
        for state in client.watch(made):
            running = [stage for stage in state.stages if stage.id == "fit" and 0 < stage.step < 60]
            if running and not killed:
                service.restart_coordinator()
                killed = True
        reader.join(COMMAND_TIMEOUT_S)
        assert killed and state.pairs_ready == 5
        assert [pair.index for pair in pairs] == [1, 2, 3, 4, 5]


def test_silence_ends_with_an_error(alignflow, new_service):
    service = new_service().start_coordinator()
    with alignflow.connect(service.address, timeout_s=1) as client:
        service.coordinator.kill()
        with pytest.raises(alignflow.UnavailableError, match="no answer for 1 s"):
            list(client.watch("jobs/any"))


@pytest.fixture
def guarded(tmp_path):
    authority = Authority(tmp_path, "ca")
    guarded = Guarded(tmp_path / "guarded", authority.sign("server"))
    yield guarded, authority.ca
    guarded.coordinator.close()


def test_key_and_ca_come_from_arguments_environment_or_afctls_contexts(alignflow, guarded, tmp_path, monkeypatch):
    service, ca = guarded
    for name in ("SERVER", "KEY", "CA", "CONTEXT"):
        monkeypatch.delenv(f"AFCTL_{name}", raising=False)
    monkeypatch.setenv("AFCTL_CONFIG", str(tmp_path / "config"))
    with pytest.raises(alignflow.InvalidInputError, match="no coordinator was named"):
        alignflow.connect()
    with alignflow.connect(service.address, key=service.keys["viewer"], ca=ca) as client:
        assert client.datasets() == []
        with pytest.raises(alignflow.AccessError, match="role viewer"):
            client.delete_dataset("any")
    with alignflow.connect(service.address, ca=ca) as client, pytest.raises(alignflow.AccessError):
        client.datasets()
    with alignflow.connect(service.address, key="alignflow_none") as client, \
            pytest.raises(alignflow.UnavailableError, match="no answer"):
        client.datasets()
    stranger = Authority(tmp_path, "stranger").ca
    with alignflow.connect(service.address, key=service.keys["viewer"], ca=stranger) as client, \
            pytest.raises(alignflow.UnavailableError, match="signed by nobody who is trusted"):
        client.datasets()
    environment = {**os.environ, "AFCTL_CONFIG": str(tmp_path / "config")}
    login = [ROOT / "build" / "bin" / "afctl", "login", service.address, "--ca", ca, "--context", "clinic"]
    subprocess.run(login, input=service.keys["operator"], text=True, env=environment, check=True, timeout=60)
    with alignflow.connect() as client:
        assert client.datasets() == []
    with pytest.raises(alignflow.NotFoundError, match="clinic"):
        alignflow.connect(context="other")
    # Arguments count more than the environment, and it more than the context.
    monkeypatch.setenv("AFCTL_KEY", "alignflow_wrong")
    with alignflow.connect() as client, pytest.raises(alignflow.AccessError):
        client.datasets()
    with alignflow.connect(key=service.keys["viewer"]) as client:
        assert client.datasets() == []
    monkeypatch.delenv("AFCTL_KEY")
    # A kept key goes to its own server alone.
    other = f"localhost:{service.address.rpartition(':')[2]}"
    with alignflow.connect(other, ca=ca) as client, pytest.raises(alignflow.AccessError):
        client.datasets()
    (tmp_path / "config").chmod(0o644)
    with pytest.raises(alignflow.PreconditionError, match="chmod 600"):
        alignflow.connect()


def test_example_runs_from_the_wheel_in_a_clean_environment(wheel, service, data, tmp_path):
    """As a user does it: a new environment, the wheel, references in and a segmenter out."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True, timeout=120)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-compile", "--no-index", "--find-links",
                    ROOT / "build" / "venv" / "wheels", f"{wheel}[numpy]"], check=True, timeout=300)
    example = ROOT / "client" / "python" / "examples" / "segmenter.py"
    assert len(example.read_text().splitlines()) <= 40
    command = [python, example, data / "source", data / "references", tmp_path / "out", "20", "polyp=255",
               *(f"{key}={value}" for key, value in FEW.items())]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S,
                          env={"PATH": os.environ["PATH"], "AFCTL_SERVER": service.address, "HOME": str(tmp_path)}, check=False)
    assert done.returncode == 0, done.stderr
    dice = float(re.search(r"^Dice on 4 other pairs: (\S+)$", done.stdout, re.M)[1])
    assert dice > 0.5, done.stdout
    assert (tmp_path / "out" / "segmenter.npz").stat().st_size > 0
    masks = sorted((tmp_path / "out").glob("*.png"))
    assert [mask.stem for mask in masks] == sorted(path.stem for path in (data / "references" / "images").iterdir())
    assert all(set(np.unique(np.asarray(Image.open(mask)))) <= {0, 255} for mask in masks)
    shutil.rmtree(tmp_path / "venv")
