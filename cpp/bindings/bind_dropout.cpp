// Dropout on arrays.
#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "engine/dropout.hpp"

namespace fastnet {
namespace {

void forward(const py::array& x, double p, std::uint64_t key, std::uint64_t ticket,
             std::int64_t first_row, py::array& y) {
  require_ndim(x, "x", 2);
  if (!(p >= 0.0 && p <= 1.0)) value_error("p must be in [0, 1], got " + std::to_string(p));
  if (ticket >= kTicketLimit) value_error("ticket must be below 2**56");
  with_float_type(x, "x", [&](auto tag) {
    using T = decltype(tag);
    DropoutArgs<T> args{};
    args.key = key;
    args.ticket = ticket;
    args.first_row = first_row;
    args.rows = x.shape(0);
    args.cols = args.x_row = args.y_row = x.shape(1);
    args.x = input<T>(x, "x");
    args.y = output<T>(y, "out", {args.rows, args.cols});
    constexpr Index limit = Index(1) << 32;
    if (first_row < 0 || args.rows > limit - first_row || args.cols > 4 * limit) {
      value_error("rows must be below 2**32 and columns below 2**34");
    }
    set_probability(p, &args);
    require_no_overlap(y, "out", x, "x", true);
    ReleaseGil release;
    dropout(args);
  });
}

}  // namespace

void bind_dropout(py::module_& m) {
  m.def("dropout", &forward, py::arg("x").noconvert(), py::arg("p"), py::arg("key"),
        py::arg("ticket"), py::arg("first_row"), py::arg("out").noconvert(),
        "out = x / (1 - p) where the ticket's mask keeps an element, else 0.");
}

}  // namespace fastnet
