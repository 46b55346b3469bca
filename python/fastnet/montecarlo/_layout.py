"""What the columns of an Estimate's moments are, and how its mean follows from them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from fastnet import _core
from fastnet._arrays import Array
from fastnet.montecarlo._statistics import Summary


@dataclass(frozen=True)
class Layout:
    """Columns: the outputs, then control variates, then the importance weight.

    Parameters
    ----------
    outputs : int
    scalar : bool
        Whether the function gives (n,) and not (n, outputs).
    controls : tuple of float
        The known means of the control variates.
    weighted : bool
        Whether the last column is the weight.
    cross : bool
        Whether sums of products of columns are kept.
    cost : int
        Evaluations of the function for one value: 2 for an antithetic pair, the strata of a
        stratified sample.
    method : str
    law, function : str
        Digests of the distribution, with the proposal and the dtype, and of the function as it was
        traced; empty where that is not known.
    """

    outputs: int
    scalar: bool
    controls: tuple[float, ...] = ()
    weighted: bool = False
    cross: bool = False
    cost: int = 1
    method: str = "iid"
    law: str = ""
    function: str = ""

    @property
    def columns(self) -> int:
        return self.outputs + len(self.controls) + self.weighted

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Any) -> Layout:
        data = dict(data)
        data["controls"] = tuple(float(c) for c in data["controls"])
        for name in ("outputs", "cost"):
            if type(data[name]) is not int or not 1 <= data[name] < 2**31:
                msg = f"{name} {data[name]!r}"
                raise ValueError(msg)
        for name, kind in (
            *((name, bool) for name in ("scalar", "weighted", "cross")),
            *((name, str) for name in ("method", "law", "function")),
        ):
            if type(data[name]) is not kind:
                msg = f"{name} {data[name]!r}"
                raise ValueError(msg)
        return cls(**data)

    def columns_alone(self) -> Layout:
        """Return what the moments are, without what they are of."""
        return replace(self, law="", function="")

    def joined(self, other: Layout) -> Layout:
        """Return the layout of both; ValueError for those of different functions or laws."""
        if self.columns_alone() != other.columns_alone():
            msg = "estimates must be of functions with the same outputs and method"
            raise ValueError(msg)
        for name, words in (("law", "distributions or dtypes"), ("function", "functions")):
            ours, theirs = getattr(self, name), getattr(other, name)
            if ours and theirs and ours != theirs:
                msg = (
                    "estimates must be of the same function, distribution and dtype, got "
                    f"{words} that differ"
                )
                raise ValueError(msg)
        return replace(self, law=self.law or other.law, function=self.function or other.function)

    def node_arrays(self) -> list[tuple[tuple[int, ...], str]]:
        """Return shapes (without the first axis) and dtypes of a tree's arrays."""
        k = self.columns
        return [
            ((4,), "<u8"),
            ((k, int(_core.MOMENT_FIELDS)), "<f8"),
            ((k * (k - 1) // 2 if self.cross else 0,), "<f8"),
            ((k, 2, 3), "<f8"),
        ]

    # ---- values of columns as users see them ----

    def shape(self, values: Any) -> Any:
        """Return values of the outputs as a number or an array."""
        return float(values[0]) if self.scalar else np.array(values, np.float64)

    def value(self, columns: Any) -> Any:
        return self.shape(np.asarray(columns)[: self.outputs])

    def value_matrix(self, matrix: Any) -> Any:
        k = self.outputs
        return float(matrix[0, 0]) if self.scalar else np.array(matrix[:k, :k], np.float64)

    def summary(self, m: Array, products: Array) -> Summary:
        """Return the mean and its standard error from moments (columns, fields) and products.

        With control variates c of known means t the mean is mean(y) - b (mean(c) - t), with b from
        the regression of y on c; its variance is that of the residuals, over n - 1 - len(c) degrees
        of freedom, times 1 + (mean(c) - t)' S^-1 (mean(c) - t), S the sum of products of c around
        their means, over n: what an estimated b adds (Lavenberg and Welch 1981, "A perspective on
        the use of control variables").
        """
        k, count = self.outputs, len(self.controls)
        n = float(m[0, 0])
        mean = m[:k, 1] + m[:k, 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            if not count or n < count + 3:
                return Summary(mean, np.sqrt(m[:k, 3] / (n - 1) / n), n, n - 1)
            all_columns = self.columns
            sums = np.zeros((all_columns, all_columns))
            sums[np.triu_indices(all_columns, 1)] = products
            sums += sums.T
            np.fill_diagonal(sums, m[:, 3])
            control = slice(k, k + count)
            off = m[control, 1] + m[control, 2] - np.array(self.controls)
            inverse = np.linalg.pinv(sums[control, control], hermitian=True)
            slope = inverse @ sums[control, :k]
            degrees = n - 1 - count
            rest = m[:k, 3] - np.einsum("ck,ck->k", sums[control, :k], slope)
            variance = np.maximum(rest, 0) / degrees * (1 / n + off @ inverse @ off)
            return Summary(mean - off @ slope, np.sqrt(variance), n, degrees)
