"""Tensor: an array that remembers how it was computed, with PyTorch's words."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet._arrays import Array, as_float, to_array
from fastnet.autograd import choose, elementwise, inplace, reduce
from fastnet.autograd import shape as shaping
from fastnet.autograd.core import TensorCore, data_of, dtype_of, record, set_class, unwrap, wrap
from fastnet.autograd.delegate import array_function
from fastnet.autograd.delegate import function as delegate
from fastnet.autograd.tape import run_backward


def _to_vjp(dy: Any, needs: Any, dtype: Any) -> Any:
    return (np.asarray(dy).astype(dtype),)


class Tensor(TensorCore):
    """An array of float32, float64, int64 or bool with automatic differentiation.

    Parameters
    ----------
    data : array_like
        Is copied; `from_numpy` shares it.
    dtype : dtype, optional
        By default the array's; Python's floats become float32, integers int64.
    requires_grad : builtins.bool, default False
        Whether operations on it are recorded, so that `backward` fills its `grad`.

    Notes
    -----
    Names and meaning are PyTorch's. Operators broadcast and take numbers and arrays; float32 and
    float64 never mix (TypeError). Products with a matrix and what has a kernel run in it, the rest
    in NumPy. Edits in place (`t += u`, `t[i] = v`, `t.add_(u)`) are noticed by backward if it
    needs the old value; edits of `t.numpy()`, `t.data` or an array used as an operand are not.

    Examples
    --------
    >>> import fastnet
    >>> x = fastnet.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([[2., 4.],
            [6., 8.]])
    """

    __slots__ = ()

    def __init__(
        self, data: Any, dtype: npt.DTypeLike | None = None, requires_grad: builtins.bool = False
    ) -> None:
        self._data = data_of(data, dtype)
        self._node = None
        self._requires = False
        self._version = [0, None]
        self._grad = None
        if requires_grad:
            self.requires_grad = True

    # ---- what it is ----

    @property
    def data(self) -> Array:
        """The array itself; edits of it are not noticed by backward."""
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        self._adopt(value)

    def _adopt(self, value: Any) -> None:
        """Copy the values of an array of the same shape; the memory stays."""
        array = to_array(unwrap(value), "data")
        if array.shape != self._data.shape:
            msg = f"data must have shape {self._data.shape}, got {array.shape}"
            raise ValueError(msg)
        if array.dtype != self._data.dtype:
            msg = f"data must have dtype {self._data.dtype}, got {array.dtype}"
            raise TypeError(msg)
        self._data[...] = array
        self._version[0] += 1

    @property
    def requires_grad(self) -> builtins.bool:
        """Whether operations on it are recorded; can be set for a leaf."""
        return self._requires

    @requires_grad.setter
    def requires_grad(self, value: builtins.bool) -> None:
        if self._node is not None:
            msg = "requires_grad can be set for a leaf only; use detach()"
            raise RuntimeError(msg)
        if value and self._data.dtype.kind != "f":
            msg = f"only float32 and float64 can require a gradient, got {self._data.dtype}"
            raise RuntimeError(msg)
        self._set_requires(bool(value))

    def _set_requires(self, value: builtins.bool) -> None:
        self._requires = value

    def requires_grad_(self, requires_grad: builtins.bool = True) -> Tensor:
        """Set requires_grad and return the tensor."""
        self.requires_grad = requires_grad
        return self

    @property
    def grad(self) -> Tensor | None:
        """What backward passes have added up for a leaf; None before; what is set is copied."""
        grad: Tensor | None = self._grad
        return grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None and value is not self._grad:
            array = to_array(unwrap(value), "grad")
            if array.shape != self._data.shape:
                msg = f"grad must have shape {self._data.shape}, got {array.shape}"
                raise ValueError(msg)
            if array.dtype != self._data.dtype:
                msg = f"grad must have dtype {self._data.dtype}, got {array.dtype}"
                raise TypeError(msg)
            value = wrap(np.array(array))
        self._grad = value

    @property
    def is_leaf(self) -> builtins.bool:
        """Whether it was not computed on the tape."""
        return self._node is None

    @property
    def grad_fn(self) -> Any:
        """The node that made it, or None."""
        return self._node

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each dimension."""
        return self._data.shape

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self._data.ndim

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype."""
        return self._data.dtype

    @property
    def T(self) -> Tensor:
        """A view with the dimensions reversed."""
        view: Tensor = shaping.permute(self, tuple(range(self._data.ndim))[::-1])
        return view

    def size(self, dim: int | None = None) -> Any:
        """Return the shape, or the size of one dimension."""
        return self._data.shape if dim is None else self._data.shape[dim]

    def dim(self) -> int:
        """Return the number of dimensions."""
        return self._data.ndim

    def numel(self) -> int:
        """Return the number of elements."""
        return self._data.size

    # ---- backward ----

    def backward(self, gradient: Any = None, retain_graph: builtins.bool = False) -> None:
        """Add the gradients of this tensor to `grad` of the leaves it depends on.

        Parameters
        ----------
        gradient : array_like, optional
            Gradient of the final result with respect to this tensor, of its shape; 1 for a scalar.
        retain_graph : builtins.bool, default False
            Keep what the graph holds, so that backward can run again.

        Raises
        ------
        RuntimeError
            Without a gradient for more than one element, on a tensor that requires none, a second
            time, or if a tensor that is needed was edited in place.
        """
        if not self._requires:
            msg = "backward needs a tensor that requires a gradient, got one that does not"
            raise RuntimeError(msg)
        data = self._data
        if gradient is None:
            if data.size != 1:
                msg = f"backward without a gradient needs one element, got shape {data.shape}"
                raise RuntimeError(msg)
            gradient = np.ones(data.shape, data.dtype)
        else:
            gradient = as_float(unwrap(gradient), "gradient", data.dtype)
            if gradient.shape != data.shape:
                msg = f"gradient must have shape {data.shape}, got {gradient.shape}"
                raise ValueError(msg)
        if self._node is None:
            self._accumulate(gradient, False)
        else:
            run_backward(self._node, gradient, retain_graph)

    def detach(self) -> Tensor:
        """Return a tensor of the same memory that is not on the tape."""
        out: Tensor = wrap(self._data)
        out._version = self._version
        return out

    def clone(self) -> Tensor:
        """Return a copy, on the tape."""
        out: Tensor = record(np.array(self._data), _clone_vjp, (), (self,), (), "clone")
        return out

    # ---- to arrays, numbers and other dtypes ----

    def numpy(self) -> Array:
        """Return the array; RuntimeError for a tensor that requires a gradient (detach it)."""
        if self._requires:
            msg = "numpy() of a tensor that requires a gradient; use detach().numpy()"
            raise RuntimeError(msg)
        return self._data

    def __array__(self, dtype: Any = None, copy: builtins.bool | None = None) -> Array:
        if self._requires:
            msg = "an array of a tensor that requires a gradient; use detach().numpy()"
            raise RuntimeError(msg)
        return np.array(self._data, dtype, copy=copy)

    # Arrays leave operators with a Tensor to the Tensor.
    __array_ufunc__ = None
    __array_function__ = array_function

    def __dlpack__(self, **kwargs: Any) -> Any:
        return self.numpy().__dlpack__(**kwargs)

    def __dlpack_device__(self) -> Any:
        return self._data.__dlpack_device__()

    def item(self) -> Any:
        """Return the only element as a number of Python's."""
        if self._data.size != 1:
            msg = f"item() needs one element, got shape {self._data.shape}"
            raise ValueError(msg)
        return self._data.item()

    def tolist(self) -> Any:
        """Return the elements as nested lists."""
        return self._data.tolist()

    def to(self, dtype: Any) -> Tensor:
        """Return the tensor in another dtype; "cpu" is accepted as the device it is on."""
        if isinstance(dtype, str) and dtype == "cpu":
            return self
        kind = dtype_of(dtype)
        x = self._data
        if kind == x.dtype:
            return self
        if kind.kind != "f":
            out: Tensor = wrap(x.astype(kind))
            return out
        recorded: Tensor = record(
            as_float(x, "data", kind), _to_vjp, (x.dtype,), (self,), (), "to", True
        )
        return recorded

    def float(self) -> Tensor:
        """Return the tensor in float32."""
        return self.to(np.float32)

    def double(self) -> Tensor:
        """Return the tensor in float64."""
        return self.to(np.float64)

    def long(self) -> Tensor:
        """Return the tensor in int64."""
        return self.to(np.int64)

    def bool(self) -> Tensor:
        """Return the tensor as booleans."""
        return self.to(np.bool_)

    def cpu(self) -> Tensor:
        """Return the tensor."""
        return self

    def contiguous(self) -> Tensor:
        """Return the tensor, or a copy whose rows are contiguous."""
        return self if self._data.flags.c_contiguous else self.clone()

    def __bool__(self) -> Any:
        return bool(self._data)

    def __float__(self) -> Any:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        return self._data.__index__()

    def __repr__(self) -> str:
        text = np.array2string(self._data, separator=", ", prefix="tensor(")
        if self._data.dtype == np.float64:
            text += ", dtype=float64"
        if self._node is not None:
            text += f", grad_fn=<{self._node.name}>"
        elif self._requires:
            text += ", requires_grad=True"
        return f"tensor({text})"

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec and self._data.size == 1 else repr(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if self._node is not None:
            msg = "only leaves can be copied deeply; use detach() or clone()"
            raise RuntimeError(msg)
        out = Tensor(self._data, requires_grad=self._requires)
        out._grad = None if self._grad is None else Tensor(self._grad._data)
        memo[id(self)] = out
        return out

    def __reduce__(self) -> Any:
        if self._node is not None:
            msg = "only leaves can be pickled; use detach()"
            raise RuntimeError(msg)
        return Tensor, (np.array(self._data, order="C"), None, self._requires)

    # ---- operations ----

    __hash__ = object.__hash__
    __add__ = __radd__ = elementwise.add
    __sub__, __rsub__ = elementwise.sub, elementwise.rsub
    __mul__ = __rmul__ = elementwise.mul
    __truediv__, __rtruediv__ = elementwise.div, elementwise.rdiv
    __pow__, __rpow__ = elementwise.pow, elementwise.rpow
    __neg__, __abs__ = elementwise.neg, elementwise.abs
    __matmul__, __rmatmul__ = reduce.matmul, reduce.rmatmul
    __eq__ = elementwise.comparison(np.equal)
    __ne__ = elementwise.comparison(np.not_equal)
    __lt__ = elementwise.comparison(np.less)
    __le__ = elementwise.comparison(np.less_equal)
    __gt__ = elementwise.comparison(np.greater)
    __ge__ = elementwise.comparison(np.greater_equal)
    __and__ = __rand__ = elementwise.comparison(np.bitwise_and)
    __or__ = __ror__ = elementwise.comparison(np.bitwise_or)
    __xor__ = __rxor__ = elementwise.comparison(np.bitwise_xor)

    def __invert__(self) -> Tensor:
        out: Tensor = wrap(np.invert(self._data))
        return out

    __getitem__, __setitem__ = shaping.getitem, inplace.setitem
    __len__, __iter__ = shaping.length, shaping.iterate
    __iadd__, __isub__ = inplace.iadd, inplace.isub
    __imul__, __itruediv__ = inplace.imul, inplace.idiv
    __ipow__ = inplace.ipow

    add, sub, mul, div = elementwise.add, elementwise.sub, elementwise.mul, elementwise.div
    pow, neg, square, sign = elementwise.pow, elementwise.neg, elementwise.square, elementwise.sign
    exp, expm1, sqrt = elementwise.exp, elementwise.expm1, elementwise.sqrt
    log, log1p, log2 = elementwise.log, elementwise.log1p, elementwise.log2
    sin, cos, floor, ceil = elementwise.sin, elementwise.cos, elementwise.floor, elementwise.ceil
    abs, clip, clamp = elementwise.abs, choose.clip, choose.clip
    maximum, minimum = choose.maximum, choose.minimum
    eq, ne, lt, le, gt, ge = __eq__, __ne__, __lt__, __le__, __gt__, __ge__

    relu, sigmoid, tanh = delegate("relu"), delegate("sigmoid"), delegate("tanh")
    softmax, log_softmax = delegate("softmax"), delegate("log_softmax")

    sum, mean, var, std = reduce.sum, reduce.mean, reduce.var, reduce.std
    max, min, amax, amin = reduce.max, reduce.min, reduce.amax, reduce.amin
    argmax, argmin, all, any = reduce.argmax, reduce.argmin, reduce.all, reduce.any
    matmul = mm = reduce.matmul

    reshape = view = shaping.reshape
    flatten, permute, transpose, t = shaping.flatten, shaping.permute, shaping.transpose, shaping.t
    squeeze, unsqueeze, expand = shaping.squeeze, shaping.unsqueeze, shaping.expand

    add_, sub_, mul_, div_ = inplace.add_, inplace.sub_, inplace.imul, inplace.idiv
    copy_, fill_, zero_, clamp_ = inplace.copy_, inplace.fill_, inplace.zero_, inplace.clamp_


def _clone_vjp(dy: Any, needs: Any) -> Any:
    return (dy,)


set_class(Tensor)
