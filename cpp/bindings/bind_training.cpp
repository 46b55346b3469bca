// Training of compiled networks.
#include "bindings/bind.hpp"
#include "bindings/gil.hpp"
#include "bindings/network.hpp"
#include "engine/training.hpp"

namespace fastnet {
namespace {

// A flat 64-byte aligned buffer that lives in a NumPy array.
template <class T>
T* flat(py::array& a, const char* name, Index size) {
  T* p = output<T>(a, name);
  require_ndim(a, name, 1);
  if (size >= 0 && a.size() != size) value_error(std::string(name) + " must be as long as params");
  if (reinterpret_cast<std::uintptr_t>(p) % kAlignment != 0) {
    value_error(std::string(name) + " must be aligned to 64 bytes");
  }
  return p;
}

OptimizerGroup group_of(const py::dict& d) {
  OptimizerGroup g;
  const auto kind = d["kind"].cast<std::string>();
  const auto number = [&d](const char* name) { return d[name].cast<double>(); };
  g.frozen = false;
  g.scale = d["maximize"].cast<bool>() ? -1.0 : 1.0;
  g.steps = d["steps"].cast<std::int64_t>();
  if (kind == "sgd") {
    g.kind = Optimizer::kSgd;
    g.sgd = {number("lr"), number("momentum"), number("dampening"), number("weight_decay"),
             d["nesterov"].cast<bool>()};
    return g;
  }
  g.kind = Optimizer::kAdam;
  g.adam = {number("lr"),  number("beta1"),        number("beta2"),
            number("eps"), number("weight_decay"), kind == "adamw"};
  g.beta1_power = number("beta1_power");
  g.beta2_power = number("beta2_power");
  return g;
}

template <class T>
Network<T>& trainable(Network<T>& network) {
  if (network.is_quantized()) value_error("a quantized network can't be trained");
  return network;
}

template <class T>
class TrainingObject {
 public:
  TrainingObject(py::object owner, int loss, const py::dict& options, const py::list& segments,
                 py::array params, py::array grads)
      : owner_(std::move(owner)),
        object_(owner_.cast<NetworkObject<T>&>()),
        params_(std::move(params)),
        grads_(std::move(grads)),
        spec_(spec_of(loss, options)),
        training_(trainable(object_.network()), spec_, segments_of(segments),
                  flat<T>(params_, "params", -1), flat<T>(grads_, "grads", params_.size())) {
    training_.set_pos_weight(pos_weight_data_);
  }

  void set_optimizer(const py::list& groups, py::object state1, py::object state2) {
    OptimizerState<T> optimizer;
    if (groups.size() != segments_) value_error("groups must have one entry a segment");
    for (const auto& g : groups) {
      optimizer.groups.push_back(g.is_none() ? OptimizerGroup{} : group_of(g.cast<py::dict>()));
    }
    optimizer.state1 = state(state1, "state1");
    optimizer.state2 = state(state2, "state2");
    for (const OptimizerGroup& g : optimizer.groups) {
      const bool adam = g.kind == Optimizer::kAdam;
      if ((adam || g.sgd.momentum != 0.0) && !optimizer.state1) value_error("state1 is missing");
      if (adam && !optimizer.state2) value_error("state2 is missing");
    }
    const Use use(object_.users, true);
    training_.set_optimizer(std::move(optimizer));
    state1_ = std::move(state1);
    state2_ = std::move(state2);
  }

  // (steps, beta1_power, beta2_power) of each segment, None where it is frozen.
  py::list progress() {
    std::vector<OptimizerGroup> groups;
    {
      const Use use(object_.users, false);
      groups = training_.optimizer().groups;
    }
    py::list list;
    for (const OptimizerGroup& g : groups) {
      if (g.frozen) {
        list.append(py::none());
      } else {
        list.append(py::make_tuple(g.steps, g.beta1_power, g.beta2_power));
      }
    }
    return list;
  }

  // (key, first ticket, Counter) of each dropout layer, None for the others.
  void set_random(const py::list& sources) {
    const std::size_t depth = object_.network().depth();
    if (sources.size() != depth) value_error("sources must have one entry a layer");
    std::vector<RandomSource> list(depth);
    for (std::size_t l = 0; l < depth; ++l) {
      if (object_.network().layers()[l].kind != LayerKind::kDropout) continue;
      const auto source = sources[l].cast<py::tuple>();
      list[l] = {source[0].cast<std::uint64_t>(), source[1].cast<std::uint64_t>(),
                 source[2].cast<Counter*>()};
    }
    const Use use(object_.users, true);
    training_.set_random(std::move(list));
    sources_ = sources;
  }

  py::tuple step(const py::array& x, const py::array& target, const py::object& sample_weight,
                 double max_norm) {
    return one(x, target, sample_weight, [&](const Dataset<T>& data) {
      training_.set_max_norm(max_norm);
      return training_.step(data);
    });
  }

  // step() of plain arrays that need no conversion, without sample weights; None for all else.
  py::object step_direct(const py::handle& x, const py::handle& target, double max_norm) {
    const Index columns = object_.network().out_features();
    const bool by_index = has_index_target(spec_.kind);
    if (!is_plain<T>(x) || !(by_index ? is_plain<std::int64_t>(target) : is_plain<T>(target))) {
      return py::none();
    }
    const auto ax = py::reinterpret_borrow<py::array>(x);
    const auto ay = py::reinterpret_borrow<py::array>(target);
    Matrix<T> m;
    if (ax.ndim() != 2 || ax.shape(1) != object_.network().in_features() || !read_matrix(ax, &m) ||
        !m.unit_col() || m.rows < (object_.network().has_batch_norm() ? 2 : 1)) {
      return py::none();
    }
    if (!has_flag(ay, py::array::c_style) ||
        !(by_index ? has_shape(ay, {m.rows}) : has_shape(ay, {m.rows, columns}))) {
      return py::none();
    }
    return step(ax, ay, py::none(), max_norm);
  }

  py::tuple gradient(const py::array& x, const py::array& target, const py::object& sample_weight,
                     bool accumulate) {
    return one(x, target, sample_weight,
               [&](const Dataset<T>& data) { return training_.gradient(data, accumulate); });
  }

  void apply(double max_norm) {
    require_ready();
    const Use use(object_.users, true);
    ReleaseGil release;
    training_.set_max_norm(max_norm);
    training_.apply();
  }

  void run(const py::array& x, const py::array& target, const py::object& sample_weight,
           const py::object& order, Index batch, double seconds, double max_norm, Epoch& epoch) {
    require_ready();
    if (batch < 1) value_error("batch must be at least 1");
    const Dataset<T> data = dataset(x, target, sample_weight);
    const std::int64_t* rows = nullptr;
    if (!order.is_none()) {
      const auto array = order.cast<py::array>();
      rows = input<std::int64_t>(array, "order", {data.rows});
      for (Index i = 0; i < data.rows; ++i) {
        if (rows[i] < 0 || rows[i] >= data.rows) value_error("order must hold rows of x");
      }
    }
    if (epoch.next < 0 || epoch.next >= data.rows) value_error("the epoch is over");
    const Use use(object_.users, true);
    ReleaseGil release;
    training_.set_max_norm(max_norm);
    training_.run(data, rows, batch, seconds, &epoch);
  }

 private:
  void require_ready() const {
    if (training_.optimizer().groups.size() != segments_) {
      throw std::runtime_error("set_optimizer comes first");
    }
    for (const Layer<T>& layer : object_.network().layers()) {
      if (layer.kind == LayerKind::kDropout && sources_.is_none()) {
        throw std::runtime_error("set_random comes first");
      }
    }
  }

  T* state(py::object& a, const char* name) const {
    if (a.is_none()) return nullptr;
    auto array = a.cast<py::array>();
    return flat<T>(array, name, params_.size());
  }

  LossSpec<T> spec_of(int loss, const py::dict& options) {
    if (loss < 0 || loss >= static_cast<int>(Loss::kCount)) value_error("unknown loss");
    LossSpec<T> spec;
    spec.kind = static_cast<Loss>(loss);
    const int reduction = options["reduction"].cast<int>();
    if (reduction != static_cast<int>(Reduction::kMean) &&
        reduction != static_cast<int>(Reduction::kSum)) {
      value_error("reduction must be mean or sum");
    }
    spec.reduction = static_cast<Reduction>(reduction);
    spec.label_smoothing = options["label_smoothing"].cast<double>();
    spec.beta = options["beta"].cast<double>();
    spec.ignore_index = options["ignore_index"].cast<std::int64_t>();
    class_weight_ = options["weight"];
    pos_weight_ = options["pos_weight"];
    const Index columns = object_.network().out_features();
    spec.class_weight = optional_input<T>(class_weight_, "weight", {columns});
    pos_weight_data_ = optional_input<T>(pos_weight_, "pos_weight", {columns});
    return spec;
  }

  std::vector<Segment> segments_of(const py::list& list) {
    std::vector<Segment> segments;
    for (const auto& item : list) {
      const auto t = item.cast<std::tuple<std::size_t, int, Index, Index>>();
      if (std::get<1>(t) < 0 || std::get<1>(t) >= static_cast<int>(Role::kCount)) {
        value_error("a segment must have a role");
      }
      const Segment s{std::get<0>(t), static_cast<Role>(std::get<1>(t)), std::get<2>(t),
                      std::get<3>(t)};
      if (s.layer >= object_.network().depth()) value_error("a segment must belong to a layer");
      const Layer<T>& layer = object_.network().layers()[s.layer];
      const Index least = s.role == Role::kMatrix ? layer.in * layer.weight_row : layer.out;
      const T* const begin = static_cast<const T*>(params_.data()) + s.begin;
      if (begin != (s.role == Role::kBias ? layer.bias : layer.weight) || s.size < least ||
          s.begin < 0 || s.begin + s.size > params_.size()) {
        value_error("a segment must be its layer's parameter");
      }
      segments.push_back(s);
    }
    segments_ = segments.size();
    return segments;
  }

  Dataset<T> dataset(const py::array& x, const py::array& target, const py::object& weight) {
    Dataset<T> data;
    data.x = NetworkObject<T>::rows(x, "x", object_.network().in_features(), &data.x_row);
    data.rows = x.shape(0);
    if (data.rows < 1) value_error("x must have at least one row");
    if (has_index_target(spec_.kind)) {
      data.index = input<std::int64_t>(target, "y", {data.rows});
      LossRows<T> all;
      all.rows = data.rows;
      all.columns = object_.network().out_features();
      all.index = data.index;
      Index row;
      if (!check_targets(spec_, all, &row)) {
        value_error("y must hold classes from 0 to " + std::to_string(all.columns - 1) + ", got " +
                    std::to_string(data.index[row]) + " in row " + std::to_string(row));
      }
    } else {
      require_shape(target, "y", {data.rows, object_.network().out_features()});
      data.target =
          NetworkObject<T>::rows(target, "y", object_.network().out_features(), &data.target_row);
    }
    data.sample_weight = optional_input<T>(weight, "sample_weight", {data.rows});
    return data;
  }

  template <class Action>
  py::tuple one(const py::array& x, const py::array& target, const py::object& sample_weight,
                const Action& action) {
    require_ready();
    const Dataset<T> data = dataset(x, target, sample_weight);
    StepResult result;
    {
      const Use use(object_.users, true);
      ReleaseGil release;
      result = action(data);
    }
    return py::make_tuple(static_cast<int>(result.status), result.loss);
  }

  py::object owner_;
  NetworkObject<T>& object_;
  py::array params_, grads_;
  py::object class_weight_, pos_weight_, sources_ = py::none(), state1_, state2_;
  const T* pos_weight_data_ = nullptr;
  std::size_t segments_ = 0;
  LossSpec<T> spec_;
  Training<T> training_;
};

template <class T>
void bind_types(py::module_& m, const std::string& suffix) {
  using Train = TrainingObject<T>;
  py::class_<Train>(m, ("Training_" + suffix).c_str(), "Steps of a network's training.")
      .def(py::init<py::object, int, const py::dict&, const py::list&, py::array, py::array>(),
           py::arg("network"), py::arg("loss"), py::arg("options"), py::arg("segments"),
           py::arg("params").noconvert(), py::arg("grads").noconvert())
      .def("set_optimizer", &Train::set_optimizer, py::arg("groups"), py::arg("state1"),
           py::arg("state2"), "One group a segment, None where it is frozen, and flat moments.")
      .def("progress", &Train::progress, "Steps done and powers of beta, by segment.")
      .def("set_random", &Train::set_random, py::arg("sources"), "Where dropout's masks come from.")
      .def("step", &Train::step, py::arg("x").noconvert(), py::arg("y").noconvert(),
           py::arg("sample_weight"), py::arg("max_norm"), "One step: (status, loss).")
      .def("step_direct", &Train::step_direct, py::arg("x"), py::arg("y"), py::arg("max_norm"),
           "One step on plain arrays, None for others.")
      .def("gradient", &Train::gradient, py::arg("x").noconvert(), py::arg("y").noconvert(),
           py::arg("sample_weight"), py::arg("accumulate"), "Gradients alone: (status, loss).")
      .def("apply", &Train::apply, py::arg("max_norm"), "Update from the gradients.")
      .def("run", &Train::run, py::arg("x").noconvert(), py::arg("y").noconvert(),
           py::arg("sample_weight"), py::arg("order"), py::arg("batch"), py::arg("seconds"),
           py::arg("max_norm"), py::arg("epoch"), "A piece of an epoch.");
}

}  // namespace

void bind_training(py::module_& m) {
  m.attr("ROLE_MATRIX") = static_cast<int>(Role::kMatrix);
  m.attr("ROLE_BIAS") = static_cast<int>(Role::kBias);
  m.attr("ROLE_NORM_WEIGHT") = static_cast<int>(Role::kNormWeight);
  m.attr("STEP_DONE") = static_cast<int>(StepStatus::kDone);
  m.attr("STEP_SKIPPED") = static_cast<int>(StepStatus::kSkipped);
  m.attr("STEP_NON_FINITE") = static_cast<int>(StepStatus::kNonFinite);
  py::class_<Epoch>(m, "Epoch", "Where an epoch stands.")
      .def(py::init<>())
      .def_readonly("next", &Epoch::next)
      .def_readonly("steps", &Epoch::steps)
      .def_readonly("loss_sum", &Epoch::loss_sum)
      .def_readonly("weight_sum", &Epoch::weight_sum)
      .def_readonly("finished", &Epoch::finished)
      .def_property_readonly("status", [](const Epoch& e) { return static_cast<int>(e.status); });
  bind_types<float>(m, "f32");
  bind_types<double>(m, "f64");
}

}  // namespace fastnet
