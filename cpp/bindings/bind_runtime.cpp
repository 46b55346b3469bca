// ISA levels, threads and build facts.
#include "bindings/arrays.hpp"
#include "bindings/bind.hpp"
#include "core/cache.hpp"
#include "core/pace.hpp"
#include "dispatch/dispatch.hpp"

namespace fastnet {
namespace {

py::list names_of(const Level* l, bool supported_only) {
  py::list names;
  for (; l->name; ++l) {
    if (l->supported || !supported_only) names.append(l->name);
  }
  return names;
}

py::dict thread_facts() {
  const ThreadLimits l = thread_limits();
  py::dict d;
  d["omp"] = l.omp;
  d["affinity"] = l.affinity;
  d["quota"] = l.quota;
  return d;
}

template <class T>
T fma_chains(T a, T b, Index n) {
  ReleaseGil release;
  return kernels().of<T>().probe.fma_chains(a, b, n);
}

}  // namespace

void bind_runtime(py::module_& m) {
  m.def(
      "isa", [] { return kernels().level; }, "The active ISA level.");
  m.def(
      "isa_built", [] { return names_of(levels(), false); }, "Levels in this build, best first.");
  m.def(
      "isa_supported", [] { return names_of(levels(), true); },
      "Levels that run here, best first.");
  m.def(
      "use_isa", [](const std::string& name) { return use_level(name.c_str()); }, py::arg("name"),
      "Make a level active; False if it is not there.");
  m.def(
      "isa_extensions", [] { return names_of(extensions(), true); },
      "Extensions of the best level that run here.");
  m.def("use_extensions", &use_extensions, py::arg("use"), "Whether levels use their extensions.");
  m.def(
      "quantized_kernels",
      [] {
        py::dict d;
        d["bf16"] = kernels().bf16.level;
        d["int8"] = kernels().int8.level;
        return d;
      },
      "The level or extension whose kernels multiply quantized weights.");
  m.def(
      "num_threads", [] { return forked() ? 1 : num_threads(); }, "Threads a call may use.");
  m.def("set_num_threads", &set_num_threads, py::arg("n"), "Set it; 0 for the default.");
  m.def("set_worth_microseconds", &set_worth_microseconds, py::arg("microseconds"),
        "From how much work on calls are split, for tests; negative for what was measured.");
  py::class_<Pace>(m, "Pace", "One thread or the team by measured times, for tests.")
      .def(py::init<>())
      .def("choose", &Pace::choose, py::arg("threads"), "Whether the team does the next piece.")
      .def("record", &Pace::record, py::arg("seconds"), py::arg("units"),
           "Say how long it took, and how large it was.");
  m.def("thread_limits", &thread_facts, "What the default number of threads is the minimum of.");
  m.def("openmp_runtime", &openmp_runtime, "libgomp, libomp or none.");
  m.def("forked", &forked,
        "Whether this process was forked since import, so that it runs serially.");
  m.def("last_cache_bytes", &last_cache_bytes,
        "Size of the last cache; outputs that do not fit into it are streamed past it.");
  m.attr("PROBE_CHAINS") = kProbeChains;
  m.def("fma_chains_f32", &fma_chains<float>, py::arg("a"), py::arg("b"), py::arg("n"),
        "x = a x + b, n times in PROBE_CHAINS chains of 64 bytes, on this thread.");
  m.def("fma_chains_f64", &fma_chains<double>, py::arg("a"), py::arg("b"), py::arg("n"),
        "The same in float64.");
  m.attr("compiler") =
#if defined(__clang__)
      "clang " __clang_version__;
#else
      "gcc " __VERSION__;
#endif
}

}  // namespace fastnet
