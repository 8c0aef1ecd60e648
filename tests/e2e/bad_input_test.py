"""Bad input is refused before anything is computed, with file, reason and remedy, and the service lives on."""

import socket
import shutil
import struct
import subprocess
import zlib

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from PIL import Image

from inputs import set_options
from processes import BIN, Coordinator, Program

NOTHING = "0" * 64


@pytest.fixture(autouse=True)
def lives_on(service):
    """After every test here the service still answers."""
    yield
    api = service.api()
    status = health_pb2_grpc.HealthStub(api.channel).Check(health_pb2.HealthCheckRequest(), timeout=10).status
    api.close()
    assert status == health_pb2.HealthCheckResponse.SERVING
    assert service.coordinator.process.poll() is None


@pytest.fixture
def folder(data, tmp_path):
    """A good dataset of 12 pairs, to be spoiled."""
    return shutil.copytree(data / "source", tmp_path / "dataset")


@pytest.fixture
def api(service):
    api = service.api()
    yield api
    api.close()


def png_header_alone(width, height):
    """A well-formed PNG that declares a picture of any size and holds a few bytes."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) +
            chunk(b"IEND", b""))


def refuse_push(service, folder, *words, labels="polyp=255"):
    error = service.afctl("dataset", "push", "bad", folder, "--labels", labels, expect=1)["error"]
    assert error["code"] == "INVALID_ARGUMENT", error
    for word in words:
        assert word in error["message"], error
    names = [dataset["name"] for dataset in service.afctl("dataset", "list")["datasets"]]
    assert "datasets/bad" not in names


def test_image_without_mask(service, folder):
    (folder / "masks" / "000004.png").unlink()
    refuse_push(service, folder, "000004")


def test_mask_without_image(service, folder):
    (folder / "images" / "000004.png").unlink()
    refuse_push(service, folder, "000004")


def test_sizes_that_differ(service, folder):
    Image.new("L", (32, 64)).save(folder / "masks" / "000004.png")
    refuse_push(service, folder, "000004", "32x64", "64x64")


def test_value_that_is_not_in_the_label_table(service, folder):
    mask = Image.new("L", (64, 64))
    mask.putpixel((3, 3), 17)
    mask.save(folder / "masks" / "000004.png")
    refuse_push(service, folder, "000004", "17")


def test_label_table_that_makes_no_sense(service, folder):
    refuse_push(service, folder, "--labels", labels="polyp=300")


def test_truncated_png(service, folder):
    path = folder / "images" / "000004.png"
    path.write_bytes(path.read_bytes()[:-200])
    refuse_push(service, folder, "000004.png")


def test_corrupt_png(service, folder):
    path = folder / "images" / "000004.png"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xff
    path.write_bytes(content)
    refuse_push(service, folder, "000004.png")


def test_truncated_jpeg(service, folder):
    path = folder / "images" / "000004.png"
    Image.open(path).save(folder / "images" / "000004.jpg", quality=95)
    path.unlink()
    jpeg = folder / "images" / "000004.jpg"
    jpeg.write_bytes(jpeg.read_bytes()[:-300])
    refuse_push(service, folder, "000004.jpg")


def test_decompression_bomb(service, folder):
    (folder / "images" / "000004.png").write_bytes(png_header_alone(40000, 40000))
    refuse_push(service, folder, "000004.png", "40000")


def test_empty_folder(service, tmp_path):
    for kind in ("images", "masks"):
        (tmp_path / "empty" / kind).mkdir(parents=True)
    refuse_push(service, tmp_path / "empty", "empty")


def test_name_that_leaves_its_folder(service, folder):
    error = service.afctl("dataset", "push", "../bad", folder, expect=1)["error"]
    assert error["code"] == "INVALID_ARGUMENT" and "../bad" in error["message"]


# The same from a client that checks nothing itself.

def spoiled_manifest(api, folder, **spoil):
    """A manifest of one good pair whose fields are replaced by `spoil`; blobs are written."""
    image = (folder / "images" / "000001.png").read_bytes()
    mask = (folder / "masks" / "000001.png").read_bytes()
    fields = {"stem": "a", "image": api.write(image), "mask": api.write(mask)}
    fields["image"].size_bytes, fields["mask"].size_bytes = len(image), len(mask)
    item = api.datasets.DatasetItem(**{**fields, **spoil})
    return api.datasets.Manifest(labels=[api.datasets.Label(name="polyp", value=255)], items=[item])


def refuse_create(api, manifest, code, *words, dataset_id="bad"):
    request = api.datasets.CreateDatasetRequest(dataset_id=dataset_id, manifest=manifest)
    with pytest.raises(grpc.RpcError) as error:
        api.Datasets.CreateDataset(request, timeout=30)
    assert error.value.code() == code, error.value
    for word in words:
        assert word in error.value.details(), error.value


def uploaded(api, content):
    digest = api.write(content)
    digest.size_bytes = len(content)
    return digest


@pytest.mark.parametrize("stem", ["../a", "a/b", "", ".hidden", "a\0b"])
def test_raw_stem_that_leaves_its_folder(api, folder, stem):
    refuse_create(api, spoiled_manifest(api, folder, stem=stem), grpc.StatusCode.INVALID_ARGUMENT)


def test_raw_dataset_id_that_leaves_its_folder(api, folder):
    refuse_create(api, spoiled_manifest(api, folder), grpc.StatusCode.INVALID_ARGUMENT, dataset_id="../bad")


def test_raw_mask_missing(api, folder):
    refuse_create(api, spoiled_manifest(api, folder, mask=None), grpc.StatusCode.INVALID_ARGUMENT, "mask")


def test_raw_blob_missing(api, folder):
    image = api.blobs.Digest(sha256=NOTHING, size_bytes=5)
    refuse_create(api, spoiled_manifest(api, folder, image=image), grpc.StatusCode.FAILED_PRECONDITION)


def test_raw_decompression_bomb(api, folder):
    image = uploaded(api, png_header_alone(40000, 40000))
    refuse_create(api, spoiled_manifest(api, folder, image=image), grpc.StatusCode.INVALID_ARGUMENT, "40000")


def test_raw_no_picture(api, folder):
    image = uploaded(api, b"GIF89a no picture")
    refuse_create(api, spoiled_manifest(api, folder, image=image), grpc.StatusCode.INVALID_ARGUMENT)


def test_raw_empty_manifest(api, folder):
    refuse_create(api, api.datasets.Manifest(), grpc.StatusCode.INVALID_ARGUMENT)


def test_raw_bytes_of_another_digest(api):
    wrong = api.digest(b"announced")
    with pytest.raises(grpc.RpcError) as error:
        api.write(b"delivered", wrong)
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    missing = api.Blobs.FindMissing(api.blobs.FindMissingRequest(blobs=[wrong]), timeout=10).missing
    assert list(missing) == [wrong]


def test_raw_malformed_digest(api):
    with pytest.raises(grpc.RpcError) as error:
        api.write(b"x", api.blobs.Digest(sha256="../../etc/passwd", size_bytes=1))
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT


# Jobs.

def refuse_align(service, data, *words, references="references", options=()):
    arguments = ["align", "--source", "source", "--references", data / references, "--pairs", "4", *options]
    error = service.afctl(*arguments, expect=1)["error"]
    for word in words:
        assert word in error["message"], error
    return error["code"]


def test_no_reference(service, data, finished_job, tmp_path):
    (tmp_path / "none").mkdir()
    assert refuse_align(service, tmp_path, "none", references="none") == "INVALID_ARGUMENT"


def test_raw_no_reference(api, finished_job):
    spec = api.jobs.AlignSpec(source="datasets/source", pairs=4)
    with pytest.raises(grpc.RpcError) as error:
        api.Jobs.CreateJob(api.jobs.CreateJobRequest(spec=spec), timeout=30)
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "reference" in error.value.details()


def test_single_reference_is_allowed_with_a_warning(service, data, finished_job, tmp_path):
    (tmp_path / "one").mkdir()
    shutil.copy(data / "references" / "images" / "000001.png", tmp_path / "one")
    job = service.afctl("align", "--source", "source", "--references", tmp_path / "one", "--pairs", "4", *set_options())
    assert "warning" in service.stderr and "bias" in service.stderr
    assert any("bias" in warning for warning in job["warnings"])
    service.afctl("job", "cancel", job["name"])


def test_unknown_preset_names_the_nearest(service, data, finished_job):
    assert refuse_align(service, data, "unet-64", options=["--preset", "unet-65"]) == "INVALID_ARGUMENT"


def test_unknown_setting_names_the_nearest(service, data, finished_job):
    code = refuse_align(service, data, "align.iterations", options=["--set", "align.iteration=3"])
    assert code == "INVALID_ARGUMENT"


def test_setting_out_of_range_names_the_range(service, data, finished_job):
    assert refuse_align(service, data, "19", options=["--set", "align.start_index=20"]) == "INVALID_ARGUMENT"


@pytest.mark.parametrize("change, word", [({"preset": "unet-65"}, "unet-64"),
                                          ({"settings": {"fit.iteration": "3"}}, "fit.iterations"),
                                          ({"settings": {"align.start_index": "20"}}, "19"),
                                          ({"pairs": 0}, "pairs"), ({"pairs": 2000000}, "pairs")])
def test_raw_job_is_checked_as_well(api, service, data, finished_job, change, word):
    references = api.get_job(finished_job).spec.references
    spec = api.jobs.AlignSpec(**{"source": "datasets/source", "references": references, "pairs": 4, **change})
    with pytest.raises(grpc.RpcError) as error:
        api.Jobs.CreateJob(api.jobs.CreateJobRequest(spec=spec), timeout=30)
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT and word in error.value.details()


def test_unknown_source(service, data):
    error = service.afctl("align", "--source", "nope", "--references", data / "references", "--pairs", "4", expect=1)
    assert error["error"]["code"] == "NOT_FOUND" and "nope" in error["error"]["message"]


def test_job_that_has_ended_is_not_cancelled(service, finished_job):
    assert service.afctl("job", "cancel", finished_job, expect=1)["error"]["code"] == "FAILED_PRECONDITION"


# Starting.

def refuse_start(folder, *words, listen):
    done = subprocess.run([BIN / "alignflow-coordinator", "--listen", listen, "--state-dir", folder], check=False,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "listening" not in done.stdout
    for word in words:
        assert word in done.stderr, done.stderr


def test_port_in_use(service, tmp_path):
    refuse_start(tmp_path / "state", "in use", listen=service.address)


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "192.0.2.1:0", "[::]:0", "example.org:0"])
def test_address_beyond_loopback(service, tmp_path, listen):
    refuse_start(tmp_path / "state", "loopback", listen=listen)


def test_afctl_sends_nothing_in_plain_text_beyond_loopback(service, folder):
    """A name is beyond loopback, wherever it leads."""
    name = socket.gethostname()
    try:
        socket.getaddrinfo(name, None, socket.AF_INET)
    except OSError:
        pytest.skip(f"this machine's name, {name}, leads nowhere")
    with socket.create_server(("0.0.0.0", 0)) as listener:
        listener.settimeout(60)
        push = Program([BIN / "afctl", "dataset", "push", "bad", folder, "--server", f"{name}:{listener.getsockname()[1]}"],
                       service.folder / "push.log")
        connection, _ = listener.accept()
        connection.settimeout(60)
        assert connection.recv(2) == b"\x16\x03"  # the beginning of a TLS handshake
        connection.close()
        push.close()


def test_state_folder_of_a_running_coordinator(service, tmp_path):
    refuse_start(service.state_dir(), "another coordinator", listen="127.0.0.1:0")


def test_full_disk(service, tmp_path, data):
    """A coordinator on a file system of 4 MiB, in a mount namespace of its own."""
    small = tmp_path / "small"
    small.mkdir()
    mount = f'mount -t tmpfs -o size=4m tmpfs {small} && exec "$@"'
    inside = ["unshare", "--mount", "--map-root-user", "sh", "-c", mount, "sh"]
    if subprocess.run([*inside, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a file system")
    coordinator = Coordinator(tmp_path, "--disk-reserve", 0, prefix=inside, state_dir=small / "state")
    try:
        service_on_it = type(service)(tmp_path / "on-it")
        service_on_it.coordinator, service_on_it.address = coordinator, coordinator.address
        api = service_on_it.api()
        with pytest.raises(grpc.RpcError) as error:
            api.write(b"x" * (6 << 20))
        assert error.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "space" in error.value.details()
        # What fits still goes in.
        assert service_on_it.afctl("dataset", "push", "small", data / "source")["item_count"] == "12"
        api.close()
    finally:
        assert coordinator.terminate() == 0
        coordinator.close()
