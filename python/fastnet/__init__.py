"""Dense neural networks and Monte Carlo expectations on a CPU."""

from fastnet import autograd as autograd
from fastnet import functional as functional
from fastnet import nn as nn
from fastnet import optim as optim
from fastnet import random as random
from fastnet import reference as reference
from fastnet import runtime as runtime
from fastnet._core import __version__ as __version__
from fastnet.autograd import Tensor as Tensor
from fastnet.autograd import enable_grad as enable_grad
from fastnet.autograd import from_numpy as from_numpy
from fastnet.autograd import is_grad_enabled as is_grad_enabled
from fastnet.autograd import no_grad as no_grad
from fastnet.autograd import tensor as tensor
from fastnet.random import manual_seed as manual_seed
from fastnet.runtime import set_num_threads as set_num_threads
from fastnet.runtime import show_config as show_config
from fastnet.trainer import Trainer as Trainer

__all__ = [
    "Trainer",
    "__version__",
    "functional",
    "manual_seed",
    "random",
    "reference",
    "runtime",
    "set_num_threads",
    "show_config",
]
