#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace lmf::infer {

/// Threads that share the many small tasks of a step. Each takes the next task when it has done one, so that a core
/// which something else uses costs its share and no more: OpenMP's equal parts wait for the slowest (measured: decoding
/// became 20 times slower beside a compiler). A thread without work spins for some microseconds, then sleeps.
class Workers {
 public:
  /// `threads`: those that work, the one that calls run() among them.
  explicit Workers(int threads);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  int threads() const { return static_cast<int>(threads_.size()) + 1; }
  /// task(i) for every i below `count`, in any order and by any thread; returns when all are done. A task must not
  /// throw. For one caller at a time.
  template <class Task>
  void run(std::int64_t count, const Task& task) {
    if (count <= 1 || threads_.empty()) {
      for (std::int64_t i = 0; i < count; ++i) task(i);
      return;
    }
    share(
        count, [](const void* self, std::int64_t i) { (*static_cast<const Task*>(self))(i); }, &task);
  }

 private:
  using Call = void (*)(const void*, std::int64_t);
  void share(std::int64_t count, Call call, const void* task);
  void work(std::uint32_t round);
  void serve();

  // The number of the round in the upper half, how many of its tasks nobody has taken in the lower: one word, so that a
  // thread which comes late cannot take a task of a round that is over.
  std::atomic<std::uint64_t> next_{0};
  std::atomic<std::uint32_t> count_{0};
  std::atomic<Call> call_{nullptr};
  std::atomic<const void*> task_{nullptr};
  std::atomic<std::uint32_t> done_{0};
  std::atomic<std::uint32_t> round_{0};  // what sleepers wait for
  std::atomic<bool> ending_{false};
  std::vector<std::thread> threads_;
};

}  // namespace lmf::infer
