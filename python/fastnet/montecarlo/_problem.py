"""What an expectation is made of, and who evaluates it: the engine, a network, Python."""

from __future__ import annotations

import math
import uuid
from typing import Any, ClassVar

import numpy as np

from fastnet import _core
from fastnet._arrays import Array
from fastnet._compile.layers import compile_inference
from fastnet.montecarlo._callback import address_of
from fastnet.montecarlo._function import Function, columns_of, is_scalar
from fastnet.montecarlo._identity import program_digest
from fastnet.montecarlo._samples import CHUNK, Samples
from fastnet.montecarlo.tracing import Untraceable, symbol_for
from fastnet.nn.module import Module

NAN_POLICIES = ("raise", "omit", "propagate")
# Samples on which a trace is compared with the function, a prime: no other axis has that length.
_TRIAL = 509
# Chunks that a Python function gets at a time.
_PYTHON_CHUNKS = 8
_ALL_FINITE = 2**64 - 1


class Problem:
    """A function of samples, ready to be evaluated by chunks.

    Parameters
    ----------
    samples : Samples
    function : Function
    nan_policy : {"raise", "omit", "propagate"}
    """

    def __init__(self, samples: Samples, function: Function, nan_policy: str) -> None:
        self.token = uuid.uuid4().hex
        self.samples, self.function = samples, function
        self.nan_policy = nan_policy
        self.policy = NAN_POLICIES.index(nan_policy)
        self.expression: Any = None
        self.network: Any = None
        self.how, self.reason, self.digest = "python", "", ""
        self.callback = address_of(function.f)
        if self.callback is not None:
            self._require_callback()
            self.how, self.scalar, self.outputs, self.columns = "callback", True, 1, 1
        else:
            self.scalar, self.outputs, self.columns = self._try()

    def __reduce__(self) -> Any:
        return Recipe, (self.token, self.samples, self.function, self.nan_policy)

    def _require_callback(self) -> None:
        samples, kind = self.samples, self.callback[0] if self.callback else 0
        if samples.core is None or samples.dtype != np.float64 or self.function.plain is False:
            msg = (
                "a compiled callback takes float64 samples of laws that the engine draws, and no "
                "variance reduction"
            )
            raise ValueError(msg)
        if kind < 2 and samples.dim is not None:
            msg = f"a callback of one number takes a scalar law, got dimension {samples.dim}"
            raise ValueError(msg)

    # ---- trial ----

    def _try(self) -> tuple[bool, int, int]:
        """Call f on a few samples, trace it, and compare; return what it gives."""
        x = self.samples.rows(0, _TRIAL)
        with np.errstate(all="ignore"):
            first = self.function.f(x.copy()) if self.function.f is not None else x
            outputs = self.function.require_width(len(columns_of(first, _TRIAL)))
            scalar = is_scalar(first)
            values = self.function.array(x.copy())
            try:
                if not self._compile(x, values):
                    self._trace(x, values)
            except Exception as error:
                # Whatever goes wrong with a symbol is a reason not to use one; f on arrays has
                # just gone well.
                self.expression = None
                self.reason = str(error).partition("\n")[0] or type(error).__name__
        return scalar, outputs, len(values)

    def _compile(self, x: Array, values: Array) -> bool:
        """Whether f is a network that the engine runs on samples as it draws them."""
        model = self.function.f
        if not isinstance(model, Module) or not self.function.plain:
            return False
        compiled = compile_inference(model)
        if compiled is None or self.samples.core is None:
            msg = "the model cannot be compiled for evaluation on these samples"
            raise Untraceable(msg)
        if compiled.dtype != x.dtype:
            msg = f"the model is of {compiled.dtype} and the samples of {x.dtype}, see dtype"
            raise Untraceable(msg)
        out = np.empty((len(x), len(values)), x.dtype)
        compiled.network.predict(np.ascontiguousarray(x.reshape(len(x), -1)), out)
        if not _same(out.T, values):
            msg = "the compiled model gives other values than the model itself"
            raise Untraceable(msg)
        self.network, self.how = compiled.network, "network"
        return True

    def _trace(self, x: Array, values: Array) -> None:
        if self.samples.core is None:
            msg = "the distribution is not one that the engine draws"
            raise Untraceable(msg)
        symbol = symbol_for(x)
        columns = self.function(symbol)
        for column, value in zip(columns, values, strict=True):
            # Whatever NumPy did on the way was done to x: nothing but the same bits will do.
            if not _same(np.asarray(column._data, value.dtype), value):
                msg = "its trace gives other values than the function itself"
                raise Untraceable(msg)
        if not _same(self.function.array(x.copy()), values):
            msg = "it gives other values for the same samples when called again"
            raise Untraceable(msg)
        nodes = [column._nodes[()] for column in columns]
        expression = symbol._program.compile(nodes)
        out = np.empty((len(nodes), _TRIAL), x.dtype)
        expression.evaluate(np.ascontiguousarray(np.atleast_2d(x.T)), out)
        if not _close(out, values):
            msg = "its compiled trace differs from the function itself"
            raise Untraceable(msg)
        self.digest = program_digest(symbol._program, [node.number for node in nodes])
        self.expression, self.how = expression, "traced"

    # ---- chunks ----

    def run(self, tree: Any, first: int, count: int, last_samples: int) -> None:
        """Add chunks to the tree; FloatingPointError for a value that must not be."""
        source, rest = self.samples.core, (first, count, last_samples, self.policy)
        suffix = "f32" if self.samples.dtype == np.float32 else "f64"
        if self.expression is not None:
            f = getattr(_core, f"estimate_{suffix}")
            return self._check(f(tree, source, self.expression, *rest))
        if self.network is not None:
            f = getattr(_core, f"estimate_network_{suffix}")
            return self._check(f(tree, source, self.network, *rest))
        if self.callback is not None:
            return self._check(_core.estimate_callback(tree, source, *self.callback, *rest))
        for begin in range(first, first + count, _PYTHON_CHUNKS):
            chunks = min(_PYTHON_CHUNKS, first + count - begin)
            n = chunks * CHUNK
            if begin + chunks == first + count:
                n -= CHUNK - last_samples
            self._run_python(tree, begin, n)
        return None

    def _run_python(self, tree: Any, first: int, n: int) -> None:
        # A new array for every call: f may keep it, change it, or give it back.
        values = self.function.array(self.samples.rows(first, n))
        if len(values) != self.columns:
            msg = (
                f"f must return {self.columns} values a sample as it did at first, got "
                f"{len(values)} in samples {first * CHUNK} to {first * CHUNK + n - 1}"
            )
            raise ValueError(msg)
        suffix = "f32" if values.dtype == np.float32 else "f64"
        self._check(getattr(_core, f"estimate_array_{suffix}")(tree, values, first, self.policy))

    def _check(self, bad: int) -> None:
        if bad == _ALL_FINITE:
            return
        chunk, row = divmod(bad, CHUNK)
        x = self.samples.rows(chunk, row + 1)[row:]
        if self.callback is None:
            with np.errstate(all="ignore"):
                values = self.function.array(x.copy())[:, 0]
        else:
            values = np.array([np.nan])
        msg = (
            f"f is {values[0] if len(values) == 1 else values} at sample {bad}, x = {x[0]}; "
            'pass nan_policy="omit" or "propagate" to go on'
        )
        raise FloatingPointError(msg)


class Recipe:
    """What a Problem is in another process: f is not called before the first task is run.

    An error of f while a task is unpickled would end the process and not the task.
    """

    _last: ClassVar[Problem | None] = None

    def __init__(self, token: str, samples: Samples, function: Function, nan_policy: str) -> None:
        self.token, self.parts = token, (samples, function, nan_policy)

    def problem(self) -> Problem:
        """Return the problem, which the next task of the same one has again."""
        last = Recipe._last
        if last is None or last.token != self.token:
            last = Problem(*self.parts)
            last.token = self.token
            Recipe._last = last
        return last


def _same(a: Array, b: Array) -> bool:
    """Whether all bits are equal, NaN payloads aside."""
    return a.shape == b.shape and bool(np.all((a == b) | (np.isnan(a) & np.isnan(b))))


def _close(a: Array, b: Array) -> bool:
    """Whether values agree as well as two ways of rounding do, but for a few at jumps."""
    with np.errstate(all="ignore"):
        finite = np.isfinite(b)
        scale = np.max(np.abs(b), where=finite, initial=0.0)
        bound = math.sqrt(np.finfo(a.dtype).eps) * (np.abs(b) + scale)
        good = (np.abs(a - b) <= bound) | (a == b) | (np.isnan(a) & np.isnan(b))
    return bool(np.mean(good) >= 0.99)
