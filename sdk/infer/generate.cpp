#include "infer/generate.hpp"

#include <utility>

namespace lmf::infer {
namespace {

/// Hands tokens from the engine's thread over to the one that waits.
class Mailbox final : public Listener {
 public:
  void on_token(const Token& token) override {
    const std::scoped_lock lock(mutex_);
    arrived_.push_back(token.id);
    changed_.notify_one();
  }
  void on_end(const End& end) noexcept override {
    const std::scoped_lock lock(mutex_);
    end_ = end;
    changed_.notify_one();
  }
  /// What came since the last call; waits a little when nothing did. True with the last of it.
  bool take(std::vector<std::int32_t>& ids, End& end) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(20), [&] { return !arrived_.empty() || end_; });
    ids = std::exchange(arrived_, {});
    if (end_) end = *end_;
    return end_.has_value();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::int32_t> arrived_;
  std::optional<End> end_;
};

/// Whatever happens to the caller, the engine must not go on writing for nobody.
struct CancelAtExit {
  Engine& engine;
  Engine::Ticket ticket;
  ~CancelAtExit() { engine.cancel(ticket); }
};

}  // namespace

Answer generate(Engine& engine, Request request, const std::function<void(std::int32_t)>& on_token,
                const std::atomic<bool>& cancelled) {
  const auto mailbox = std::make_shared<Mailbox>();
  const CancelAtExit guard{engine, engine.submit(std::move(request), mailbox)};
  Answer answer;
  std::vector<std::int32_t> ids;
  for (bool ended = false, told = false; !ended;) {
    ended = mailbox->take(ids, answer.end);
    for (const std::int32_t id : ids) {
      if (cancelled) break;  // what the engine wrote meanwhile is not wanted any more
      answer.ids.push_back(id);
      on_token(id);
    }
    if (!cancelled) continue;
    answer.end.finish = Finish::cancelled;
    if (!ended && !std::exchange(told, true)) engine.cancel(guard.ticket);
  }
  if (answer.end.error) throw *answer.end.error;
  return answer;
}

}  // namespace lmf::infer
