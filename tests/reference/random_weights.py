"""Weights of the small random networks that fixtures are made of."""

import math

import torch


def randomize(module, generator):
    """No weight may stay at zero, or a branch would not be tested. All are values of bfloat16, which stores them in half the bytes
    without loss. Returns the module, for inference."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            fan_in = parameter[0].numel() if parameter.dim() > 1 else 4
            parameter.normal_(0, 1 / math.sqrt(fan_in), generator=generator)
            if parameter.dim() == 1 and name.endswith("weight"):
                parameter.add_(1)
        for tensor in module.state_dict().values():
            tensor.copy_(tensor.bfloat16())
    return module.eval()
