"""Tensor, the tape, and `differentiable`, which puts an operation on arrays onto it.

An operation of one's own needs its forward on arrays and the product of a gradient with its
Jacobian matrix:

>>> import numpy as np
>>> import fastnet
>>> from fastnet.autograd import differentiable, gradcheck
>>> def square_vjp(dy, y, x, needs):
...     return (2 * x * dy,)
>>> @differentiable(square_vjp)
... def square(x):
...     return x * x
>>> square(np.float32([1, 2]))
array([1., 4.], dtype=float32)
>>> x = fastnet.tensor([1.0, 2.0], requires_grad=True)
>>> square(x).sum().backward()
>>> x.grad
tensor([2., 4.])
>>> gradcheck(square, fastnet.tensor(np.array([0.5, -1.5]), requires_grad=True))
True
"""

from fastnet.autograd.check import gradcheck as gradcheck
from fastnet.autograd.create import from_numpy as from_numpy
from fastnet.autograd.create import tensor as tensor
from fastnet.autograd.lift import differentiable as differentiable
from fastnet.autograd.tape import enable_grad as enable_grad
from fastnet.autograd.tape import is_grad_enabled as is_grad_enabled
from fastnet.autograd.tape import no_grad as no_grad
from fastnet.autograd.tensor import Tensor as Tensor
