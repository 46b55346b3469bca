// 64-byte aligned memory.
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

namespace fastnet {

constexpr std::ptrdiff_t kAlignment = 64;

constexpr std::ptrdiff_t round_up(std::ptrdiff_t n, std::ptrdiff_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

// The distance between rows of `columns` elements in a matrix of ours: a whole number of cache
// lines, and never a multiple of 1 KiB, so that a column of rows does not fall into one cache set.
// A multiple of 16 elements for both types.
template <class T>
constexpr std::ptrdiff_t padded_row(std::ptrdiff_t columns) {
  const std::ptrdiff_t row = round_up(columns > 0 ? columns : 1, 16);
  return row * static_cast<std::ptrdiff_t>(sizeof(T)) % 1024 == 0 ? row + 16 : row;
}

// std::bad_alloc with the size that was asked for: Python's MemoryError has its text.
class OutOfMemory : public std::bad_alloc {
 public:
  explicit OutOfMemory(std::size_t bytes) noexcept {
    std::snprintf(text_, sizeof text_, "Unable to allocate %zu bytes", bytes);
  }
  const char* what() const noexcept override { return text_; }

 private:
  char text_[64];
};

// Memory that only grows; contents are lost when it does.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::ptrdiff_t bytes) { reserve(bytes); }

  // Throws OutOfMemory, leaving the buffer as it was.
  void reserve(std::ptrdiff_t bytes) {
    if (bytes <= bytes_) return;
    void* p = nullptr;
    const auto size = static_cast<std::size_t>(round_up(bytes, kAlignment));
    if (posix_memalign(&p, kAlignment, size) != 0) throw OutOfMemory(size);
    memory_.reset(static_cast<char*>(p));
    bytes_ = bytes;
  }
  void clear() { std::memset(memory_.get(), 0, static_cast<std::size_t>(bytes_)); }

  template <class T = char>
  T* as() const {
    return reinterpret_cast<T*>(memory_.get());
  }
  std::ptrdiff_t bytes() const { return bytes_; }

 private:
  struct Free {
    void operator()(char* p) const { std::free(p); }
  };
  std::unique_ptr<char, Free> memory_;
  std::ptrdiff_t bytes_ = 0;
};

}  // namespace fastnet
