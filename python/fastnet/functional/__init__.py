"""Every operation on arrays (or Tensors), forward beside backward."""

from fastnet.functional.activation import relu as relu
from fastnet.functional.activation import relu_backward as relu_backward
from fastnet.functional.dropout import dropout as dropout
from fastnet.functional.dropout import dropout_backward as dropout_backward
from fastnet.functional.dropout import dropout_by_ticket as dropout_by_ticket
from fastnet.functional.linear import linear as linear
from fastnet.functional.linear import linear_backward as linear_backward
