"""SD 3.5 Medium with a ControlNet of 12 blocks, random weights: AlignFlow beside diffusers' pipeline, with the same weights and
inputs in one run. Prints a Markdown table.

Usage: sd35.py BENCHMARK_BINARY [--rounds N] [--batch N] [--threads N]

On a GPU: full size in bfloat16, 512 x 512, and about 10 GB of temporary files (TMPDIR) where diffusers is there to read them.
Without one: a scaled-down model in float32. Each contestant is a process of its own, so that its memory is its own; each thing
is done once to warm up, and the median of the rounds counts.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import sd35_flop

FULL = {
    "transformer": dict(sample_size=128, patch_size=2, in_channels=16, num_layers=24, attention_head_dim=64,
                        num_attention_heads=24, joint_attention_dim=4096, caption_projection_dim=1536,
                        pooled_projection_dim=2048, out_channels=16, pos_embed_max_size=384,
                        dual_attention_layers=list(range(13)), qk_norm="rms_norm"),
    "vae": dict(in_channels=3, out_channels=3, block_out_channels=[128, 256, 512, 512],
                down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4, layers_per_block=2,
                latent_channels=16, norm_num_groups=32, scaling_factor=1.5305, shift_factor=0.0609,
                use_quant_conv=False, use_post_quant_conv=False),
    "dinov3": dict(model_type="dinov3_vit", patch_size=16, hidden_size=1280, intermediate_size=5120, num_hidden_layers=32,
                   num_attention_heads=20, num_register_tokens=4, hidden_act="silu", use_gated_mlp=True),
}
SMALL = {
    "transformer": FULL["transformer"] | dict(num_layers=4, num_attention_heads=4, caption_projection_dim=256,
                                              joint_attention_dim=512, pooled_projection_dim=256, pos_embed_max_size=48,
                                              dual_attention_layers=[0, 1]),
    "vae": FULL["vae"] | dict(block_out_channels=[32, 64, 128, 128]),
    "dinov3": FULL["dinov3"] | dict(hidden_size=384, intermediate_size=1536, num_hidden_layers=4, num_attention_heads=6),
}
# ViT-H/16+ was trained at 224 pixels.
PREPROCESSING = dict(image_processor_type="DINOv3ViTImageProcessorFast", do_resize=True, do_rescale=True, do_normalize=True,
                     rescale_factor=1 / 255, resample=2, size=dict(height=224, width=224),
                     image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225])
PROBE = """
import importlib.util, json, torch
found = [name for name in ("diffusers", "transformers", "safetensors") if importlib.util.find_spec(name) is None]
print(json.dumps({"gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None, "missing": found}))
"""
BASELINE = "diffusers, eager"
STEADY = 0.9  # the slowest product over the fastest, below which contestants cannot be compared


def make_folder(folder, full):
    """Every config.json in place; returns them by component."""
    configs = dict(FULL if full else SMALL)
    blocks = 12 if full else 2
    configs["controlnet"] = configs["transformer"] | dict(num_layers=blocks, extra_conditioning_channels=0,
                                                          force_zeros_for_pooled_projection=True)
    for name, config in configs.items():
        (folder / name).mkdir()
        (folder / name / "config.json").write_text(json.dumps(config))
    (folder / "dinov3" / "preprocessor_config.json").write_text(json.dumps(PREPROCESSING))
    (folder / "scheduler").mkdir()
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps({"num_train_timesteps": 1000, "shift": 3.0}))
    return configs


def results(command):
    """What a contestant prints, by name; "error" is why there is nothing, or nothing more."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    found = {line["what"]: line for line in lines}
    if done.returncode != 0:
        print(done.stderr[-4000:], file=sys.stderr)
        # Not the last line of stderr: one that was killed has nothing there but old warnings.
        found["error"] = (f"killed by signal {-done.returncode}" if done.returncode < 0 else
                          f"exit status {done.returncode}") + f" after {', '.join(found) or 'nothing'}"
    return found


def rate(found, what):
    """Per second; None where it was not measured."""
    seconds = found.get(what, {}).get("seconds")
    return 1 / statistics.median(seconds) if seconds and "error" not in found[what] else None


def products(contestants, side):
    """FLOP/s of the product, before and after each contestant's own work: where it differs, the machine was not steady."""
    times = [found[what]["seconds"] for found in contestants.values() for what in ("product", "product, after")
             if "seconds" in found.get(what, {})]
    return [2 * side**3 / statistics.median(seconds) for seconds in times]


def cell(value, baseline=None):
    if value is None:
        return "-"
    if baseline is None:
        return f"{value:.3g}"
    return f"{value / baseline:.2f}"


def print_table(contestants, flop, batch, product):
    """contestants: name -> {"images" | "fit" | "align": result line}. flop: of one image; product: FLOP/s."""
    baseline = contestants[BASELINE]
    print("| | images/s | times eager | of the product's rate | stage-1 steps/s | times eager | stage-2 steps/s | times eager "
          "| most memory, GiB: images, stages 1, 2 |")
    print("| --- " * 9 + "|")
    for name, found in contestants.items():
        calls = rate(found, "images")
        row = [cell(calls and calls * batch)]
        for what in ("images", "fit", "align"):
            own, other = rate(found, what), rate(baseline, what)
            if what != "images":
                row.append(cell(own))
            row.append(cell(own, other) if other else "-")
            if what == "images":
                row.append(f"{calls * batch * flop / product:.0%}" if calls and product else "-")
        peaks = [found.get(what, {}).get("peak_bytes") for what in ("images", "fit", "align")]
        row.append(", ".join("-" if peak is None else f"{peak / 2**30:.1f}" for peak in peaks))
        print(f"| {name} | " + " | ".join(row) + " |")
    print()
    for name, found in contestants.items():
        if isinstance(found.get("error"), str):
            print(f"- {name}: {found['error']}")
        for what in ("images", "fit", "align"):
            if "error" in found.get(what, {}):
                print(f"- {name}, {what}: {found[what]['error']}")


def check(ours, peers, full):
    """The same work was done: the first losses agree, and the images look alike. Returns lines for people."""
    limits = {"images": 0.5, "fit": 0.05, "align": 0.05} if full else {"images": 1e-2, "fit": 1e-3, "align": 1e-3}
    lines, failed = [], False
    for name, found in peers.items():
        for what in ("images", "fit", "align"):
            if not all("value" in results.get(what, {}) for results in (found, ours)):
                continue  # not measured; the table says why
            # null: our program's word for a number that is none
            value, expected = (float("nan") if (number := results[what]["value"]) is None else number for results in (found, ours))
            difference = value if what == "images" else abs(value - expected) / abs(expected)
            failed |= not difference <= limits[what]
            lines.append(f"{name}, {what}: {difference:.1e} (limit {limits[what]})")
    return lines, failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    probe = json.loads(subprocess.run([sys.executable, "-c", PROBE], check=True, stdout=subprocess.PIPE).stdout)
    full = probe["gpu"] is not None
    run = dict(device="cuda" if full else "cpu", dtype="bfloat16" if full else "float32", batch=arguments.batch,
               image=512 if full else 128, text_tokens=333 if full else 77, steps=28, guidance=7.0,
               rounds=arguments.rounds, product=8192 if full else 1024, save=not probe["missing"])
    if not full:
        run["threads"] = arguments.threads
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        configs = make_folder(folder, full)
        (folder / "run.json").write_text(json.dumps(run))
        ours = results([arguments.binary, str(folder)])
        contestants = {"AlignFlow": ours}
        if full:
            contestants["AlignFlow, CUDA graph"] = {"images": ours.get("images, graph", {})}
        peer = pathlib.Path(__file__).with_name("sd35_peer.py")
        for mode in ("eager", "compile"):
            name = BASELINE if mode == "eager" else "diffusers, torch.compile"
            contestants[name] = ({"error": "not installed: " + ", ".join(probe["missing"])} if probe["missing"] else
                                 results([sys.executable, str(peer), str(folder), mode]))

    flop = sd35_flop.image(configs, run)
    measured = products(contestants, run["product"])
    product = max(measured, default=None)
    if full:
        where = f"SD 3.5 Medium, ControlNet of 12 blocks, DINOv3 ViT-H/16+, 512 x 512, bfloat16, on one {probe['gpu']}"
    else:
        where = ("SCALED DOWN, as there is no GPU: a transformer of 4 blocks of width 256, a ControlNet of 2, 128 x 128, float32, on "
                 f"{arguments.threads} thread(s) of a CPU; this says nothing about the full size")
    print(f"{where}; random weights, batch {run['batch']}, {run['steps']} steps, guidance {run['guidance']:g}; median of "
          f"{run['rounds']} rounds, one contestant after another. One image is {flop / 1e12:.3g} TFLOP. In training AlignFlow computes "
          "blocks once more in the backward pass, diffusers keeps their activations.")
    if measured:
        print(f"The product of two square matrices of {run['product']} ran at {min(measured) / 1e12:.3g} to "
              f"{product / 1e12:.3g} TFLOP/s, before and after each contestant; shares are of the fastest.")
    print()
    print_table(contestants, flop, run["batch"], product)
    peers = {name: found for name, found in contestants.items() if name.startswith("diffusers")}
    if full:
        peers["CUDA graph, against none"] = contestants["AlignFlow, CUDA graph"]
    lines, failed = check(ours, peers, full)
    print("\nDifference from AlignFlow (images: relative norm; fit and align: the first loss):")
    for line in lines:
        print(f"- {line}")
    if measured and min(measured) < STEADY * product:
        sys.exit("the machine was not steady: neither ratios nor shares above mean anything; repeat on an idle one")
    if failed:
        sys.exit("the contestants did not compute the same: the table above is void")


if __name__ == "__main__":
    main()
