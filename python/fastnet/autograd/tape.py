"""The tape: what was computed from what, and the walk back along it.

A Tensor that needs a gradient either is a leaf or has a Node, which names its parents and holds
the function that turns the gradient of the result into theirs. Nodes are numbered as they are made
and a parent's number is below its child's, so walking back in descending order of numbers visits
every node after all that depend on it: one heap, no recursion, however deep the graph. Gradients
that meet are added in that order, so sums are the same in every run.

Tensors that share memory share a counter of in-place edits. A node keeps the sum of the counters of
what its function will read; counters only grow, so an equal sum means that nothing has changed.
"""

from __future__ import annotations

import functools
import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from heapq import heappop, heappush
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from fastnet._arrays import Array

if TYPE_CHECKING:
    from fastnet.autograd.core import TensorCore

# (dy, needs, *saved) -> gradients of the parents; None for one that has none.
VectorJacobian = Callable[..., Sequence[Any]]
# [number of in-place edits, weak references to the tensors that share the memory or None]
Counter = list[Any]

_Function = TypeVar("_Function", bound=Callable[..., Any])


class _Mode(threading.local):
    enabled = True


mode = _Mode()


class _GradMode:
    """Sets the thread's grad mode for a block, or for a function when used as a decorator."""

    def __init__(self, enabled: bool) -> None:
        self._enabled = enabled
        self._before: list[bool] = []

    def __enter__(self) -> None:
        self._before.append(mode.enabled)
        mode.enabled = self._enabled

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        mode.enabled = self._before.pop()

    def __call__(self, function: _Function) -> _Function:
        enabled = self._enabled

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with _GradMode(enabled):
                return function(*args, **kwargs)

        return wrapped  # type: ignore[return-value]


class no_grad(_GradMode):
    """Record nothing inside the block or the decorated function, in this thread.

    Examples
    --------
    >>> import fastnet
    >>> x = fastnet.tensor([1.0, 2.0], requires_grad=True)
    >>> with fastnet.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    def __init__(self) -> None:
        super().__init__(False)


class enable_grad(_GradMode):
    """Record inside the block or the decorated function, also within `no_grad`.

    Examples
    --------
    >>> import fastnet
    >>> x = fastnet.tensor([1.0, 2.0], requires_grad=True)
    >>> with fastnet.no_grad(), fastnet.enable_grad():
    ...     y = x * 2
    >>> y.requires_grad
    True
    """

    def __init__(self) -> None:
        super().__init__(True)


def is_grad_enabled() -> bool:
    """Return whether operations on Tensors are recorded in this thread.

    Examples
    --------
    >>> import fastnet
    >>> fastnet.is_grad_enabled()
    True
    """
    return mode.enabled


_numbers: Iterator[int] = itertools.count()


class Node:
    """One recorded operation."""

    __slots__ = ("counters", "edges", "name", "needs", "number", "owned", "saved", "stamp", "vjp")

    vjp: VectorJacobian | None
    saved: tuple[Any, ...]
    # For each parent its node, or itself if it is a leaf, or None if it needs no gradient.
    edges: tuple[Node | TensorCore | None, ...]
    needs: tuple[bool, ...]
    counters: tuple[Counter, ...]
    stamp: int
    number: int
    # Whether the gradients are arrays that nobody else holds.
    owned: bool
    name: str


_new_node = functools.partial(Node.__new__, Node)


def make_node(
    vjp: VectorJacobian,
    saved: tuple[Any, ...],
    edges: tuple[Node | TensorCore | None, ...],
    counters: tuple[Counter, ...],
    name: str,
    owned: bool,
) -> Node:
    """Return a node that is newer than all others."""
    node = _new_node()
    node.vjp = vjp
    node.saved = saved
    node.edges = edges
    node.needs = tuple([edge is not None for edge in edges])
    node.counters = counters
    stamp = 0
    for counter in counters:
        stamp += counter[0]
    node.stamp = stamp
    node.number = next(_numbers)
    node.owned = owned
    node.name = name
    return node


def _edited(node: Node) -> RuntimeError:
    msg = (
        f"{node.name}: a tensor that backward needs was edited in place after the forward pass; "
        "use an operation that makes a new tensor, or clone() it first"
    )
    return RuntimeError(msg)


def _freed(node: Node) -> RuntimeError:
    msg = (
        f"{node.name}: backward a second time through a graph whose intermediate values were freed;"
        " pass retain_graph=True to the first backward"
    )
    return RuntimeError(msg)


def run_backward(root: Node, gradient: Array, retain_graph: bool) -> None:
    """Walk from the root back to the leaves."""
    pending: dict[Node, Any] = {root: gradient}
    heap: list[tuple[int, Node]] = [(-root.number, root)]
    while heap:
        node = heappop(heap)[1]
        dy = pending.pop(node)
        vjp = node.vjp
        if vjp is None:
            raise _freed(node)
        stamp = 0
        for counter in node.counters:
            stamp += counter[0]
        if stamp != node.stamp:
            raise _edited(node)
        gradients = vjp(dy, node.needs, *node.saved)
        owned = node.owned
        if node.counters and not retain_graph:
            # What holds no values of tensors can be walked again, as in PyTorch.
            node.vjp = None
            node.saved = node.counters = ()
        for edge, part in zip(node.edges, gradients, strict=False):
            if edge is None or part is None:
                continue
            if isinstance(edge, Node):
                earlier = pending.get(edge)
                if earlier is None:
                    pending[edge] = part
                    heappush(heap, (-edge.number, edge))
                else:
                    pending[edge] = earlier + part
            else:
                edge._accumulate(part, owned)
