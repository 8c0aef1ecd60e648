"""Which coordinator, and how: as afctl decides it."""

from __future__ import annotations

import dataclasses
import ipaddress
import os
import pathlib
import stat
from typing import Any

import yaml

from alignflow.errors import InvalidInputError, NotFoundError, PreconditionError


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """`server` is HOST:PORT; `ca`: a PEM file with who signs its certificate, "" for whom the system trusts."""

    server: str
    ca: str = ""
    key: str = dataclasses.field(default="", repr=False)

    def is_loopback(self) -> bool:
        host = self.server.rpartition(":")[0].strip("[]")
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host.lower() == "localhost"


def contexts_file() -> pathlib.Path | None:
    if file := os.environ.get("AFCTL_CONFIG"):
        return pathlib.Path(file)
    if folder := os.environ.get("XDG_CONFIG_HOME"):
        return pathlib.Path(folder) / "afctl" / "config"
    home = os.environ.get("HOME")
    return pathlib.Path(home) / ".config" / "afctl" / "config" if home else None


def _named(entries: Any, name: Any, key: str) -> dict[str, Any]:
    for entry in entries or []:
        if entry.get("name") == name:
            return entry.get(key) or {}
    return {}


def _load_contexts() -> tuple[dict[str, Endpoint], str]:
    """The coordinators that `afctl login` has kept, by name, and the name of the current one."""
    file = contexts_file()
    if file is None or not file.exists():
        return {}, ""
    if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise PreconditionError(f"{file}: others may read it, and it holds access keys; run `chmod 600 {file}`, and have "
                                "the keys revoked if others have read it")
    try:
        root = yaml.safe_load(file.read_text()) or {}
        contexts = {}
        for entry in root.get("contexts") or []:
            context = entry.get("context") or {}
            cluster = _named(root.get("clusters"), context.get("cluster"), "cluster")
            user = _named(root.get("users"), context.get("user"), "user")
            contexts[str(entry["name"])] = Endpoint(server=str(cluster.get("server") or ""),
                                                    ca=str(cluster.get("certificate-authority") or ""),
                                                    key=str(user.get("key") or ""))
        return contexts, str(root.get("current-context") or "")
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, UnicodeDecodeError) as error:
        # What was read may hold a key: the cause is not told.
        raise InvalidInputError(f"{file}: is no configuration of afctl ({type(error).__name__}); delete it and run "
                                "`afctl login` again") from None


def resolve(server: str | None, key: str | None, ca: str | os.PathLike[str] | None, context: str | None) -> Endpoint:
    """Arguments count more than AFCTL_SERVER, AFCTL_KEY, AFCTL_CA and AFCTL_CONTEXT, and these more than the context
    that `afctl login` has kept. A kept key goes to the server that it was kept for and to no other."""
    contexts, current = _load_contexts()
    name = context or os.environ.get("AFCTL_CONTEXT", "")
    kept = Endpoint("")
    if name:
        if name not in contexts:
            known = f"there are {', '.join(sorted(contexts))}" if contexts else "`afctl login HOST:PORT` makes one"
            raise NotFoundError(f"there is no context {name}; {known}")
        kept = contexts[name]
    elif current in contexts:
        kept = contexts[current]
    address = server or os.environ.get("AFCTL_SERVER", "") or kept.server
    if not address:
        raise InvalidInputError("no coordinator was named: give server=\"HOST:PORT\", set AFCTL_SERVER=HOST:PORT, or keep "
                                "one with `afctl login HOST:PORT`")
    if not address.rpartition(":")[0] or not address.rpartition(":")[2].isdecimal():
        raise InvalidInputError(f"{address}: give the coordinator's address as HOST:PORT")
    if address != kept.server:
        kept = Endpoint("")
    found = Endpoint(server=address, ca=os.fspath(ca) if ca else os.environ.get("AFCTL_CA", "") or kept.ca,
                     key=key or os.environ.get("AFCTL_KEY", "") or kept.key)
    if not all(32 < ord(character) < 127 for character in found.key):
        raise InvalidInputError("the access key has spaces or other characters that no key has; give it as it was shown")
    return found
