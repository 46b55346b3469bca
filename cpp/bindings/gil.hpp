// Releases Python's lock around a call into the engine.
//
// This and not pybind11::gil_scoped_release, because a daemon thread may still be inside a kernel
// when the interpreter ends: CPython before 3.14 then ends the thread by pthread_exit where it asks
// for the lock, the unwinding meets a noexcept destructor, and the process aborts. Here such a
// thread waits for the end of the process, as CPython itself lets it from 3.14 on.
#pragma once

#include <Python.h>
#include <unistd.h>

#include <cstring>

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
    if (PyErr_WarnEx(PyExc_RuntimeWarning,
                     "fastnet runs on one thread in a forked process; "
                     "start processes by spawn or forkserver to use more",
                     users_level()) < 0) {
      PyErr_WriteUnraisable(nullptr);
    }
  }

  // Whether a frame is of one of fastnet's own modules.
  static bool is_ours(PyFrameObject* frame) noexcept {
    PyObject* globals = PyFrame_GetGlobals(frame);
    PyObject* name = PyDict_GetItemString(globals, "__name__");
    const char* text = name && PyUnicode_Check(name) ? PyUnicode_AsUTF8(name) : nullptr;
    const bool ours = text && std::strncmp(text, "fastnet.", 8) == 0;
    Py_DECREF(globals);
    return ours;
  }

  // The stack level of the line of the user's that a warning is about.
  static Py_ssize_t users_level() noexcept {
    Py_ssize_t level = 1;
    PyFrameObject* frame = PyThreadState_GetFrame(PyThreadState_Get());
    while (frame && is_ours(frame)) {
      PyFrameObject* caller = PyFrame_GetBack(frame);
      Py_DECREF(frame);
      frame = caller;
      ++level;
    }
    Py_XDECREF(frame);
    return level;
  }

  PyThreadState* state_;
};

}  // namespace fastnet
