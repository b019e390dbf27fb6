"""What the fork server of these tests loads beforehand, so that a forked command starts in milliseconds: no threads."""

import importlib

import matplotlib.figure
import optuna
import torch.utils.tensorboard

import fixedpoint_sim
import foldline.report
import foldline.study.training
import hls_gen.csim
import rtl_gen.project
import tests.foldline.warm
from foldline.cli import COMMANDS

for module, _ in COMMANDS.values():
    importlib.import_module(f"foldline.commands.{module}")

__all__ = ["fixedpoint_sim", "foldline", "hls_gen", "matplotlib", "optuna", "rtl_gen", "tests", "torch"]
