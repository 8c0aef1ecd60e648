"""Our U-Net as a program that takes turns with another's (benchmarks/unet_cpu.cc)."""

import subprocess


class OurUNet:
    """Made by `of_each_type`."""

    def __init__(self, binary):
        self.process = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    @classmethod
    def of_each_type(cls, binary, path, threads, batch):
        """"AlignFlow, float32" and, where the CPU has it, "AlignFlow, bfloat16". path: as unet_cpu.cc reads it."""
        programs = {}
        for dtype in ("float32", "bfloat16"):
            program = cls(binary)
            answer = program.ask(f"load {path} {dtype} {threads} {batch}")
            if answer == "loaded":
                programs[f"AlignFlow, {dtype}"] = program
            else:
                program.close()
                assert answer == "unavailable", answer
        return programs

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
