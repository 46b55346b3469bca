"""Dense neural networks and Monte Carlo expectations on a CPU."""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from numpy import float32 as float32
from numpy import float64 as float64
from numpy import int64 as int64

from fastnet import autograd as autograd
from fastnet import functional as functional
from fastnet import nn as nn
from fastnet import optim as optim
from fastnet import random as random
from fastnet import runtime as runtime
from fastnet import stats as stats
from fastnet._core import __version__ as __version__
from fastnet.autograd import Tensor as Tensor
from fastnet.autograd import enable_grad as enable_grad
from fastnet.autograd import from_numpy as from_numpy
from fastnet.autograd import is_grad_enabled as is_grad_enabled
from fastnet.autograd import no_grad as no_grad
from fastnet.autograd import tensor as tensor
from fastnet.autograd.choose import clip as clamp
from fastnet.autograd.choose import clip as clip
from fastnet.autograd.choose import maximum as maximum
from fastnet.autograd.choose import minimum as minimum
from fastnet.autograd.choose import where as where
from fastnet.autograd.create import arange as arange
from fastnet.autograd.create import as_tensor as as_tensor
from fastnet.autograd.create import full as full
from fastnet.autograd.create import linspace as linspace
from fastnet.autograd.create import ones as ones
from fastnet.autograd.create import ones_like as ones_like
from fastnet.autograd.create import rand as rand
from fastnet.autograd.create import zeros as zeros
from fastnet.autograd.create import zeros_like as zeros_like
from fastnet.autograd.elementwise import abs as abs
from fastnet.autograd.elementwise import add as add
from fastnet.autograd.elementwise import ceil as ceil
from fastnet.autograd.elementwise import cos as cos
from fastnet.autograd.elementwise import div as div
from fastnet.autograd.elementwise import exp as exp
from fastnet.autograd.elementwise import expm1 as expm1
from fastnet.autograd.elementwise import floor as floor
from fastnet.autograd.elementwise import log as log
from fastnet.autograd.elementwise import log1p as log1p
from fastnet.autograd.elementwise import log2 as log2
from fastnet.autograd.elementwise import mul as mul
from fastnet.autograd.elementwise import neg as neg
from fastnet.autograd.elementwise import pow as pow
from fastnet.autograd.elementwise import sign as sign
from fastnet.autograd.elementwise import sin as sin
from fastnet.autograd.elementwise import sqrt as sqrt
from fastnet.autograd.elementwise import square as square
from fastnet.autograd.elementwise import sub as sub
from fastnet.autograd.reduce import all as all
from fastnet.autograd.reduce import amax as amax
from fastnet.autograd.reduce import amin as amin
from fastnet.autograd.reduce import any as any
from fastnet.autograd.reduce import argmax as argmax
from fastnet.autograd.reduce import argmin as argmin
from fastnet.autograd.reduce import matmul as matmul
from fastnet.autograd.reduce import max as max
from fastnet.autograd.reduce import mean as mean
from fastnet.autograd.reduce import min as min
from fastnet.autograd.reduce import std as std
from fastnet.autograd.reduce import sum as sum
from fastnet.autograd.reduce import var as var
from fastnet.autograd.shape import cat as cat
from fastnet.autograd.shape import flatten as flatten
from fastnet.autograd.shape import permute as permute
from fastnet.autograd.shape import reshape as reshape
from fastnet.autograd.shape import squeeze as squeeze
from fastnet.autograd.shape import stack as stack
from fastnet.autograd.shape import t as t
from fastnet.autograd.shape import transpose as transpose
from fastnet.autograd.shape import unsqueeze as unsqueeze
from fastnet.functional import log_softmax as log_softmax
from fastnet.functional import relu as relu
from fastnet.functional import sigmoid as sigmoid
from fastnet.functional import softmax as softmax
from fastnet.functional import tanh as tanh
from fastnet.random import manual_seed as manual_seed
from fastnet.runtime import set_num_threads as set_num_threads
from fastnet.runtime import show_config as show_config
from fastnet.stats import describe as describe
from fastnet.trainer import Trainer as Trainer

if _TYPE_CHECKING:
    from fastnet import montecarlo as montecarlo
    from fastnet import reference as reference
    from fastnet.montecarlo import Estimate as Estimate
    from fastnet.montecarlo import conditional_expectation as conditional_expectation
    from fastnet.montecarlo import expectation as expectation
    from fastnet.montecarlo import mc_dropout as mc_dropout
    from fastnet.quantization import quantize as quantize

# Loaded when they are first named, since most programs need only the rest.
_LATER = {
    "Estimate": "montecarlo",
    "conditional_expectation": "montecarlo",
    "expectation": "montecarlo",
    "mc_dropout": "montecarlo",
    "montecarlo": "",
    "quantize": "quantization",
    "reference": "",
}


def __getattr__(name: str) -> _Any:
    if name not in _LATER:
        msg = f"module 'fastnet' has no attribute {name!r}"
        raise AttributeError(msg)
    module = _LATER[name]
    value = (
        getattr(_import_module(f"fastnet.{module}"), name)
        if module
        else _import_module(f"fastnet.{name}")
    )
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})


# What Python's builtins are called is left out: `from fastnet import *` hides none of them.
__all__ = [
    "Estimate",
    "Tensor",
    "Trainer",
    "__version__",
    "add",
    "amax",
    "amin",
    "arange",
    "argmax",
    "argmin",
    "as_tensor",
    "autograd",
    "cat",
    "ceil",
    "clamp",
    "clip",
    "conditional_expectation",
    "cos",
    "describe",
    "div",
    "enable_grad",
    "exp",
    "expectation",
    "expm1",
    "flatten",
    "float32",
    "float64",
    "floor",
    "from_numpy",
    "full",
    "functional",
    "int64",
    "is_grad_enabled",
    "linspace",
    "log",
    "log1p",
    "log2",
    "log_softmax",
    "manual_seed",
    "matmul",
    "maximum",
    "mc_dropout",
    "mean",
    "minimum",
    "montecarlo",
    "mul",
    "neg",
    "nn",
    "no_grad",
    "ones",
    "ones_like",
    "optim",
    "permute",
    "quantize",
    "rand",
    "random",
    "reference",
    "relu",
    "reshape",
    "runtime",
    "set_num_threads",
    "show_config",
    "sigmoid",
    "sign",
    "sin",
    "softmax",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "stats",
    "std",
    "sub",
    "t",
    "tanh",
    "tensor",
    "transpose",
    "unsqueeze",
    "var",
    "where",
    "zeros",
    "zeros_like",
]
