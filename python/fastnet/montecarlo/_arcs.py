"""Arctangent, arcsine, arccosine and cube root in operations that the engine has."""

from __future__ import annotations

import math

from fastnet.montecarlo._program import Node, Program

# arctan(u) = u + u z P(z) / Q(z) with z = u^2, for |u| <= 0.66 (Cephes, atan.c), from the highest
# power on.
_P = (
    -8.750608600031904122785e-1,
    -1.615753718733365076637e1,
    -7.500855792314704667340e1,
    -1.228866684490136173410e2,
    -6.485021904942025371773e1,
)
_Q = (
    1.0,
    2.485846490142306297962e1,
    1.650270098316988542046e2,
    4.328810604912902668951e2,
    4.853903996359136964868e2,
    1.945506571482613964425e2,
)


def _polynomial(program: Program, coefficients: tuple[float, ...], z: Node) -> Node:
    value = program.constant(coefficients[0])
    for c in coefficients[1:]:
        product = program.operation("multiply", value, z)
        value = program.operation("add", product, program.constant(c))
    return value


def arctan(program: Program, kind: str, a: Node) -> Node:
    """Return pi/2 - arctan(1 / |a|) above 1, and pi/4 + arctan((t - 1) / (t + 1)) above tan(pi/8).

    Off by 3 ulp at most; arcsin and arccos by 4.
    """
    one, none = program.constant(1.0), program.constant(0.0)
    size = program.operation("absolute", a)
    large = program.operation("less", one, size, kind="bool")
    inverse = program.operation("reciprocal", size)
    t = program.where(large, inverse, size, "float")
    middle = program.operation("less", program.constant(math.sqrt(2) - 1), t, kind="bool")
    below = program.operation("subtract", t, one)
    u = program.where(
        middle, program.operation("divide", below, program.operation("add", t, one)), t, "float"
    )
    z = program.operation("multiply", u, u)
    ratio = program.operation("divide", _polynomial(program, _P, z), _polynomial(program, _Q, z))
    cube = program.operation("multiply", program.operation("multiply", u, z), ratio)
    # |a| > 1: pi/2 - (base + u + cube) with base pi/4 or 0.
    sign = program.where(large, program.constant(-1.0), one, "float")
    quarter = program.where(middle, program.constant(math.pi / 4), none, "float")
    half = program.constant(math.pi / 2)
    base = program.where(large, program.operation("subtract", half, quarter), quarter, "float")
    small = program.operation("add", u, cube)
    total = program.operation("add", base, program.operation("multiply", sign, small))
    return program.operation("copysign", total, a)


def arcsin(program: Program, kind: str, a: Node) -> Node:
    """Return arctan(a / sqrt((1 - a) (1 + a))), whose differences have no error near 1."""
    one = program.constant(1.0)
    product = program.operation(
        "multiply", program.operation("subtract", one, a), program.operation("add", one, a)
    )
    root = program.operation("sqrt", product)
    return arctan(program, kind, program.operation("divide", a, root))


def arccos(program: Program, kind: str, a: Node) -> Node:
    """Return 2 arctan(sqrt((1 - a) / (1 + a)))."""
    one = program.constant(1.0)
    ratio = program.operation(
        "divide", program.operation("subtract", one, a), program.operation("add", one, a)
    )
    half = arctan(program, kind, program.operation("sqrt", ratio))
    return program.operation("add", half, half)


def cbrt(program: Program, kind: str, a: Node) -> Node:
    """Return |a|^(1/3) after a step of Newton's, which the rounding of 1/3 makes necessary."""
    size = program.operation("absolute", a)
    y = program.operation("power", size, program.constant(1 / 3))
    square = program.operation("multiply", y, y)
    rest = program.operation("subtract", y, program.operation("divide", size, square))
    better = program.operation(
        "subtract", y, program.operation("divide", rest, program.constant(3.0))
    )
    # Of 0 and of infinity there is no step.
    plain = program.operation("less", program.constant(0.0), y, kind="bool")
    finite = program.operation("less", y, program.constant(math.inf), kind="bool")
    step = program.logical("and", plain, finite)
    return program.operation("copysign", program.where(step, better, y, "float"), a)
