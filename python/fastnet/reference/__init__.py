"""The pure-NumPy twin of `fastnet.functional`, `fastnet.optim` and the sampler.

Same names and signatures, written for reading: each function is the formula. It imports nothing
compiled, and the tests compare every kernel with it.
"""

from fastnet.reference.activation import relu as relu
from fastnet.reference.activation import relu_backward as relu_backward
from fastnet.reference.dropout import dropout as dropout
from fastnet.reference.dropout import dropout_backward as dropout_backward
from fastnet.reference.dropout import dropout_by_ticket as dropout_by_ticket
from fastnet.reference.linear import linear as linear
from fastnet.reference.linear import linear_backward as linear_backward
