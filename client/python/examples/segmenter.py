"""From someone's dataset and a few of your images to a segmenter of your images, one of random features and ridge regression:
segmenter.py SOURCE_DIR REFERENCE_DIR OUT_DIR PAIRS LABEL=VALUE [SETTING=VALUE ...]"""
import pathlib
import sys

import numpy as np
from PIL import Image, ImageFilter

import alignflow

SIZE = (64, 64)  # that the segmenter works at
PROJECTION = np.random.default_rng(1).normal(size=(13, 256)) / 2


def features(picture):
    """Of each pixel, from its colour and those of its surroundings at three scales: [pixels, 256]."""
    scales = [picture] + [picture.filter(ImageFilter.GaussianBlur(radius)) for radius in (2, 5, 10)]
    colours = np.concatenate([np.asarray(scale.convert("RGB")) / 64 - 2 for scale in scales], axis=2).reshape(-1, 12)
    return np.tanh(np.column_stack([colours, np.ones(len(colours))]) @ PROJECTION)


source, references, out, pairs, label, *settings = sys.argv[1:]
out, (name, value) = pathlib.Path(out), label.split("=")
with alignflow.connect() as client:
    client.push_dataset("example-source", source, labels={name: int(value)})
    job = client.align("example-source", references, int(pairs), settings=dict(text.split("=", 1) for text in settings))
    client.wait(job, on_progress=lambda now: print(now.pairs_ready, "pairs", flush=True))
    made = [(features(Image.fromarray(pair.image_array()).resize(SIZE)), np.asarray(
        Image.fromarray(pair.mask_array()).resize(SIZE, Image.NEAREST)).ravel() == int(value)) for pair in client.pairs(job)]
train, test = [pair for number, pair in enumerate(made) if number % 5], made[::5]
pixels, mask = (np.concatenate(part) for part in zip(*train))
weights = np.where(mask, (~mask).sum() / max(mask.sum(), 1), 1)  # both classes count the same
model = np.linalg.solve(pixels.T @ (weights[:, None] * pixels) + np.eye(256), pixels.T @ (weights * np.where(mask, 1, -1)))
found, truth = (np.concatenate(masks) for masks in zip(*((pixels @ model > 0, mask) for pixels, mask in test)))
print(f"Dice on {len(test)} other pairs: {2 * (found & truth).sum() / (found.sum() + truth.sum()):.3f}")
out.mkdir(parents=True, exist_ok=True)
np.savez(out / "segmenter.npz", projection=PROJECTION, model=model)
for path in sorted((pathlib.Path(references) / "images").iterdir()):
    found = (features(Image.open(path).convert("RGB").resize(SIZE)) @ model > 0).reshape(SIZE)
    Image.fromarray(np.uint8(255) * found).save(out / f"{path.stem}.png")
