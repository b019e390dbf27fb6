"""What a fork server loads beforehand, so that a forked command starts in milliseconds and not in seconds: no threads."""

import importlib

import matplotlib.figure
import optuna
import torch
import torch.utils.tensorboard

import fixedpoint_sim
import foldline.console.progress
import foldline.console.training
import foldline.datasets
import foldline.report
import foldline.study.training
import hls_gen.csim
import rtl_gen.project
import train.trainer
from foldline.cli import COMMANDS

for module, _ in COMMANDS.values():
    importlib.import_module(f"foldline.commands.{module}")
torch.optim.Adam([torch.zeros(1, requires_grad=True)])  # torch loads half of itself with its first optimiser

__all__ = ["fixedpoint_sim", "foldline", "hls_gen", "matplotlib", "optuna", "rtl_gen", "torch", "train"]
