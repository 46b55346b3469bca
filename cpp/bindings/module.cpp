// The extension module: its table of contents.
#include "bindings/bind.hpp"

PYBIND11_MODULE(_core, m) {
  m.doc() = "fastnet's compiled half. Private: use the fastnet package.";
  m.attr("__version__") = FASTNET_VERSION;
  fastnet::bind_runtime(m);
  fastnet::bind_activation(m);
  fastnet::bind_dropout(m);
  fastnet::bind_linear(m);
  fastnet::bind_norm(m);
  fastnet::bind_optimizer(m);
  fastnet::bind_math(m);
  fastnet::bind_moments(m);
  fastnet::bind_network(m);
  fastnet::bind_estimator(m);
  fastnet::bind_training(m);
  fastnet::bind_random(m);
  fastnet::bind_laws(m);
  fastnet::bind_bits(m);
  fastnet::bind_loss(m);
  fastnet::bind_softmax(m);
}
