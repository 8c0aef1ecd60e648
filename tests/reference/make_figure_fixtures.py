"""Makes tests/data/figures/*: what torchmetrics, torch-fidelity and scikit-image say of small inputs.

Made with torchmetrics 1.9.0, torch-fidelity 0.4.0, scikit-image 0.26.0, scipy 1.17.1 and torch 2.11.0. Deterministic.
Usage: python tests/reference/make_figure_fixtures.py [OUTPUT_DIR]

  figures.safetensors  sets of features x, y with fid, kid, precision, recall, density, coverage, vendi; images a, b with
                       ssim and psnr by image; Inception's and LPIPS's outputs on random weights
  inception.names      the tensors of torch-fidelity's Inception V3 that its 2048 features depend on

The networks' weights are too large to be kept. random_weights draws them from the names and shapes alone; the tests do
the same.
"""

import math
import pathlib
import sys
import types
import unittest.mock

import numpy
import scipy.linalg
import torch
import torchvision
from safetensors.torch import save_file
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric
from torchmetrics.functional.image.lpips import _LPIPS

from reference_names import write_names

NEIGHBOURS = 5


def random_weights(shapes):
    """Tensor i of the sorted names: uniform numbers from a generator seeded with 1000 + i, scaled by what they are."""
    state = {}
    for i, name in enumerate(sorted(shapes)):
        numbers = torch.rand(shapes[name], generator=torch.Generator().manual_seed(1000 + i))
        if name.endswith(("running_var", "bn.weight")):
            numbers += 0.5
        elif len(shapes[name]) == 4 and not name.startswith("lin"):
            numbers = (numbers * 2 - 1) * math.sqrt(6 / numbers[0].numel())
        elif not name.startswith("lin"):
            numbers = (numbers - 0.5) * 0.2
        state[name] = numbers
    return state


class Untrained(FeatureExtractorInceptionV3):
    """Its constructor wants a file of weights."""

    def load_state_dict(self, state, strict=True):
        return None if state is None else super().load_state_dict(state, strict)


def inception(folder, images):
    with unittest.mock.patch("torch.load", return_value=None):
        net = Untrained("inception-v3-compat", ["2048"], feature_extractor_weights_path="none")
    kept = {name: tensor for name, tensor in net.state_dict().items()
            if not name.startswith("fc.") and not name.endswith("num_batches_tracked")}
    state = random_weights({name: tuple(tensor.shape) for name, tensor in kept.items()})
    net.load_state_dict(state, strict=False)
    parameters = [tensor for name, tensor in kept.items() if ".running_" not in name]
    write_names(types.SimpleNamespace(state_dict=lambda: kept, parameters=lambda: parameters),
                folder / "inception.names")
    with torch.no_grad():
        return {"inception.features": net(images)[0],
                "inception.resized": interpolate_bilinear_2d_like_tensorflow1x(
                    images[:1, :1].float(), size=(40, 40), align_corners=False)}


def lpips(a, b):
    net = _LPIPS(pretrained=False, net="alex", pnet_rand=True)
    alexnet = torchvision.models.alexnet(weights=None).features
    names = {f"features.{name}": tuple(tensor.shape) for name, tensor in alexnet.state_dict().items()}
    names |= {f"lin{i}.weight": tuple(lin.model[-1].weight.shape) for i, lin in enumerate(net.lins)}
    state = random_weights(names)
    own = net.state_dict()
    for name in own:
        if name.startswith("net.slice"):
            own[name] = state["features." + name.split(".", 2)[2]]
        elif name.startswith("lin") and not name.startswith("lins"):
            own[name] = state[name.split(".")[0] + ".weight"]
        elif name.startswith("lins."):
            own[name] = state["lin" + name.split(".")[1] + ".weight"]
    net.load_state_dict(own)
    with torch.no_grad():
        return {"lpips": net.eval()(a / 127.5 - 1, b / 127.5 - 1).flatten()}


def density_and_coverage(generated, real):
    """Naeem et al. 2020, eq. 3 and 4, as written."""
    radii = torch.cdist(real, real).sort(1).values[:, NEIGHBOURS]
    inside = torch.cdist(generated, real) <= radii[None]
    return inside.double().sum(1).mean() / NEIGHBOURS, inside.any(0).double().mean()


def main():
    default = pathlib.Path(__file__).resolve().parent.parent / "data" / "figures"
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    folder.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(7)
    x = torch.randn(40, 6, generator=generator).double()
    y = (0.7 * torch.randn(30, 6, generator=generator) + 0.4).double()
    fid = fid_statistics_to_metric(fid_features_to_statistics(x), fid_features_to_statistics(y), False)
    wide_x = torch.randn(12, 50, generator=generator).double()
    wide_y = torch.randn(9, 50, generator=generator).double() + 0.2
    wide = fid_statistics_to_metric(fid_features_to_statistics(wide_x), fid_features_to_statistics(wide_y), False)
    # All of the smaller set and as many of the larger: one subset.
    kid = kid_features_to_metric(x[:30], y, kid_subsets=1, kid_subset_size=30, kid_degree=3, kid_gamma=None,
                                 kid_coef0=1, rng_seed=1, verbose=False)
    prc = prc_features_to_metric(x, y, prc_neighborhood=NEIGHBOURS, prc_batch_size=1000, save_cpu_ram=False,
                                 verbose=False)
    density, coverage = density_and_coverage(x, y)
    unit = (x / x.norm(dim=1, keepdim=True)).numpy()
    share = scipy.linalg.eigvalsh(unit @ unit.T / len(unit))
    share = share[share > 1e-12]
    images = torch.randint(0, 256, (3, 3, 9, 11), generator=generator).float()
    smooth = torch.nn.functional.interpolate(images, (48, 40), mode="bicubic").clamp(0, 255)
    noise = torch.randn(smooth.shape, generator=generator) * torch.tensor([2.0, 10, 40]).view(3, 1, 1, 1)
    a, b = smooth.byte(), (smooth + noise).clamp(0, 255).byte()
    pictures = [(one.permute(1, 2, 0).numpy(), other.permute(1, 2, 0).numpy()) for one, other in zip(a, b)]
    ssim = [structural_similarity(one, other, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
                                  data_range=255, channel_axis=2) for one, other in pictures]
    psnr = [peak_signal_noise_ratio(one, other, data_range=255) for one, other in pictures]
    tensors = {"x": x, "y": y, "wide_x": wide_x, "wide_y": wide_y, "a": a, "b": b,
               "ssim": torch.tensor(numpy.array(ssim)), "psnr": torch.tensor(numpy.array(psnr)),
               **inception(folder, a[:2]), **lpips(a.float(), b.float())}
    numbers = {"fid": fid["frechet_inception_distance"], "wide_fid": wide["frechet_inception_distance"],
               "kid": kid["kernel_inception_distance_mean"], "precision": prc["precision"], "recall": prc["recall"],
               "density": density, "coverage": coverage, "vendi": math.exp(-(share * numpy.log(share)).sum())}
    path = folder / "figures.safetensors"
    save_file({name: (tensor.float() if tensor.dtype == torch.float64 else tensor).contiguous()
               for name, tensor in tensors.items()}, path, {name: repr(float(value)) for name, value in numbers.items()})
    print(path, path.stat().st_size, numbers)


if __name__ == "__main__":
    main()
