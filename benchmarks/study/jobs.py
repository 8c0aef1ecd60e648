"""The jobs of a study, which are found again by everything that their results depend on."""

import json
import os


class Jobs:
    """Names of jobs by what was asked for in full: settings as the preset resolves them now, the engine's result version,
    the datasets' digests and the references'. A new default or a new engine never shows an old job."""

    def __init__(self, path, service, preset, pairs):
        self.path, self.service, self.preset, self.pairs = path, service, preset, pairs
        self.version = service.afctl("version")["result_version"]
        self.names = {}
        if os.path.exists(path):
            with open(path) as file:
                self.names = json.load(file)

    def key(self, source, target, references, settings):
        flags = [flag for name, value in sorted(settings.items()) for flag in ("--set", f"{name}={value}")]
        resolved = self.service.afctl("settings", "--preset", self.preset, *flags)["settings"]
        return json.dumps({"engine": self.version, "source": source["digest"], "target": target["digest"],
                           "references": references, "pairs": self.pairs, "preset": self.preset, "settings": resolved},
                          sort_keys=True)

    def begin(self, source, target, references, settings):
        """The name of the job on these, begun unless it is there. source, target: datasets as `afctl dataset push` gives
        them; references: (folder, digest)."""
        folder, digest = references
        key = self.key(source, target, digest, settings)
        job = self.names.get(key)
        if job is not None:
            state = self.service.afctl("job", "get", job, check=False)
            if state is not None and state["state"] not in ("JOB_STATE_FAILED", "JOB_STATE_CANCELLED"):
                return job
        flags = [flag for name, value in sorted(settings.items()) for flag in ("--set", f"{name}={value}")]
        job = self.service.afctl("align", "--source", source["name"], "--references", folder, "--target", target["name"],
                                 "--pairs", self.pairs, "--preset", self.preset, *flags)["name"]
        self.names[key] = job
        with open(self.path + ".new", "w") as file:
            json.dump(self.names, file, indent=1)
        os.replace(self.path + ".new", self.path)
        return job
