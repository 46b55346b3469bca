"""Optimizers, with PyTorch's names, options and update rules."""

from fastnet.optim.adam import Adam as Adam
from fastnet.optim.adam import AdamW as AdamW
from fastnet.optim.optimizer import Optimizer as Optimizer
from fastnet.optim.sgd import SGD as SGD
