#include <fmt/format.h>

#include "train/launch/agent/rendezvous.hpp"
#include "train/launch/rendezvous/this_machine.hpp"
#include "train/launch/store/workers_store.hpp"

namespace lmf::train::launch {
namespace {

namespace asio = boost::asio;

/// One node: nobody to meet. Each attempt has a store of its own, so that no key of the one before is left in it.
class LocalRendezvous final : public Rendezvous {
 public:
  LocalRendezvous(asio::io_context& context, const RendezvousOptions& options) : context_(context), options_(options) {}

  asio::awaitable<std::variant<Assignment, Change>> join(JoinOptions workers) override {
    store_.reset();  // before the next: the port may be the same
    store_.emplace(context_, options_);
    Assignment assignment;
    assignment.world_size = assignment.role_world_size = workers.workers;
    assignment.master_address = options_.host.empty() ? "127.0.0.1" : options_.host;
    assignment.master_port = store_->port();
    assignment.agent_store = options_.agent_store;
    assignment.attempt = attempt_++;
    assignment.run_id = options_.run_id;
    assignment.job = job_;
    assignment.store_prefix = fmt::format("lmf/{}/{}", options_.run_id, assignment.attempt);
    co_return assignment;
  }

  void watch(std::function<void(Change)>) override {}
  asio::awaitable<std::optional<std::string>> request_restart(std::string) override { co_return std::nullopt; }
  asio::awaitable<std::optional<Change>> finish() override {
    store_.reset();
    co_return std::nullopt;
  }
  asio::awaitable<std::optional<Change>> announce_failure(std::string, int, std::vector<std::string>) override {
    co_return std::nullopt;
  }
  asio::awaitable<void> close() override {
    store_.reset();
    co_return;
  }
  asio::awaitable<void> leave() override { co_return; }

 private:
  asio::io_context& context_;
  const RendezvousOptions options_;
  const std::string job_ = fresh_id();
  std::optional<WorkersStore> store_;
  int attempt_ = 0;
};

}  // namespace

std::unique_ptr<Rendezvous> local_rendezvous(asio::io_context& context, const RendezvousOptions& options) {
  return std::make_unique<LocalRendezvous>(context, options);
}

}  // namespace lmf::train::launch
