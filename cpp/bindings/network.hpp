// A compiled network as Python holds it, and who may use it when.
#pragma once

#include <atomic>

#include "bindings/arrays.hpp"
#include "engine/network.hpp"

namespace fastnet {

// Who is inside a network: any number of readers, or one writer (-1).
class Users {
 public:
  bool enter(bool write) noexcept {
    int n = count_.load();
    do {
      if (write ? n != 0 : n < 0) return false;
    } while (!count_.compare_exchange_weak(n, write ? -1 : n + 1));
    return true;
  }
  void leave(bool write) noexcept { write ? count_.store(0) : void(count_.fetch_sub(1)); }

 private:
  std::atomic<int> count_{0};
};

class Use {
 public:
  Use(Users& users, bool write) : users_(users), write_(write) {
    if (!users.enter(write)) {
      throw std::runtime_error(write ? "the model is in use by another thread"
                                     : "the model is being modified by another thread");
    }
  }
  ~Use() { users_.leave(write_); }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

 private:
  Users& users_;
  bool write_;
};

// Layers of dicts; their arrays stay alive as long as `keep` does.
template <class T>
std::vector<Layer<T>> layers_of(const py::list& list, py::list& keep);

template <class T>
class NetworkObject {
 public:
  explicit NetworkObject(const py::list& layers) : network_(layers_of<T>(layers, keep_)) {}

  void predict(const py::array& x, py::array& out);
  // network(x) for a plain matrix that needs no conversion, None for all else.
  py::object direct(const py::handle& x, const py::handle& out);

  // A matrix with contiguous rows.
  static const T* rows(const py::array& x, const char* name, Index columns, Index* row) {
    require_ndim(x, name, 2);
    if (x.shape(1) != columns) {
      value_error(std::string(name) + " must have shape (batch, " + std::to_string(columns) +
                  "), got " + shape_text(x));
    }
    const Matrix<T> m = input_matrix<T>(x, name);
    if (!m.unit_col()) value_error(std::string(name) + " must have contiguous rows");
    *row = m.rows > 1 ? m.row : columns;
    return m.data;
  }

  Network<T>& network() { return network_; }
  Users users;

 private:
  bool overlaps_parameters(const py::array& a) const;

  py::list keep_;  // the parameters' arrays
  Network<T> network_;
};

}  // namespace fastnet
