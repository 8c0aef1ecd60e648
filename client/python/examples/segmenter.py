"""From someone's dataset and a few of your images to a segmenter of your images:
segmenter.py SOURCE_DIR REFERENCE_DIR OUT_DIR PAIRS LABEL=VALUE [SETTING=VALUE ...]"""
import pathlib
import sys

import joblib
import numpy as np
from PIL import Image, ImageFilter
from sklearn.ensemble import ExtraTreesClassifier

import alignflow


def features(picture):
    """Of each pixel: its colour, and those of its surroundings at three scales."""
    scales = [picture] + [picture.filter(ImageFilter.GaussianBlur(radius)) for radius in (2, 5, 10)]
    return np.concatenate([np.asarray(scale.convert("RGB")) for scale in scales], axis=2).reshape(-1, 12)


source, references, out, pairs, label, *settings = sys.argv[1:]
out = pathlib.Path(out)
name, value = label.split("=")
with alignflow.connect() as client:
    client.push_dataset("example-source", source, labels={name: int(value)})
    job = client.align("example-source", references, int(pairs), settings=dict(text.split("=", 1) for text in settings))
    client.wait(job, on_progress=lambda now: print(now.pairs_ready, "pairs", flush=True))
    made = [(features(Image.fromarray(pair.image_array())), pair.mask_array().ravel() == int(value))
            for pair in client.pairs(job)]
test = made[::5]
train = [pair for number, pair in enumerate(made) if number % 5]
model = ExtraTreesClassifier(50, min_samples_leaf=5, class_weight="balanced", random_state=1, n_jobs=-1)
model.fit(np.concatenate([pixels for pixels, _ in train]), np.concatenate([mask for _, mask in train]))
found, truth = (np.concatenate(masks) for masks in zip(*((model.predict(pixels), mask) for pixels, mask in test)))
print(f"Dice on {len(test)} other pairs: {2 * (found & truth).sum() / (found.sum() + truth.sum()):.3f}")
out.mkdir(parents=True, exist_ok=True)
joblib.dump(model, out / "segmenter.joblib")
for path in sorted((pathlib.Path(references) / "images").iterdir()):
    picture = Image.open(path).convert("RGB").resize((64, 64))
    mask = model.predict(features(picture)).reshape(64, 64)
    Image.fromarray(np.uint8(255) * mask).save(out / f"{path.stem}.png")
