"""What a fork server loads beforehand, so that a forked `foldline train` starts in milliseconds and not in seconds."""

import torch
import torch.utils.tensorboard

import foldline.commands.train
import foldline.console.progress
import foldline.console.training
import foldline.datasets
import train.trainer

torch.optim.Adam([torch.zeros(1, requires_grad=True)])  # torch loads half of itself with its first optimiser

__all__ = ["foldline", "torch", "train"]
