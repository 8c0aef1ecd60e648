#!/usr/bin/env python3
"""Holds the manifests of kinds that are not Kubernetes' own against their definitions, which no package of ours brings.

  custom_resources.py CRD.yaml...     e.g. KEDA's config/crd/bases/keda.sh_scaledobjects.yaml

Unknown fields are errors, as for `kubectl apply`. Needs jsonschema and PyYAML (tests/e2e/requirements.txt). Exit code 1 with an error,
or if a kind's definition is not among the files.
"""

import pathlib
import sys

import jsonschema
import yaml

MANIFESTS = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"
BY_NAME, BY_PLACE = ("properties",), ("anyOf", "allOf", "oneOf")


def strict(schema):
    """The schema, with no fields besides those that it names."""
    if not isinstance(schema, dict):
        return schema
    made = {}
    for key, value in schema.items():
        if key in BY_NAME:
            made[key] = {name: strict(part) for name, part in value.items()}
        elif key in BY_PLACE:
            made[key] = [strict(part) for part in value]
        else:
            made[key] = strict(value) if key in ("items", "additionalProperties", "not") else value
    if made.get("properties") and not made.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    if made.get("x-kubernetes-int-or-string"):
        made.pop("type", None)
    return made


def definitions(files):
    """(apiVersion, kind) -> schema of what the files define and serve."""
    found = {}
    for file in files:
        for crd in yaml.safe_load_all(pathlib.Path(file).read_text()):
            for version in crd["spec"]["versions"]:
                if not version.get("served"):
                    continue
                schema = strict(version["schema"]["openAPIV3Schema"])
                schema["properties"]["metadata"] = {"type": "object"}
                found[f"{crd['spec']['group']}/{version['name']}", crd["spec"]["names"]["kind"]] = schema
    return found


def main():
    known = definitions(sys.argv[1:])
    failed = False
    for file in sorted((MANIFESTS / "components").rglob("*.yaml")):
        for document in yaml.safe_load_all(file.read_text()):
            kind = document["apiVersion"], document["kind"]
            if kind[1] == "Component":
                continue
            if kind not in known:
                errors = ["its definition is not among the files"]
            else:
                errors = [f"{'.'.join(map(str, error.absolute_path))}: {error.message}"
                          for error in jsonschema.Draft7Validator(known[kind]).iter_errors(document)]
            failed = failed or bool(errors)
            print(f"{file.relative_to(MANIFESTS)}: {kind[1]} {document['metadata']['name']}: {'; '.join(errors) or 'valid'}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
