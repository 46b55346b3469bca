"""The benchmark: cases of fastnet beside its peers, and what `python -m fastnet bench` does.

A kind of case is a file of its own that defines `KIND`; `KINDS` names them in the order of a run.
`import fastnet` loads nothing of this.
"""

KINDS = (
    "product",
    "elementwise",
    "inference",
    "quantized",
    "training",
    "tape",
    "fit",
    "random",
    "moments",
    "expectation",
)
