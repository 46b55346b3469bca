// Losses on arrays.
#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "core/buffer.hpp"
#include "engine/loss.hpp"

namespace fastnet {
namespace {

// A call's arrays and numbers, as Python hands them over (functional/loss.py, _Call).
struct Call {
  int kind, reduction;
  py::array input;   // (rows, columns)
  py::array target;  // (rows,) int64, or (rows, columns)
  py::object class_weight, weight, pos_weight, sample_weight;
  double label_smoothing, beta;
  std::int64_t ignore_index;
};

// A per-element array of (rows, columns), or (1, columns) for every row.
template <class T>
const T* per_element(const py::object& a, const char* name, Index rows, Index columns,
                     Index* distance) {
  if (a.is_none()) return nullptr;
  if (!py::isinstance<py::array>(a)) type_error(std::string(name) + " must be an array or None");
  const auto array = py::reinterpret_borrow<py::array>(a);
  require_ndim(array, name, 2);
  const bool repeated = array.shape(0) == 1;
  *distance = repeated ? 0 : columns;
  return input<T>(array, name, {repeated ? 1 : rows, columns});
}

template <class T>
LossSpec<T> spec_of(const Call& call) {
  const auto out_of = [](int n, auto count) { return n < 0 || n >= static_cast<int>(count); };
  if (out_of(call.kind, Loss::kCount)) value_error("kind must be a loss's number");
  if (out_of(call.reduction, Reduction::kCount)) value_error("reduction must be one's number");
  LossSpec<T> spec;
  spec.kind = static_cast<Loss>(call.kind);
  spec.reduction = static_cast<Reduction>(call.reduction);
  spec.label_smoothing = call.label_smoothing;
  spec.beta = call.beta;
  spec.ignore_index = call.ignore_index;
  spec.class_weight = optional_input<T>(call.class_weight, "weight", {call.input.shape(1)});
  return spec;
}

template <class T>
LossRows<T> rows_of_call(const Call& call, const LossSpec<T>& spec) {
  LossRows<T> all;
  all.rows = call.input.shape(0);
  all.columns = all.input_row = all.target_row = call.input.shape(1);
  all.input = input<T>(call.input, "input");
  if (has_index_target(spec.kind)) {
    all.index = input<std::int64_t>(call.target, "target", {all.rows});
  } else {
    all.target = input<T>(call.target, "target", {all.rows, all.columns});
  }
  all.weight = per_element<T>(call.weight, "weight", all.rows, all.columns, &all.weight_row);
  all.pos_weight =
      per_element<T>(call.pos_weight, "pos_weight", all.rows, all.columns, &all.pos_weight_row);
  all.sample_weight = optional_input<T>(call.sample_weight, "sample_weight", {all.rows});
  return all;
}

// `terms`: where kNone writes; None with the other reductions, whose value is returned.
double forward(const Call& call, py::object& terms) {
  require_ndim(call.input, "input", 2);
  return with_float_type(call.input, "input", [&](auto tag) -> double {
    using T = decltype(tag);
    const LossSpec<T> spec = spec_of<T>(call);
    LossRows<T> all = rows_of_call(call, spec);
    Buffer buffer;
    if (spec.reduction == Reduction::kNone) {
      if (!py::isinstance<py::array>(terms)) type_error("terms must be an array");
      auto array = py::reinterpret_borrow<py::array>(terms);
      all.loss = output<T>(array, "terms", {all.rows * terms_per_row(spec, all.columns)});
      require_no_overlap(array, "terms", call.input, "input");
      require_no_overlap(array, "terms", call.target, "target");
    } else {
      buffer.reserve(all.rows * static_cast<Index>(sizeof(T)));
      all.loss = buffer.as<T>();
    }
    ReleaseGil release;
    return static_cast<double>(loss_forward(spec, all));
  });
}

// `dloss`: one number, or with kNone one per term.
void backward(const Call& call, const py::array& dloss, py::array& dinput) {
  require_ndim(call.input, "input", 2);
  with_float_type(call.input, "input", [&](auto tag) {
    using T = decltype(tag);
    const LossSpec<T> spec = spec_of<T>(call);
    LossRows<T> all = rows_of_call(call, spec);
    all.dinput = output<T>(dinput, "out", {all.rows, all.columns});
    all.dinput_row = all.columns;
    require_no_overlap(dinput, "out", call.input, "input", true);
    require_no_overlap(dinput, "out", call.target, "target");
    require_no_overlap(dinput, "out", dloss, "dy");
    require_no_overlap(dinput, "out", call.class_weight, "weight");
    require_no_overlap(dinput, "out", call.weight, "weight");
    require_no_overlap(dinput, "out", call.pos_weight, "pos_weight");
    require_no_overlap(dinput, "out", call.sample_weight, "sample_weight");
    const bool each = spec.reduction == Reduction::kNone;
    const Index terms = each ? all.rows * terms_per_row(spec, all.columns) : 1;
    const T* d = input<T>(dloss, "dy", {terms});
    if (each) all.dloss = d;
    const T scale = each ? T(1) : *d;
    ReleaseGil release;
    loss_backward(spec, all, scale);
  });
}

// The first row whose class is neither ignore_index nor in [0, classes), or -1.
Index bad_target(const py::array& target, Index classes, std::int64_t ignore_index) {
  LossSpec<float> spec;
  spec.kind = Loss::kNll;
  spec.ignore_index = ignore_index;
  LossRows<float> all;
  all.index = input<std::int64_t>(target, "target", {target.size()});
  all.rows = target.size();
  all.columns = classes;
  Index row = -1;
  check_targets(spec, all, &row);
  return row;
}

}  // namespace

void bind_loss(py::module_& m) {
  const char* names[] = {"cross_entropy", "cross_entropy_probabilities",
                         "nll",           "binary_cross_entropy_with_logits",
                         "mse",           "l1",
                         "smooth_l1",     "huber"};
  static_assert(sizeof names / sizeof *names == static_cast<std::size_t>(Loss::kCount));
  py::dict kinds;
  for (int i = 0; i < static_cast<int>(Loss::kCount); ++i) kinds[names[i]] = i;
  m.attr("LOSSES") = kinds;
  py::class_<Call>(m, "LossCall")
      .def(py::init<int, int, py::array, py::array, py::object, py::object, py::object, py::object,
                    double, double, std::int64_t>(),
           py::arg("kind"), py::arg("reduction"), py::arg("input").noconvert(),
           py::arg("target").noconvert(), py::arg("class_weight"), py::arg("weight"),
           py::arg("pos_weight"), py::arg("sample_weight"), py::arg("label_smoothing"),
           py::arg("beta"), py::arg("ignore_index"))
      .def("forward", &forward, py::arg("terms"), "The value, or with reduction none the terms.")
      .def("backward", &backward, py::arg("dy").noconvert(), py::arg("out").noconvert(),
           "out = gradient of the input.");
  m.def("bad_target", &bad_target, py::arg("target").noconvert(), py::arg("classes"),
        py::arg("ignore_index"), "The first row that is no class, or -1.");
}

}  // namespace fastnet
