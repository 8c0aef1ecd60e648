#!/usr/bin/env python3
"""Turns a checkpoint that torch.save wrote before version 1.6 (pickles and raw storages one after another, no zip file)
into a safetensors file. Needs neither torch nor NumPy, and runs no code from the file: only the few names that a
dictionary of tensors is made of are known to its unpickler.

Usage: convert_checkpoint.py CHECKPOINT.pth FILE.safetensors
"""

import array
import collections
import hashlib
import json
import os
import pathlib
import pickle
import struct
import sys

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
# Storage -> safetensors' type and an array's type code of the same size.
TYPES = {"FloatStorage": ("F32", "f"), "HalfStorage": ("F16", "H"), "LongStorage": ("I64", "q"),
         "IntStorage": ("I32", "i"), "ByteStorage": ("U8", "B")}

Storage = collections.namedtuple("Storage", "kind key count")
Tensor = collections.namedtuple("Tensor", "storage offset shape strides")


class CheckpointError(Exception):
    pass


def make_tensor(storage, offset, shape, strides, *_):
    return Tensor(storage, offset, tuple(shape), tuple(strides))


class Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return make_tensor
        if module == "torch" and name in TYPES:
            return name
        raise CheckpointError(f"it holds {module}.{name}, which is no part of a dictionary of tensors")

    def persistent_load(self, saved):
        if len(saved) != 6 or saved[0] != "storage" or saved[1] not in TYPES or saved[5] is not None:
            raise CheckpointError(f"it holds a reference that is no storage: {saved!r}")
        return Storage(saved[1], str(saved[2]), int(saved[4]))


def read(path):
    """The checkpoint's tensors by name, and the numbers of its storages by key."""
    with open(path, "rb") as file:
        if Unpickler(file).load() != MAGIC or Unpickler(file).load() != PROTOCOL:
            raise CheckpointError("it is no checkpoint of torch.save before 1.6")
        if not Unpickler(file).load().get("little_endian") or sys.byteorder != "little":
            raise CheckpointError("its numbers, or this machine's, are not little-endian")
        tensors = Unpickler(file).load()
        kinds = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
        storages = {}
        for key in map(str, Unpickler(file).load()):
            count, = struct.unpack("<q", file.read(8))
            if key not in kinds or count != kinds[key].count:
                raise CheckpointError(f"its storage {key} is not the one that its tensors name")
            storages[key] = array.array(TYPES[kinds[key].kind][1])
            storages[key].fromfile(file, count)  # EOFError where the file ends before
    return tensors, storages


def in_order(numbers, offset, shape, strides):
    """The numbers of a tensor row by row, wherever its strides have them in the storage."""
    if not shape:
        return numbers[offset:offset + 1]
    if len(shape) == 1:
        # A slice ends behind its last number; a stride of 0 says the same number again.
        return (numbers[offset:offset + (shape[0] - 1) * strides[0] + 1:strides[0]] if strides[0]
                else numbers[offset:offset + 1] * shape[0])
    rows = array.array(numbers.typecode)
    for i in range(shape[0]):
        rows.extend(in_order(numbers, offset + i * strides[0], shape[1:], strides[1:]))
    return rows


def bytes_of(name, tensor, storages):
    numbers = storages.get(tensor.storage.key, ())
    last = tensor.offset + sum((side - 1) * stride for side, stride in zip(tensor.shape, tensor.strides))
    if (len(tensor.shape) != len(tensor.strides) or min((tensor.offset, *tensor.strides)) < 0
            or min((1, *tensor.shape)) < 1 or last >= len(numbers)):
        raise CheckpointError(f"its tensor {name} lies outside of its storage, or is empty")
    return in_order(numbers, tensor.offset, tensor.shape, tensor.strides).tobytes()


def write(path, tensors, storages, metadata):
    header, parts, end = {"__metadata__": metadata}, [], 0
    for name, tensor in sorted(tensors.items()):
        parts.append(bytes_of(name, tensor, storages))
        header[name] = {"dtype": TYPES[tensor.storage.kind][0], "shape": tensor.shape,
                        "data_offsets": [end, end + len(parts[-1])]}
        end += len(parts[-1])
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_bytes(b"".join([struct.pack("<Q", len(text)), text, *parts]))
    os.replace(unfinished, path)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source, target = map(pathlib.Path, sys.argv[1:])
    try:
        tensors, storages = read(source)
        digest = hashlib.sha256(source.read_bytes()).hexdigest()
        write(target, tensors, storages, {f"sha256 of {source.name}": digest})
    except (CheckpointError, pickle.UnpicklingError, EOFError, AttributeError, ValueError, TypeError, struct.error) as error:
        sys.exit(f"{source}: not converted: {error}; fetch it again, or save it as safetensors yourself")


if __name__ == "__main__":
    main()
