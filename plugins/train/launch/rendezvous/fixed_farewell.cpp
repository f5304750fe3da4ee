// How a node's part in a static job ends, also beside nodes that torchrun runs.
#include <fmt/format.h>

#include "base/log.hpp"
#include "train/launch/rendezvous/fixed_rendezvous.hpp"

namespace lmf::train::launch {

using namespace std::chrono_literals;

std::optional<Change> FixedRendezvous::current_change() const {
  if (coordinated_) return GroupRendezvous::current_change();
  if (state().phase == GroupState::Phase::ended) return group().closed();
  if (!group().lost().empty()) return group().store_lost();
  return std::nullopt;
}

Task<std::optional<std::string>> FixedRendezvous::request_restart(std::string why) {
  if (!coordinated_) co_return "a node is run by torchrun, whose static jobs cannot restart together";
  co_return co_await GroupRendezvous::request_restart(std::move(why));
}

Task<std::optional<Change>> FixedRendezvous::finish() {
  if (coordinated_) co_return co_await GroupRendezvous::finish();
  watch({});
  std::optional<Change> failed;
  try {
    failed = co_await exit_barrier();
    if (state().phase == GroupState::Phase::ended && state().status != 0) failed = current_change();
  } catch (const StoreLost& error) {
    // torchrun's node 0 does not wait until all have read that they were the last.
    log::debug("{}; this node had done its part by then", error.what());
  }
  co_await part(5s);
  co_return failed;
}

/// torchrun's: a counter, and a key that the last one sets. An agent of torchrun's whose workers fail leaves without
/// either, and only the host of the store can see that.
Task<std::optional<Change>> FixedRendezvous::exit_barrier() {
  StoreClient& store = group().store();
  const auto count = co_await store.add(torchrun::exit_count_key(run_id()), 1);
  const std::vector<std::string> last{torchrun::exit_last_key(run_id())};
  if (count == nodes()) co_await store.set(last.front(), "<val_ignored>");
  const Time begin = Clock::now(), limit = begin + settings().strangers_barrier();
  for (bool told = false; Clock::now() < limit && state().phase != GroupState::Phase::ended;) {
    const bool nobody_else = hosts() && alone_on_store();
    const bool all = co_await store.wait(last, Clock::now() + 200ms);
    if (all) co_return std::nullopt;
    if (nobody_else)
      co_return Change{.kind = Change::Kind::closed,
                       .why = fmt::format("node {}, run by torchrun, has left and has not said that its workers are "
                                          "done: they failed, or it was stopped",
                                          strangers())};
    if (!told && Clock::now() >= begin + kWaitsInSilence) {
      told = true;
      log::info("this node is done, and waits up to {} s for those run by torchrun: node {}",
                std::chrono::duration_cast<std::chrono::seconds>(limit - Clock::now()).count(), strangers());
    }
  }
  co_return std::nullopt;
}

/// Only a connection that has ended says that a torchrun agent has read the last key.
bool FixedRendezvous::may_part() const { return GroupRendezvous::may_part() && (coordinated_ || alone_on_store()); }

}  // namespace lmf::train::launch
