"""The compiled half; written by `nox -s stubs`."""

from typing import Any

import numpy.typing as npt

_Array = npt.NDArray[Any]

class Network_f32:
    def __init__(self, layers: list[Any]) -> None: ...
    def direct(self, x: Any, out: Any) -> Any: ...
    def predict(self, x: _Array, out: _Array) -> None: ...

class Network_f64:
    def __init__(self, layers: list[Any]) -> None: ...
    def direct(self, x: Any, out: Any) -> Any: ...
    def predict(self, x: _Array, out: _Array) -> None: ...

class ChunkTree:
    def __init__(self, outputs: int, cross: bool) -> None: ...
    def add(
        self,
        numbers: _Array,
        moments: _Array,
        products: _Array,
        spreads: _Array,
        history: bool = False,
    ) -> None: ...
    def drop_unfinished(self) -> None: ...
    def history(self) -> tuple[Any, ...]: ...
    def nodes(self) -> tuple[Any, ...]: ...
    @property
    def cross(self) -> bool: ...
    @property
    def outputs(self) -> int: ...

class Expression_f32:
    def __init__(
        self,
        steps: _Array,
        constants: _Array,
        registers: int,
        columns: list[Any],
        outputs: list[Any],
    ) -> None: ...
    def evaluate(self, x: _Array, out: _Array) -> None: ...

class Source_f32:
    def __init__(self, laws: list[Any], keys: list[Any]) -> None: ...
    def draw(self, first: int, out: _Array) -> None: ...

class Expression_f64:
    def __init__(
        self,
        steps: _Array,
        constants: _Array,
        registers: int,
        columns: list[Any],
        outputs: list[Any],
    ) -> None: ...
    def evaluate(self, x: _Array, out: _Array) -> None: ...

class Source_f64:
    def __init__(self, laws: list[Any], keys: list[Any]) -> None: ...
    def draw(self, first: int, out: _Array) -> None: ...

class Epoch:
    def __init__(self) -> None: ...
    @property
    def finished(self) -> bool: ...
    @property
    def loss_sum(self) -> float: ...
    @property
    def next(self) -> int: ...
    @property
    def status(self) -> int: ...
    @property
    def steps(self) -> int: ...
    @property
    def weight_sum(self) -> float: ...

class Training_f32:
    def __init__(
        self,
        network: Any,
        loss: int,
        options: dict[str, Any],
        segments: list[Any],
        params: _Array,
        grads: _Array,
    ) -> None: ...
    def apply(self, max_norm: float) -> None: ...
    def gradient(
        self, x: _Array, y: _Array, sample_weight: Any, accumulate: bool
    ) -> tuple[Any, ...]: ...
    def progress(self) -> list[Any]: ...
    def run(
        self,
        x: _Array,
        y: _Array,
        sample_weight: Any,
        order: Any,
        batch: int,
        seconds: float,
        max_norm: float,
        epoch: Epoch,
    ) -> None: ...
    def set_optimizer(self, groups: list[Any], state1: Any, state2: Any) -> None: ...
    def set_random(self, sources: list[Any]) -> None: ...
    def step(
        self, x: _Array, y: _Array, sample_weight: Any, max_norm: float
    ) -> tuple[Any, ...]: ...
    def step_direct(self, x: Any, y: Any, max_norm: float) -> Any: ...

class Training_f64:
    def __init__(
        self,
        network: Any,
        loss: int,
        options: dict[str, Any],
        segments: list[Any],
        params: _Array,
        grads: _Array,
    ) -> None: ...
    def apply(self, max_norm: float) -> None: ...
    def gradient(
        self, x: _Array, y: _Array, sample_weight: Any, accumulate: bool
    ) -> tuple[Any, ...]: ...
    def progress(self) -> list[Any]: ...
    def run(
        self,
        x: _Array,
        y: _Array,
        sample_weight: Any,
        order: Any,
        batch: int,
        seconds: float,
        max_norm: float,
        epoch: Epoch,
    ) -> None: ...
    def set_optimizer(self, groups: list[Any], state1: Any, state2: Any) -> None: ...
    def set_random(self, sources: list[Any]) -> None: ...
    def step(
        self, x: _Array, y: _Array, sample_weight: Any, max_norm: float
    ) -> tuple[Any, ...]: ...
    def step_direct(self, x: Any, y: Any, max_norm: float) -> Any: ...

class Counter:
    def __init__(self, value: int, limit: int) -> None: ...
    def take(self, n: int) -> int: ...
    @property
    def value(self) -> int: ...

class AliasTable:
    def __init__(self, p: _Array) -> None: ...
    def sample(self, key: int, stream: int, position: int, out: _Array) -> None: ...

class BitSource:
    def __init__(self) -> None: ...
    def attach(self, capsule: Any) -> None: ...
    def set(self, key: int, stream: int, position: int, has_half: bool, half: int) -> None: ...
    @property
    def half(self) -> int: ...
    @property
    def has_half(self) -> bool: ...
    @property
    def key(self) -> int: ...
    @property
    def position(self) -> int: ...
    @property
    def stream(self) -> int: ...

class LossCall:
    def __init__(
        self,
        kind: int,
        reduction: int,
        input: _Array,
        target: _Array,
        class_weight: Any,
        weight: Any,
        pos_weight: Any,
        sample_weight: Any,
        label_smoothing: float,
        beta: float,
        ignore_index: int,
    ) -> None: ...
    def backward(self, dy: _Array, out: _Array) -> None: ...
    def forward(self, terms: Any) -> float: ...

def activation(kind: int, x: _Array, out: _Array, a: float = 0.0, b: float = 0.0) -> None: ...
def activation_backward(
    kind: int,
    dy: _Array,
    x: _Array,
    out: _Array,
    a: float = 0.0,
    b: float = 0.0,
) -> None: ...
def activation_direct(kind: int, x: Any, out: Any, a: float, b: float) -> Any: ...
def adam_update(
    w: _Array,
    g: _Array,
    m: _Array,
    v: _Array,
    lr: float,
    beta1: float,
    beta2: float,
    beta1_power: float,
    beta2_power: float,
    eps: float,
    weight_decay: float = 0.0,
    decoupled: bool = False,
    scale: float = 1.0,
) -> None: ...
def argmax(x: _Array, out: _Array) -> None: ...
def bad_target(target: _Array, classes: int, ignore_index: int) -> int: ...
def batch_norm(
    x: _Array,
    running_mean: Any,
    running_var: Any,
    weight: Any,
    bias: Any,
    training: bool,
    momentum: float,
    eps: float,
    out: _Array,
) -> None: ...
def batch_norm_backward(
    dy: _Array,
    x: _Array,
    running_mean: Any,
    running_var: Any,
    weight: Any,
    training: bool,
    eps: float,
    dx: Any,
    dweight: _Array,
    dbias: _Array,
) -> None: ...
def covariance(x: _Array, weights: Any, moments: _Array, out: _Array) -> None: ...
def dropout(x: _Array, p: float, key: int, ticket: int, first_row: int, out: _Array) -> None: ...
def estimate_array_f32(tree: ChunkTree, values: _Array, first: int, policy: int) -> int: ...
def estimate_array_f64(tree: ChunkTree, values: _Array, first: int, policy: int) -> int: ...
def estimate_callback(
    tree: ChunkTree,
    source: Source_f64,
    kind: int,
    function: int,
    data: int,
    first: int,
    count: int,
    last_samples: int,
    policy: int,
) -> int: ...
def estimate_f32(
    tree: ChunkTree,
    source: Source_f32,
    expression: Expression_f32,
    first: int,
    count: int,
    last_samples: int,
    policy: int,
) -> int: ...
def estimate_f64(
    tree: ChunkTree,
    source: Source_f64,
    expression: Expression_f64,
    first: int,
    count: int,
    last_samples: int,
    policy: int,
) -> int: ...
def estimate_network_f32(
    tree: ChunkTree,
    source: Source_f32,
    network: Network_f32,
    first: int,
    count: int,
    last_samples: int,
    policy: int,
) -> int: ...
def estimate_network_f64(
    tree: ChunkTree,
    source: Source_f64,
    network: Network_f64,
    first: int,
    count: int,
    last_samples: int,
    policy: int,
) -> int: ...
def fma_chains_f32(a: float, b: float, n: int) -> float: ...
def fma_chains_f64(a: float, b: float, n: int) -> float: ...
def forked() -> bool: ...
def isa() -> str: ...
def isa_built() -> list[Any]: ...
def isa_extensions() -> list[Any]: ...
def isa_supported() -> list[Any]: ...
def last_cache_bytes() -> int: ...
def layer_norm(x: _Array, weight: Any, bias: Any, eps: float, out: _Array) -> None: ...
def layer_norm_backward(
    dy: _Array,
    x: _Array,
    weight: Any,
    eps: float,
    dx: Any,
    dweight: _Array,
    dbias: _Array,
) -> None: ...
def linear(
    x: _Array,
    weight: _Array,
    bias: Any,
    kind: int,
    a: float,
    b: float,
    out: _Array,
) -> None: ...
def linear_backward_direct(
    dy: Any, x: Any, weight: Any, need_x: bool, need_weight: bool, need_bias: bool
) -> Any: ...
def linear_backward_w(dy: _Array, x: _Array, dw: _Array, db: Any) -> None: ...
def linear_backward_x(dy: _Array, weight: _Array, out: _Array) -> None: ...
def linear_direct(
    x: Any, weight: Any, bias: Any, kind: int, a: float, b: float, out: Any
) -> Any: ...
def math(name: str, x: _Array, out: _Array) -> None: ...
def merge_moments(nodes: _Array, out: _Array) -> None: ...
def moments(x: _Array, weights: Any, out: _Array, nans: _Array) -> None: ...
def num_threads() -> int: ...
def openmp_runtime() -> str: ...
def padded_memory(a: _Array) -> Any: ...
def philox_blocks(key: int, high: int, block: int, out: _Array) -> None: ...
def quantized_kernels() -> dict[str, Any]: ...
def random_binomial(
    n: _Array, p: _Array, key: int, stream: int, position: int, out: _Array
) -> None: ...
def random_coins(p: _Array, key: int, stream: int, position: int, out: _Array) -> None: ...
def random_dirichlet(shape: _Array, key: int, stream: int, position: int, out: _Array) -> None: ...
def random_draw(
    law: str, key: int, stream: int, position: int, a: float, b: float, out: _Array
) -> None: ...
def random_gamma(
    shape: _Array,
    form: int,
    part: int,
    key: int,
    stream: int,
    position: int,
    out: _Array,
) -> None: ...
def random_geometric(p: _Array, key: int, stream: int, position: int, out: _Array) -> None: ...
def random_integers(
    key: int, stream: int, position: int, low: int, last: int, out: _Array
) -> None: ...
def random_permutation(key: int, ticket: int, out: _Array) -> None: ...
def random_poisson(lam: _Array, key: int, stream: int, position: int, out: _Array) -> None: ...
def set_num_threads(n: int) -> None: ...
def set_worth_microseconds(microseconds: float) -> None: ...
def sgd_update(
    w: _Array,
    g: _Array,
    buffer: Any,
    lr: float,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
    first: bool = False,
    scale: float = 1.0,
) -> None: ...
def softmax(log: bool, x: _Array, out: _Array) -> None: ...
def softmax_backward(log: bool, dy: _Array, y: _Array, out: _Array) -> None: ...
def softmax_direct(log: bool, x: Any, out: Any) -> Any: ...
def sum(x: _Array) -> float: ...
def sum_squares(x: _Array) -> float: ...
def thread_limits() -> dict[str, Any]: ...
def total(trees: list[Any]) -> tuple[Any, ...]: ...
def use_extensions(use: bool) -> None: ...
def use_isa(name: str) -> bool: ...

ACTIVATIONS: dict[str, Any]
CHUNK: int
COUNT_BITS: int
DIRICHLET_RANGE: tuple[Any, ...]
EXPRESSION_OPS: tuple[Any, ...]
LAYER_ACTIVATION: int
LAYER_BATCH_NORM: int
LAYER_DROPOUT: int
LAYER_LAYER_NORM: int
LAYER_LINEAR: int
LAYER_LOG_SOFTMAX: int
LAYER_SOFTMAX: int
LOSSES: dict[str, Any]
MATH_FUNCTIONS: tuple[Any, ...]
MAX_CHUNKS: int
MAX_INT8_DEPTH: int
MOMENTS_BLOCK: int
MOMENTS_ROWS: int
MOMENT_FIELDS: int
PRECISION_BF16: int
PRECISION_INT8: int
PROBE_CHAINS: int
ROLE_BIAS: int
ROLE_MATRIX: int
ROLE_NORM_WEIGHT: int
STEP_DONE: int
STEP_NON_FINITE: int
STEP_SKIPPED: int
STREAM_BITS: int
STREAM_VERSION: int
__version__: str
compiler: str
