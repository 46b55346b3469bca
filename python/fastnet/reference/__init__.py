"""The pure-NumPy twin of `fastnet.functional`, `fastnet.optim` and the sampler.

Same names and signatures, written for reading: each function is the formula. It imports nothing
compiled, and the tests compare every kernel with it.
"""

from fastnet.reference.activation import elu as elu
from fastnet.reference.activation import elu_backward as elu_backward
from fastnet.reference.activation import hardtanh as hardtanh
from fastnet.reference.activation import hardtanh_backward as hardtanh_backward
from fastnet.reference.activation import identity as identity
from fastnet.reference.activation import identity_backward as identity_backward
from fastnet.reference.activation import leaky_relu as leaky_relu
from fastnet.reference.activation import leaky_relu_backward as leaky_relu_backward
from fastnet.reference.activation import relu as relu
from fastnet.reference.activation import relu_backward as relu_backward
from fastnet.reference.activation import selu as selu
from fastnet.reference.activation import selu_backward as selu_backward
from fastnet.reference.activation import softplus as softplus
from fastnet.reference.activation import softplus_backward as softplus_backward
from fastnet.reference.dropout import dropout as dropout
from fastnet.reference.dropout import dropout_backward as dropout_backward
from fastnet.reference.dropout import dropout_by_ticket as dropout_by_ticket
from fastnet.reference.linear import linear as linear
from fastnet.reference.linear import linear_backward as linear_backward
from fastnet.reference.loss import (
    binary_cross_entropy_with_logits as binary_cross_entropy_with_logits,
)
from fastnet.reference.loss import (
    binary_cross_entropy_with_logits_backward as binary_cross_entropy_with_logits_backward,
)
from fastnet.reference.loss import cross_entropy as cross_entropy
from fastnet.reference.loss import cross_entropy_backward as cross_entropy_backward
from fastnet.reference.loss import huber_loss as huber_loss
from fastnet.reference.loss import huber_loss_backward as huber_loss_backward
from fastnet.reference.loss import l1_loss as l1_loss
from fastnet.reference.loss import l1_loss_backward as l1_loss_backward
from fastnet.reference.loss import mse_loss as mse_loss
from fastnet.reference.loss import mse_loss_backward as mse_loss_backward
from fastnet.reference.loss import nll_loss as nll_loss
from fastnet.reference.loss import nll_loss_backward as nll_loss_backward
from fastnet.reference.loss import smooth_l1_loss as smooth_l1_loss
from fastnet.reference.loss import smooth_l1_loss_backward as smooth_l1_loss_backward
from fastnet.reference.network import Network as Network
from fastnet.reference.norm import batch_norm as batch_norm
from fastnet.reference.norm import batch_norm_backward as batch_norm_backward
from fastnet.reference.norm import layer_norm as layer_norm
from fastnet.reference.norm import layer_norm_backward as layer_norm_backward
from fastnet.reference.random import Generator as Generator
from fastnet.reference.sigmoid import gelu as gelu
from fastnet.reference.sigmoid import gelu_backward as gelu_backward
from fastnet.reference.sigmoid import sigmoid as sigmoid
from fastnet.reference.sigmoid import sigmoid_backward as sigmoid_backward
from fastnet.reference.sigmoid import silu as silu
from fastnet.reference.sigmoid import silu_backward as silu_backward
from fastnet.reference.sigmoid import tanh as tanh
from fastnet.reference.sigmoid import tanh_backward as tanh_backward
from fastnet.reference.softmax import argmax as argmax
from fastnet.reference.softmax import log_softmax as log_softmax
from fastnet.reference.softmax import log_softmax_backward as log_softmax_backward
from fastnet.reference.softmax import one_hot as one_hot
from fastnet.reference.softmax import softmax as softmax
from fastnet.reference.softmax import softmax_backward as softmax_backward
