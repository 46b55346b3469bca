"""From modules to the engine: a Sequential as layers, its flat buffers, loss and optimizer."""

from fastnet._compile.layers import Inference as Inference
from fastnet._compile.layers import compile_inference as compile_inference
from fastnet._compile.training import Training as Training
