"""scripts/convert_checkpoint.py, which turns checkpoints of old torch versions into safetensors without torch."""

import collections
import io
import json
import pathlib
import pickle
import struct
import subprocess
import sys

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "convert_checkpoint.py"


class Storage:
    """A storage by its persistent id, as torch.save writes it."""

    def __init__(self, kind, key, numbers):
        self.kind, self.key, self.numbers = kind, key, numbers


class Global:
    """Pickles as the name of something in a module, which need not be installed."""

    def __init__(self, module, name):
        self.module, self.name = module, name


class Tensor:
    def __init__(self, storage, offset, shape, strides):
        self.arguments = (storage, offset, shape, strides, False, collections.OrderedDict())


class Pickler(pickle._Pickler):  # the one in Python, as only it can be taught what no class is there for
    def persistent_id(self, what):
        if isinstance(what, Storage):
            return ("storage", Global("torch", what.kind), what.key, "cpu", len(what.numbers), None)
        return None

    def save(self, what, **options):
        if isinstance(what, Global):
            self.write(pickle.GLOBAL + f"{what.module}\n{what.name}\n".encode())
        elif isinstance(what, Tensor):
            self.save(Global("torch._utils", "_rebuild_tensor_v2"))
            self.save(what.arguments)
            self.write(pickle.REDUCE)
        else:
            super().save(what, **options)


def checkpoint(path, tensors, storages, cut=0):
    with io.BytesIO() as file:
        for what in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, collections.OrderedDict(tensors),
                     [storage.key for storage in storages]):
            Pickler(file, 2).dump(what)
        for storage in storages:
            code = {"FloatStorage": "f", "LongStorage": "q"}[storage.kind]
            file.write(struct.pack(f"<q{len(storage.numbers)}{code}", len(storage.numbers), *storage.numbers))
        path.write_bytes(file.getvalue()[:len(file.getvalue()) - cut])


def convert(source, target):
    return subprocess.run([sys.executable, SCRIPT, source, target], text=True, capture_output=True, check=False)


def read(path):
    raw = path.read_bytes()
    length, = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8:8 + length])
    header.pop("__metadata__")
    found = {}
    for name, entry in header.items():
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        code = {"F32": "f", "I64": "q"}[entry["dtype"]]
        found[name] = (entry["shape"], list(struct.unpack(f"<{(end - begin) // struct.calcsize(code)}{code}", raw[begin:end])))
    return found


def test_tensors_are_read_by_their_strides_and_not_in_the_order_of_their_storage(tmp_path):
    numbers = Storage("FloatStorage", "100", [float(i) for i in range(12)])
    count = Storage("LongStorage", "200", [7])
    checkpoint(tmp_path / "old.pth", {
        "plain": Tensor(numbers, 0, (3, 4), (4, 1)),
        "turned": Tensor(numbers, 0, (4, 3), (1, 4)),
        "part": Tensor(numbers, 1, (2, 1, 2), (6, 12, 2)),
        "repeated": Tensor(numbers, 5, (3,), (0,)),
        "count": Tensor(count, 0, (), ()),
    }, [numbers, count])
    done = convert(tmp_path / "old.pth", tmp_path / "new.safetensors")
    assert done.returncode == 0, done.stderr
    assert read(tmp_path / "new.safetensors") == {
        "plain": ([3, 4], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
        "turned": ([4, 3], [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]),
        "part": ([2, 1, 2], [1, 3, 7, 9]),
        "repeated": ([3], [5, 5, 5]),
        "count": ([], [7]),
    }


def test_a_file_that_would_run_code_or_reach_beyond_its_storage_is_refused(tmp_path):
    numbers = Storage("FloatStorage", "100", [0.0] * 6)
    files = {
        "holds os.system": ({"x": Global("os", "system")}, [numbers], 0),
        "lies outside of its storage": ({"x": Tensor(numbers, 1, (2, 3), (3, 1))}, [numbers], 0),
        "is not the one that its tensors name": ({"x": Tensor(numbers, 0, (6,), (1,))},
                                                 [Storage("FloatStorage", "100", [0.0] * 5)], 0),
        "not converted": ({"x": Tensor(numbers, 0, (6,), (1,))}, [numbers], 9),  # ends too early
    }
    for words, content in files.items():
        checkpoint(tmp_path / "bad.pth", *content)
        done = convert(tmp_path / "bad.pth", tmp_path / "new.safetensors")
        assert done.returncode != 0 and words in done.stderr, (words, done.stderr)
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "new.safetensors").exists()
