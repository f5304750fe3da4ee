#include "infer/workers.hpp"

namespace lmf::infer {
namespace {

// About 20 µs: longer than the pause between two rounds of one step.
constexpr int kSpins = 2000;

void pause() {
#if defined __x86_64__
  __builtin_ia32_pause();
#endif
}

/// Until `ready` holds: spins, then sleeps as long as `word` is `value`.
template <class Ready>
void await(const std::atomic<std::uint32_t>& word, const Ready& ready) {
  for (int spin = 0; spin < kSpins; ++spin) {
    if (ready(word.load(std::memory_order_acquire))) return;
    pause();
  }
  for (std::uint32_t seen = word.load(std::memory_order_acquire); !ready(seen);
       seen = word.load(std::memory_order_acquire))
    word.wait(seen, std::memory_order_acquire);
}

}  // namespace

Workers::Workers(int threads) {
  for (int i = 1; i < threads; ++i) threads_.emplace_back([this] { serve(); });
}

Workers::~Workers() {
  ending_ = true;
  ++round_;
  round_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Workers::share(std::int64_t count, Call call, const void* task) {
  const std::uint32_t round = round_.load(std::memory_order_relaxed) + 1;
  count_.store(static_cast<std::uint32_t>(count), std::memory_order_relaxed);
  call_.store(call, std::memory_order_relaxed);
  task_.store(task, std::memory_order_relaxed);
  done_.store(0, std::memory_order_relaxed);
  next_.store(std::uint64_t{round} << 32 | static_cast<std::uint32_t>(count), std::memory_order_release);
  round_.store(round, std::memory_order_release);
  round_.notify_all();
  work(round);
  await(done_, [&](std::uint32_t done) { return done == static_cast<std::uint32_t>(count); });
}

/// Takes tasks of the round until none is left. As long as one that was taken is not done, no other round begins.
void Workers::work(std::uint32_t round) {
  for (;;) {
    std::uint64_t next = next_.load(std::memory_order_acquire);
    do {
      if (next >> 32 != round || static_cast<std::uint32_t>(next) == 0) return;
    } while (!next_.compare_exchange_weak(next, next - 1, std::memory_order_acq_rel, std::memory_order_acquire));
    const std::uint32_t count = count_.load(std::memory_order_relaxed);
    // In rising order: what a task asks of memory beyond its end is the next one's beginning.
    call_.load(std::memory_order_relaxed)(task_.load(std::memory_order_relaxed),
                                          count - static_cast<std::uint32_t>(next));
    if (done_.fetch_add(1, std::memory_order_acq_rel) + 1 == count) done_.notify_all();
  }
}

void Workers::serve() {
  for (std::uint32_t seen = 0;;) {
    await(round_, [&](std::uint32_t round) { return round != seen; });
    if (ending_) return;
    seen = round_.load(std::memory_order_acquire);
    work(seen);
  }
}

}  // namespace lmf::infer
