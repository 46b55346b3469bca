"""Lists of steps: random ones give what NumPy gives step by step; what names nothing is refused."""

import numpy as np
import pytest
from helpers import assert_same_bits

from fastnet import _core

OPS = {name: number for number, name in enumerate(_core.EXPRESSION_OPS)}
ADD, WHERE = OPS["add"], OPS["where"]

# The kinds of an operation's operands and of its result, numbers (n) and truth values (t), and what
# it is in NumPy.
OPERATIONS = {
    "copy": ("nn", np.positive),
    "negative": ("nn", np.negative),
    "absolute": ("nn", np.absolute),
    "sqrt": ("nn", np.sqrt),
    "reciprocal": ("nn", np.reciprocal),
    "floor": ("nn", np.floor),
    "ceil": ("nn", np.ceil),
    "trunc": ("nn", np.trunc),
    "rint": ("nn", np.rint),
    "sign": ("nn", np.sign),
    "add": ("nnn", np.add),
    "subtract": ("nnn", np.subtract),
    "multiply": ("nnn", np.multiply),
    "divide": ("nnn", np.divide),
    "minimum": ("nnn", np.minimum),
    "maximum": ("nnn", np.maximum),
    "fmin": ("nnn", np.fmin),
    "fmax": ("nnn", np.fmax),
    "copysign": ("nnn", np.copysign),
    "less": ("nnt", np.less),
    "less_equal": ("nnt", np.less_equal),
    "equal": ("nnt", np.equal),
    "not_equal": ("nnt", np.not_equal),
    "and": ("ttt", np.logical_and),
    "or": ("ttt", np.logical_or),
    "xor": ("ttt", np.logical_xor),
    "not": ("tt", np.logical_not),
    "where": ("nntn", lambda a, b, c: np.where(c, a, b)),
    # Not to the bit, so what these are alone is what they have to be among others.
    "exp": ("nn", None),
    "tanh": ("nn", None),
    "power": ("nnn", None),
}
# The sign of a zero that they give is either operand's.
EITHER_SIGN = ("minimum", "maximum", "fmin", "fmax")
NUMBERS, TRUTHS = [0.0, 1.0, 0.5, -2.0, np.inf], [False, True]
COLUMNS, REGISTERS, MOST_STEPS = 2, 5, 30


def test_every_operation_is_among_them():
    alike = {"exp", "expm1", "log", "log1p", "tanh", "erf", "sin", "cos"}
    assert alike | set(OPERATIONS) == set(OPS)


def constants_of(dtype):
    """Return the constants of all programs here: numbers, and truth values as bits."""
    truths = np.array(
        [np.iinfo(f"u{dtype.itemsize}").max * t for t in TRUTHS], f"u{dtype.itemsize}"
    )
    return np.concatenate([np.array(NUMBERS, dtype), truths.view(dtype)])


def evaluate(steps, outputs, x):
    """Return registers after the steps, x[j] being in register j before them."""
    make = _core.Expression_f32 if x.dtype == np.float32 else _core.Expression_f64
    steps = np.array(steps, np.int32).reshape(-1, 5)
    f = make(steps, constants_of(x.dtype), REGISTERS, list(range(len(x))), list(outputs))
    out = np.empty((len(outputs), x.shape[1]), x.dtype)
    f.evaluate(x, out)
    return out


class Program:
    """Steps, and what the registers hold after them by NumPy."""

    def __init__(self, x):
        self.x, self.steps = x, []
        self.kinds = ["n" if j < COLUMNS else None for j in range(REGISTERS)]
        self.values = [x[j] if j < COLUMNS else None for j in range(REGISTERS)]
        self.constants = [np.full(x.shape[1], c, x.dtype) for c in NUMBERS]
        self.constants += [np.full(x.shape[1], t) for t in TRUTHS]

    def operand(self, rng, kind):
        """Return a register or constant of a kind: often the register of the last step."""
        last = self.steps[-1][1] if self.steps else 0
        if self.kinds[last] == kind and rng.random() < 0.5:
            return last
        registers = [r for r in range(REGISTERS) if self.kinds[r] == kind]
        if registers and rng.random() < 0.7:
            return int(rng.choice(registers))
        first, count = (0, len(NUMBERS)) if kind == "n" else (len(NUMBERS), len(TRUTHS))
        return -1 - int(rng.integers(first, first + count))

    def add(self, name, to, *operands):
        """Add a step."""
        values = [self.values[r] if r >= 0 else self.constants[-1 - r] for r in operands]
        kinds, function = OPERATIONS[name]
        if function is None:
            rest = [0] * (3 - len(operands))
            step = [OPS[name], 0, *range(len(operands)), *rest]
            result = evaluate([step], [0], np.stack(values))[0]
        else:
            result = function(*values)
        self.steps.append([OPS[name], to, *operands, *[0] * (3 - len(operands))])
        self.values[to], self.kinds[to] = result, kinds[-1]

    def add_random(self, rng):
        """Add a random step."""
        name = str(rng.choice(list(OPERATIONS)))
        to = int(rng.integers(REGISTERS))
        self.add(name, to, *(self.operand(rng, kind) for kind in OPERATIONS[name][0][:-1]))
        if name in EITHER_SIGN:
            self.add("add", to, to, -1 - NUMBERS.index(0.0))

    def outputs(self, rng):
        """Return some registers with numbers, to which truth values are turned."""
        for r in range(REGISTERS):
            if self.kinds[r] == "t":
                self.add("where", r, -1 - NUMBERS.index(1.0), -1 - NUMBERS.index(0.0), r)
        written = [r for r in range(REGISTERS) if self.kinds[r]]
        return [int(r) for r in rng.choice(written, rng.integers(1, REGISTERS + 1))]


def test_random_steps_give_what_numpy_gives(isa, dtype):
    rng = np.random.default_rng(11)
    odd = np.array([0.0, -0.0, 1.0, -1.0, 2.5, np.inf, -np.inf, np.nan], dtype)
    for _ in range(150):
        # Up to more than a tile, which is 2048 samples of float32.
        n = int(rng.choice([1, 3, 17, 61, 129, 1025, 2051]))
        x = (3 * rng.standard_normal((COLUMNS, n))).astype(dtype)
        x = np.where(rng.random(x.shape) < 0.2, rng.choice(odd, x.shape), x)
        program = Program(x)
        with np.errstate(all="ignore"):
            for _ in range(rng.integers(1, MOST_STEPS + 1)):
                program.add_random(rng)
            outputs = program.outputs(rng)
        actual = evaluate(program.steps, outputs, x)
        assert_same_bits(actual, np.stack([program.values[r] for r in outputs]))


@pytest.mark.parametrize(
    ("steps", "registers", "columns", "outputs"),
    [
        ([[99, 0, 0, 0, 0]], 1, [0], [0]),
        ([[0, 1, 0, 0, 0]], 1, [0], [0]),
        ([[0, 0, 1, 0, 0]], 1, [0], [0]),
        ([[0, 0, -2, 0, 0]], 1, [0], [0]),
        ([[0, 0, 0, 0, 0]], 1, [0], [1]),
        ([[0, 0, 0, 0, 0]], 1, [-1], [0]),
        ([[0, 0, 0, 0, 0]], 0, [0], [0]),
        ([[0, 0, 0, 0, 0]], 10**6, [0], [0]),
        # Registers that nothing has filled: of each operand, and of an output.
        ([[0, 0, 1, 0, 0]], 2, [0], [0]),
        ([[ADD, 0, 0, 1, 0]], 2, [0], [0]),
        ([[WHERE, 0, 0, 0, 1]], 2, [0], [0]),
        ([[0, 1, 1, 0, 0]], 2, [0], [0]),
        ([[0, 0, 1, 0, 0], [0, 1, 0, 0, 0]], 2, [0], [0]),
        ([[0, 0, 0, 0, 0]], 2, [0], [1]),
    ],
)
def test_programs_that_name_what_is_not_there_are_refused(steps, registers, columns, outputs):
    with pytest.raises(ValueError, match="must"):
        _core.Expression_f64(np.array(steps, np.int32), np.ones(1), registers, columns, outputs)
