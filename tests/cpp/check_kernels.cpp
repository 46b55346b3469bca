// Prints a hash of every kernel's results at one ISA level, for comparison with another machine's.
//
//   check_kernels LEVEL
//
// Built without Python (FASTNET_BUILD_CHECKS), so that it can be compiled for another architecture
// and run by an emulator: the lines of avx2, avx512 and neon must be equal. A kernel is added by
// one line in check_type or check_bits.
#include <algorithm>
#include <cinttypes>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "core/buffer.hpp"
#include "dispatch/dispatch.hpp"

namespace {

using Index = std::ptrdiff_t;

// FNV-1a, 64 bits.
class Hash {
 public:
  void bytes(const void* data, std::size_t n) {
    const auto* p = static_cast<const unsigned char*>(data);
    for (std::size_t i = 0; i < n; ++i) value_ = (value_ ^ p[i]) * 0x100000001b3u;
  }
  template <class T>
  void value(T x) {
    // The payload of a NaN is no part of the promise.
    if (x != x) x = static_cast<T>(NAN);
    bytes(&x, sizeof x);
  }
  std::uint64_t result() const { return value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325u;
};

// The memory of one call of a kernel: inputs with the same values everywhere, and outputs. Nothing
// depends on the order of the calls, since that of a function's arguments is up to the compiler.
class Memory {
 public:
  // Values of both signs and of magnitudes up to 16, with some zeros; `seed` tells inputs apart.
  template <class T>
  const T* in(Index n, std::uint64_t seed = 1) {
    return fill<T>(n, seed, [](std::uint64_t bits) {
      const double unit = static_cast<double>(bits >> 11) * 0x1p-53 - 0.5;
      return bits % 29 == 0 ? 0.0 : unit * static_cast<double>(1 << bits % 6);
    });
  }
  // The same with every kind of number between: NaN, infinities, -0, subnormal and huge ones.
  template <class T>
  const T* any(Index n, std::uint64_t seed = 1) {
    using Limits = std::numeric_limits<T>;
    const T special[] = {Limits::quiet_NaN(),
                         Limits::infinity(),
                         -Limits::infinity(),
                         T(-0.0),
                         Limits::denorm_min(),
                         Limits::min() / 4,
                         Limits::max(),
                         T(1e4),
                         T(-1e4)};
    return fill<T>(n, seed, [&](std::uint64_t bits) {
      const double unit = static_cast<double>(bits >> 11) * 0x1p-53 - 0.5;
      return bits % 7 == 0 ? special[bits % 9] : static_cast<T>(unit * 16.0);
    });
  }
  // Values in (0, 1).
  template <class T>
  const T* positive(Index n, std::uint64_t seed = 1) {
    return fill<T>(n, seed, [](std::uint64_t bits) {
      return (static_cast<double>(bits >> 41) + 0.5) * 0x1p-23;
    });
  }
  // Integers below `limit`.
  template <class T>
  const T* integers(Index n, std::uint64_t limit, std::uint64_t seed = 1) {
    return fill<T>(n, seed, [limit](std::uint64_t bits) { return (bits >> 20) % limit; });
  }
  // Memory that the kernel writes, or updates: `before` is what it holds.
  template <class T>
  T* out(Index n, T before = T(0)) {
    T* p = fill<T>(n, 0, [before](std::uint64_t) { return before; });
    outputs_.push_back([p, n] {
      Hash hash;
      for (Index i = 0; i < n; ++i) hash.value(p[i]);
      return hash.result();
    });
    return p;
  }
  template <class T>
  T* scratch(Index bytes) {
    return fill<T>(bytes / Index(sizeof(T)), 0, [](std::uint64_t) { return 0; });
  }
  std::uint64_t result() const {
    std::uint64_t sum = 0;
    for (const auto& output : outputs_) sum += output();
    return sum;
  }

 private:
  template <class T, class F>
  T* fill(Index n, std::uint64_t seed, const F& f) {
    blocks_.emplace_back((n + 1) * Index(sizeof(T)));
    T* p = blocks_.back().template as<T>();
    // Knuth's MMIX generator.
    std::uint64_t state = seed * 0x9e3779b97f4a7c15u + static_cast<std::uint64_t>(n);
    for (Index i = 0; i < n; ++i) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      p[i] = static_cast<T>(f(state));
    }
    return p;
  }

  std::deque<fastnet::Buffer> blocks_;
  std::vector<std::function<std::uint64_t()>> outputs_;
};

// Lengths around 1, 2 and 4 logical vectors, and a long one.
constexpr Index kLengths[] = {1,  2,  3,  4,  5,  7,  8,  9,  13, 15, 16, 17,  24,
                              25, 31, 32, 33, 47, 48, 49, 63, 64, 65, 67, 100, 1000};

const char* g_type = "";

// Calls run(memory, n) at all lengths and prints the hash of all it wrote.
template <class Run>
void check(const std::string& name, const Run& run) {
  Hash hash;
  for (Index n : kLengths) {
    Memory memory;
    run(memory, n);
    hash.value(memory.result());
  }
  std::printf("%s %s %016" PRIx64 "\n", g_type, name.c_str(), hash.result());
}

template <class T>
fastnet::ProductArgs<T> product_args(Memory& m, Index rows, Index n, Index k) {
  fastnet::ProductArgs<T> args{};
  args.m = rows;
  args.n = n;
  args.k = k;
  args.a = m.in<T>(rows * k);
  args.a_row = k;
  args.a_k = 1;
  args.b = m.in<T>(k * n, 2);
  args.b_row = n;
  args.bias = m.in<T>(n, 3);
  args.c = m.out<T>(rows * n, T(0.5));
  args.c_row = n;
  args.scratch = m.scratch<T>(fastnet::kProductScratchBytes);
  return args;
}

// Seven rows of n for a loss of any kind.
template <class T>
fastnet::LossRows<T> loss_rows(Memory& m, Index n) {
  fastnet::LossRows<T> a;
  a.rows = 7;
  a.columns = a.input_row = a.target_row = a.weight_row = a.dinput_row = n;
  a.input = m.in<T>(7 * n);
  a.index = m.integers<std::int64_t>(7, static_cast<std::uint64_t>(n));
  a.target = m.positive<T>(7 * n);
  a.weight = m.positive<T>(7 * n, 2);
  a.pos_weight = m.positive<T>(n, 3);
  a.sample_weight = m.positive<T>(7, 4);
  a.loss = m.out<T>(7);
  a.dinput = m.out<T>(7 * n);
  a.factor = T(0.25);
  return a;
}

// 21 rows of n, with the statistics of `count` rows or columns.
template <class T>
fastnet::NormArgs<T> norm_args(Memory& m, Index n, Index count) {
  fastnet::NormArgs<T> a;
  a.rows = 21;
  a.n = a.x_row = a.dy_row = a.out_row = n;
  a.x = m.in<T>(21 * n);
  a.dy = m.in<T>(21 * n, 2);
  a.out = m.out<T>(21 * n);
  a.weight = m.in<T>(n, 3);
  a.bias = m.in<T>(n, 4);
  a.eps = T(1e-5);
  a.mean = m.out<T>(count, T(0.25));
  a.rstd = m.out<T>(count, T(0.75));
  a.dweight = m.out<T>(n, T(0.5));
  a.dbias = m.out<T>(n, T(1.5));
  a.batch = 21;
  a.momentum = T(0.1);
  a.running_mean = m.out<T>(n, T(0.125));
  a.running_var = m.out<T>(n, T(2));
  return a;
}

std::string numbered(const char* name, int i) {
  return std::string(name) + " " + std::to_string(i);
}

// Whether an operation of expressions may have a constant as its second of two operands.
bool takes_constant(fastnet::ExpressionOp op) {
  using Op = fastnet::ExpressionOp;
  const bool two = op >= Op::kAdd && op != Op::kNot && op != Op::kHeldSquare;
  return two && op != Op::kWhere && op != Op::kWhereElse && op != Op::kWhereIf;
}

template <class T>
void check_type(const char* type, const fastnet::KernelsOf<T>& k) {
  g_type = type;

  for (int i = 0; i < static_cast<int>(fastnet::Activation::kCount); ++i) {
    const auto kind = static_cast<fastnet::Activation>(i);
    // Parameters that each kind can be called with (dispatch/activation.hpp).
    fastnet::ActivationSpec spec{kind, kind == fastnet::Activation::kHardtanh ? -0.75 : 0.75, 1.5};
    char name[64];
    std::snprintf(name, sizeof name, "activation.forward %d", i);
    check(name,
          [&](Memory& m, Index n) { k.activation.forward(spec, m.any<T>(n), m.out<T>(n), n); });
    check(numbered("activation_backward", i), [&](Memory& m, Index n) {
      k.activation.backward(spec, m.any<T>(n), m.in<T>(n, 2), m.out<T>(n), n);
    });
  }

  check("product", [&](Memory& m, Index n) { k.product.product(product_args<T>(m, 17, n, 9)); });
  check("product, one row",
        [&](Memory& m, Index n) { k.product.product(product_args<T>(m, 1, n, 33)); });
  check("product, deep",
        [&](Memory& m, Index n) { k.product.product(product_args<T>(m, 3, 5, 4 * n)); });
  check("product, relu", [&](Memory& m, Index n) {
    auto args = product_args<T>(m, 5, n, 7);
    args.relu = true;
    k.product.product(args);
  });
  check("product, A by columns", [&](Memory& m, Index n) {
    auto args = product_args<T>(m, 16, n, 7);
    args.a_row = 1;
    args.a_k = 16;
    k.product.product(args);
  });
  check("product, narrow", [&](Memory& m, Index n) {
    for (Index columns = 1; columns <= 4; ++columns) {
      auto args = product_args<T>(m, n, columns, 19);
      k.product.product(args);
      args = product_args<T>(m, n, columns, 19);
      args.a_row = 1;
      args.a_k = n;
      k.product.product(args);
    }
  });
  check("transpose", [&](Memory& m, Index n) {
    k.product.transpose(m.in<T>(n * 19), n, 19, 19, m.out<T>(n * 19), n);
  });
  check("column_sum",
        [&](Memory& m, Index n) { k.product.column_sum(m.in<T>(n * 21), 21, n, n, m.out<T>(n)); });

  for (int i = 0; i < static_cast<int>(fastnet::MathFunction::kCount); ++i) {
    check(numbered("math", i), [&](Memory& m, Index n) {
      k.math.apply(static_cast<fastnet::MathFunction>(i), m.any<T>(n), m.out<T>(n), n);
    });
  }
  for (int i = 0; i < 2 * fastnet::kConstantForm; ++i) {
    using Op = fastnet::ExpressionOp;
    const auto op = static_cast<Op>(i % fastnet::kConstantForm);
    const bool constant_form = i >= fastnet::kConstantForm;
    if (op == Op::kCopy || op == Op::kStore || op >= Op::kEnd) continue;
    if (constant_form && !takes_constant(op)) continue;
    check(numbered("evaluate", i), [&](Memory& m, Index length) {
      // Register 2 becomes the operation of 0 and 1, or of 0 and a constant, and of truth values.
      constexpr Index tile = fastnet::kExpressionTile<T>;
      const Index n = std::min(length, tile);
      std::vector<T> values(3 * tile);
      T* const registers[] = {values.data(), values.data() + tile, values.data() + 2 * tile};
      const T* x = m.any<T>(2 * n);
      const std::vector<T> constant(fastnet::kExpressionConstant<T>, n > 0 ? x[0] : T(1));
      std::copy_n(x, n, registers[0]);
      std::copy_n(x + n, n, registers[1]);
      const auto code = [](Op o) { return static_cast<std::int32_t>(o); };
      const std::int32_t b = constant_form ? -1 : 1;
      // Long operations have one form, and of three operands the held one is a truth value here.
      const bool if_held = op == Op::kWhereIf;
      const std::int32_t form = fastnet::is_long(op) ? code(op) : i;
      const fastnet::HeldStep steps[] = {
          {code(Op::kLoad), 0, 0, -1, -1},   {code(Op::kLess), 1, 0, -1, -1},
          {code(Op::kStore), 2, 0, -1, -1},  {code(Op::kLoad), if_held ? 2 : 0, 0, -1, -1},
          {form, b, if_held ? 0 : 2, -1, 2}, {code(Op::kStore), 2, 0, -1, -1},
          {code(Op::kEnd), 0, 0, -1, -1},
      };
      k.expression.evaluate(steps, constant.data(), registers, n);
      std::copy_n(registers[2], n, m.out<T>(n));
    });
  }
  check("products", [&](Memory& m, Index n) {
    *m.out<double>(1) = k.expression.products(m.in<T>(9 * n), 0.5, m.in<T>(9 * n, 2), 0.25, 9 * n);
  });
  check("sum",
        [&](Memory& m, Index n) { *m.out<double>(1) = k.reduce.sum(m.in<T>(9 * n), 9 * n); });

  check("softmax", [&](Memory& m, Index n) {
    k.softmax.softmax(m.in<T>(3 * n), n, m.out<T>(3 * n), n, 3, n);
  });
  check("softmax, any", [&](Memory& m, Index n) {
    k.softmax.softmax(m.any<T>(3 * n), n, m.out<T>(3 * n), n, 3, n);
  });
  check("log_softmax", [&](Memory& m, Index n) {
    k.softmax.log_softmax(m.in<T>(3 * n), n, m.out<T>(3 * n), n, 3, n);
  });
  check("softmax_backward", [&](Memory& m, Index n) {
    k.softmax.softmax_backward(m.in<T>(3 * n), m.positive<T>(3 * n, 2), m.out<T>(3 * n), 3, n);
  });
  check("log_softmax_backward", [&](Memory& m, Index n) {
    k.softmax.log_softmax_backward(m.in<T>(3 * n), m.in<T>(3 * n, 2), m.out<T>(3 * n), 3, n);
  });
  check("argmax", [&](Memory& m, Index n) {
    k.softmax.argmax(m.any<T>(3 * n), n, m.out<std::int64_t>(3), 3, n);
  });

  for (int i = 0; i < static_cast<int>(fastnet::Loss::kCount); ++i) {
    check(numbered("loss", i), [&](Memory& m, Index n) {
      fastnet::LossSpec<T> spec;
      spec.kind = static_cast<fastnet::Loss>(i);
      spec.label_smoothing = 0.125;
      spec.class_weight = m.positive<T>(n, 5);
      k.loss.rows(spec, loss_rows<T>(m, n));
    });
  }

  check("fma_chains",
        [&](Memory& m, Index n) { *m.out<T>(1) = k.probe.fma_chains(T(-0.75), T(0.375), n); });
  check("sum_squares",
        [&](Memory& m, Index n) { *m.out<double>(1) = k.reduce.sum_squares(m.in<T>(n), n); });

  fastnet::OptimizerSpec<T> sgd;
  sgd.scale = T(0.75);
  sgd.weight_decay = T(0.01);
  sgd.keep = T(0.9);
  sgd.step = T(-0.1);
  check("update, sgd", [&](Memory& m, Index n) {
    k.optimizer.update(sgd, m.out<T>(n, T(0.5)), m.in<T>(n), nullptr, nullptr, n);
  });
  sgd.momentum = T(0.9);
  check("update, momentum", [&](Memory& m, Index n) {
    k.optimizer.update(sgd, m.out<T>(n, T(0.5)), m.in<T>(n), m.out<T>(n, T(0.25)), nullptr, n);
  });
  fastnet::OptimizerSpec<T> adam = sgd;
  adam.kind = fastnet::Optimizer::kAdam;
  adam.decay = T(0.999);
  adam.lerp = T(0.1);
  adam.beta2 = T(0.999);
  adam.unbias = T(22.4);
  adam.eps = T(1e-8);
  check("update, adam", [&](Memory& m, Index n) {
    k.optimizer.update(adam, m.out<T>(n, T(0.5)), m.in<T>(n), m.out<T>(n, T(0.25)),
                       m.out<T>(n, T(0.125)), n);
  });

  const fastnet::NormKernels<T>& norm = k.norm;
  for (const auto& [name, f] : {std::pair{"layer_norm", norm.layer_norm},
                                {"layer_norm_backward", norm.layer_norm_backward},
                                {"layer_norm_sums", norm.layer_norm_sums}}) {
    check(name, [f = f](Memory& m, Index n) { f(norm_args<T>(m, n, 21)); });
  }
  for (const auto& [name, f] : {std::pair{"batch_statistics", norm.batch_statistics},
                                {"batch_running_rstd", norm.batch_running_rstd},
                                {"batch_norm", norm.batch_norm},
                                {"batch_norm_sums", norm.batch_norm_sums},
                                {"batch_norm_backward", norm.batch_norm_backward}}) {
    check(name, [f = f](Memory& m, Index n) { f(norm_args<T>(m, n, n)); });
  }

  check("dropout", [&](Memory& m, Index n) {
    fastnet::DropoutArgs<T> args{
        7, 11, std::uint64_t(1) << 31, T(2), 5, 3, n, m.in<T>(3 * n), n, m.out<T>(3 * n), n};
    k.dropout.dropout(args);
  });
  // Values of which many are NaN or infinite, and others.
  check("moments", [&](Memory& m, Index n) {
    auto* out = reinterpret_cast<fastnet::Moments*>(m.out<double>(3 * 8));
    k.moments.block(m.in<T>(n), nullptr, n, out);
    k.moments.block(m.in<T>(n), m.positive<double>(n), n, out + 1);
    k.moments.block(m.any<T>(n), nullptr, n, out + 2);
  });
  check("moments, in pieces", [&](Memory& m, Index n) {
    auto* out = reinterpret_cast<fastnet::Moments*>(m.out<double>(8));
    const T* x = m.in<T>(17 * n);
    fastnet::PieceSums<T> sums;
    k.moments.begin(x, 16 * n, &sums);
    k.moments.add(x, 16 * n, &sums);
    k.moments.add(x + 16 * n, n, &sums);
    if (!k.moments.finish(sums, 17 * n, out)) out->n = -1;
  });
  check("moments, columns", [&](Memory& m, Index n) {
    auto* out = reinterpret_cast<fastnet::Moments*>(m.out<double>(16 * n));
    auto* nans = reinterpret_cast<Index*>(m.out<std::int64_t>(n));
    k.moments.columns(m.in<T>(21 * n), n, 21, n, nullptr, out, nans);
    k.moments.columns(m.in<T>(21 * n), n, 21, n, m.positive<double>(21), out + n, nans);
  });
  check("uniform", [&](Memory& m, Index n) {
    k.random.uniform(7, 1, 3, {T(-1), T(3), T(1.9999)}, m.out<T>(n), n);
  });
  const auto& random = k.random;
  for (const auto& [name, f] : {std::pair{"normal", random.normal},
                                {"lognormal", random.lognormal},
                                {"exponential", random.exponential},
                                {"laplace", random.laplace}}) {
    check(name, [f = f](Memory& m, Index n) { f(7, 1, 3, {T(0.5), T(2)}, m.out<T>(n), n); });
  }
  check("normal, standard", [&](Memory& m, Index n) {
    k.random.normal(7, 1, 3, {T(0), T(1)}, m.out<T>(n), n);
  });
  check("bernoulli", [&](Memory& m, Index n) {
    k.random.bernoulli(7, 1, 3, std::uint64_t(3) << 62, m.out<T>(n), n);
  });
}

// The upper halves of n floats.
const std::uint8_t* bf16(Memory& m, Index n, std::uint64_t seed) {
  const float* x = m.in<float>(n, seed);
  auto* y = m.scratch<std::uint8_t>(2 * n);
  for (Index i = 0; i < n; ++i) {
    std::uint32_t bits;
    std::memcpy(&bits, x + i, sizeof bits);
    const auto upper = static_cast<std::uint16_t>(bits >> 16);
    std::memcpy(y + 2 * i, &upper, sizeof upper);
  }
  return y;
}

// Three rows through the kernels of a precision, whose operands hold whatever bits there are.
void check_quantized(const char* type, const fastnet::QuantizedKernels& k, Index group) {
  g_type = type;
  check("quantize_rows", [&](Memory& m, Index n) {
    const Index row = (4 * n / group + 63) / 64 * 64;
    k.quantize_rows(m.in<float>(3 * n), n, 3, n, m.out<std::uint8_t>(3 * row), row,
                    m.out<float>(3));
  });
  check("quantized_product", [&](Memory& m, Index n) {
    constexpr Index depth = 70;
    fastnet::QuantizedArgs args{};
    args.m = 9;
    args.n = n;
    args.k = depth;
    args.a_row = 192;
    const Index columns = fastnet::padded_columns(n);
    if (group == 4) {
      args.a = m.integers<std::uint8_t>(9 * 192, 256, 1);
      args.b = m.integers<std::uint8_t>(depth * 4 * columns, 256, 2);
    } else {
      args.a = bf16(m, 9 * 96, 1);
      args.b = bf16(m, depth * 2 * columns, 2);
    }
    args.a_scale = m.in<float>(9, 3);
    args.b_scale = m.in<float>(columns, 4);
    args.b_offset = m.integers<std::int32_t>(columns, 1000, 5);
    args.bias = m.in<float>(columns, 6);
    args.c = m.out<float>(9 * n);
    args.c_row = n;
    k.quantized_product(args);
  });
}

void check_bits(const fastnet::Kernels& k) {
  g_type = "bits";
  check("blocks",
        [&](Memory& m, Index n) { k.bits.blocks(7, 11, 5, m.out<std::uint32_t>(4 * n), n); });
  const auto& discrete = k.discrete;
  for (int i = 0; i < static_cast<int>(fastnet::PlainFunction::kCount); ++i) {
    check(numbered("plain function", i), [&](Memory& m, Index n) {
      const double* x = m.positive<double>(n);
      double* y = m.out<double>(n);
      for (Index l = 0; l < n; ++l) y[l] = i == 0 ? -600 * x[l] : x[l];
      discrete.plain(static_cast<fastnet::PlainFunction>(i), y, y, n);
    });
  }
  // Of one law, and of one for each value.
  for (const int step : {0, 1}) {
    check(numbered("poisson", step), [&](Memory& m, Index n) {
      double* mean = m.out<double>(n);
      for (Index i = 0; i < n; ++i) mean[i] = 10 + static_cast<double>(i * i);
      discrete.poisson(m.positive<double>(n), m.positive<double>(n, 2), mean, step,
                       m.out<std::int64_t>(n), n);
    });
    check(numbered("binomial", step), [&](Memory& m, Index n) {
      double* trials = m.out<double>(n);
      const double p = 0.375, q = 0.625;
      for (Index i = 0; i < n; ++i) trials[i] = 30 + static_cast<double>(i * i);
      const std::vector<double> ps(static_cast<std::size_t>(n), p), qs(ps.size(), q);
      discrete.binomial(m.positive<double>(n), m.positive<double>(n, 2), trials, ps.data(),
                        qs.data(), step, m.out<std::int64_t>(n), n);
    });
    check(numbered("geometric", step), [&](Memory& m, Index n) {
      double* rate = m.out<double>(n);
      for (Index i = 0; i < n; ++i) rate[i] = 1e-3 * static_cast<double>(i + 1);
      discrete.geometric(m.positive<double>(n), rate, step, m.out<std::int64_t>(n), n);
    });
  }
  check("stream copy", [&](Memory& m, Index n) {
    std::uint32_t* to = m.out<std::uint32_t>(n + 3);
    const std::uint32_t* from = m.integers<std::uint32_t>(n, 1 << 30);
    if (!k.stream.copy) return (void)std::copy(from, from + n, to + 3);
    k.stream.copy(from, to + 3, n);
    k.stream.fence();
  });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || !fastnet::use_level(argv[1])) {
    std::fprintf(stderr, "usage: check_kernels LEVEL, one of:");
    for (const fastnet::Level* l = fastnet::levels(); l->name; ++l) {
      if (l->supported) std::fprintf(stderr, " %s", l->name);
    }
    std::fprintf(stderr, "\n");
    return 2;
  }
  // Extensions round bf16 in their own way; tests/test_quantization.py compares them.
  fastnet::use_extensions(false);
  const fastnet::Kernels& kernels = fastnet::kernels();
  check_bits(kernels);
  check_type("f32", kernels.f32);
  check_type("f64", kernels.f64);
  check_quantized("bf16", kernels.bf16, 2);
  check_quantized("int8", kernels.int8, 4);
  return 0;
}
