"""Our U-Net as a program that takes turns with another's (benchmarks/unet_cpu.cc)."""

import subprocess


class OurUNet:
    """path: safetensors with weights, tensors and configuration, as unet_cpu.cc reads them; dtype: float32 or bfloat16."""

    def __init__(self, binary, path, dtype, threads, batch):
        self.process = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.ask(f"load {path} {dtype} {threads} {batch}") == "loaded"

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def timed(self, command, count):
        """Seconds taken, and the last loss or the norm of the result."""
        seconds, value = self.ask(f"{command} {count}").split()
        return float(seconds), float(value)

    def close(self):
        self.process.stdin.close()
        self.process.wait()
