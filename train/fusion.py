"""`fuse_batch_norm`: batch norm fused into the fully connected layer, since the hardware has no batch norm."""

from __future__ import annotations

from dataclasses import replace

import torch

from train.model import Recogniser


def fuse_batch_norm(model: Recogniser) -> Recogniser:
    """The same network without batch norm: s = gamma / sqrt(running_var + eps), bias += W (beta - running_mean * s),
    W *= s (docs/spec/training.md). In evaluation mode and floating point both give the same scores.

    Where the fully connected layer is quantized, the fused weights are quantized anew and may leave [-1, 1), where
    they are clipped: retrain, or let `train.export` scale them.

    :returns: a new model with ``prefused_bn_fc``; `model` itself if it has no batch norm.
    """
    if model.batch_norm is None:
        return model
    fused = Recogniser(replace(model.hyperparameters, prefused_bn_fc=True), model.classes)
    norm = model.batch_norm
    # In double precision, so that fusing adds one rounding to float32 and no more.
    scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    shift = norm.bias.double() - norm.running_mean.double() * scale
    weight = model.fc.weight.double()
    with torch.no_grad():
        fused.recurrent.load_state_dict(model.recurrent.state_dict())
        fused.fc.bias.copy_(model.fc.bias.double() + weight @ shift)
        fused.fc.weight.copy_(weight * scale)
    return fused.train(model.training)
