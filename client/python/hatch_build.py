"""Adds alignflow.v1 to the wheel: messages, stubs and their types, made from the .proto files of this repository."""

import pathlib
import tempfile

import grpc_tools
from grpc_tools import protoc
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

V1_DOC = '"""The messages and services of AlignFlow\'s API, made from its .proto files."""\n'


class StubsHook(BuildHookInterface):
    def initialize(self, version, build_data):
        protos = pathlib.Path(self.root).resolve().parents[1] / "proto"
        files = sorted(str(path) for path in protos.rglob("*.proto"))
        if not files:
            raise FileNotFoundError(f"{protos}: holds no .proto files; build the wheel in AlignFlow's repository")
        self.made = tempfile.TemporaryDirectory()
        out = self.made.name
        include = pathlib.Path(grpc_tools.__file__).parent / "_proto"
        command = ["protoc", f"-I{protos}", f"-I{include}", f"--python_out={out}", f"--pyi_out={out}",
                   f"--grpc_python_out={out}"]
        if protoc.main(command + files) != 0:
            raise RuntimeError("protoc failed; its messages are above")
        package = pathlib.Path(out) / "alignflow" / "v1"
        (package / "__init__.py").write_text(V1_DOC)
        for path in sorted(package.iterdir()):
            build_data["force_include"][str(path)] = f"alignflow/v1/{path.name}"

    def finalize(self, version, build_data, artifact_path):
        self.made.cleanup()
