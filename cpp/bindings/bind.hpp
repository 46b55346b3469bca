// What each bind_<topic>.cpp adds to the module.
#pragma once

#include <pybind11/pybind11.h>

namespace fastnet {

void bind_bits(pybind11::module_& m);
void bind_activation(pybind11::module_& m);
void bind_dropout(pybind11::module_& m);
void bind_estimator(pybind11::module_& m);
void bind_linear(pybind11::module_& m);
void bind_norm(pybind11::module_& m);
void bind_optimizer(pybind11::module_& m);
void bind_math(pybind11::module_& m);
void bind_moments(pybind11::module_& m);
void bind_network(pybind11::module_& m);
void bind_random(pybind11::module_& m);
void bind_laws(pybind11::module_& m);
void bind_loss(pybind11::module_& m);
void bind_training(pybind11::module_& m);
void bind_runtime(pybind11::module_& m);
void bind_softmax(pybind11::module_& m);

}  // namespace fastnet
