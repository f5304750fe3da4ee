#pragma once

#include <cstddef>
#include <utility>

#include "lmf/error.hpp"

namespace lmf::train::launch::store {

/// What all clients of a server together may make it hold: stored values, awaited keys, half-read requests, unsent
/// replies. One sum bounds the whole server, however its clients share it out.
class MemoryBudget {
 public:
  explicit MemoryBudget(std::size_t limit) : limit_(limit) {}
  void take(std::size_t bytes) {
    if (bytes > limit_ - used_) throw Error("the store is full");
    used_ += bytes;
  }
  void give_back(std::size_t bytes) { used_ -= bytes; }
  std::size_t used() const { return used_; }

 private:
  std::size_t limit_, used_ = 0;
};

/// A share of the budget, given back at the end.
class MemoryShare {
 public:
  explicit MemoryShare(MemoryBudget& budget) : budget_(budget) {}
  ~MemoryShare() { release(); }
  MemoryShare(const MemoryShare&) = delete;
  MemoryShare& operator=(const MemoryShare&) = delete;
  void take(std::size_t bytes) {
    budget_.take(bytes);
    taken_ += bytes;
  }
  void release() { budget_.give_back(std::exchange(taken_, 0)); }

 private:
  MemoryBudget& budget_;
  std::size_t taken_ = 0;
};

}  // namespace lmf::train::launch::store
