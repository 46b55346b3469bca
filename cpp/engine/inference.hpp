// Inference: a batch through a compiled network, a tile of rows at a time.
#pragma once

#include "engine/network.hpp"

namespace fastnet {

// out = network(x) in evaluation mode; x (rows, in_features) with rows x_row apart, out dense. Each
// thread carries tiles of rows through all layers in its own cache; a few rows of a wide network
// are split by columns instead. A row's bits depend on that row alone. Any number of threads may
// call it at once on one network. Throws std::bad_alloc.
template <class T>
void predict(const Network<T>& network, const T* x, Index x_row, Index rows, T* out);

// The same on the calling thread, in memory that it is lent: predict_memory elements from a cache
// line on, enough for up to `rows` rows. Inside a region, too.
template <class T>
Index predict_memory(const Network<T>& network, Index rows) noexcept;
template <class T>
void predict_alone(const Network<T>& network, const T* x, Index x_row, Index rows, T* out,
                   T* memory) noexcept;

}  // namespace fastnet
