// Releases Python's lock around a call into the engine.
//
// This and not pybind11::gil_scoped_release, because a daemon thread may still be inside a kernel
// when the interpreter ends: CPython before 3.14 then ends the thread by pthread_exit where it asks
// for the lock, the unwinding meets a noexcept destructor, and the process aborts. Here such a
// thread waits for the end of the process, as CPython itself lets it from 3.14 on.
#pragma once

#include <Python.h>
#include <unistd.h>

#if defined(__GLIBCXX__)
#include <cxxabi.h>
#endif

#include "core/threads.hpp"

namespace fastnet {

class ReleaseGil {
 public:
  ReleaseGil() noexcept : state_(PyEval_SaveThread()) {}
  ~ReleaseGil() {
#if defined(__GLIBCXX__)
    try {
      PyEval_RestoreThread(state_);
    } catch (abi::__forced_unwind&) {
      for (;;) pause();
    }
#else
    PyEval_RestoreThread(state_);
#endif
    if (take_fork_notice()) warn_of_fork();
  }
  ReleaseGil(const ReleaseGil&) = delete;
  ReleaseGil& operator=(const ReleaseGil&) = delete;

 private:
  static void warn_of_fork() noexcept {
    // A destructor can't raise: where warnings are errors, the error is reported and ignored.
    constexpr Py_ssize_t kCaller = 2;
    if (PyErr_WarnEx(PyExc_RuntimeWarning,
                     "fastnet runs on one thread in a forked process; "
                     "start processes by spawn or forkserver to use more",
                     kCaller) < 0) {
      PyErr_WriteUnraisable(nullptr);
    }
  }

  PyThreadState* state_;
};

}  // namespace fastnet
