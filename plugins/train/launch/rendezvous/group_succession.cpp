// The store's host is done and gone while others work: the group goes on at another node's store, so that those that
// are left still hear of each other.
#include <fmt/format.h>

#include "base/log.hpp"
#include "train/launch/rendezvous/group.hpp"

namespace lmf::train::launch {

void Group::stand_by(std::string address, std::string endpoint_host, std::uint16_t endpoint_port) {
  endpoint_host_ = std::move(endpoint_host);
  endpoint_port_ = endpoint_port;
  try {
    standby_ = std::make_unique<StoreServer>(context_, "", 0);
  } catch (const Error& error) {
    log::debug("this node cannot stand by for the store's host: {}", error.what());
    return;
  }
  self_.standby_address = std::move(address);
  self_.standby_port = standby_->port();
}

Task<void> Group::update(std::function<void(GroupState&)> rule) {
  for (;;) {
    const StoreClient& used = store();
    std::exception_ptr lost;
    try {
      co_await update_here(rule);
    } catch (const StoreLost&) {
      lost = std::current_exception();
    }
    if (!lost) co_return;
    const bool again = co_await moved(used);
    if (!again) std::rethrow_exception(lost);
  }
}

/// False when there is no other store to wait for.
Task<bool> Group::moved(const StoreClient& from) {
  pause_.cancel();
  while (&store() == &from && !stopped_ && lost_.empty() && successor(state_)) co_await changed();
  co_return &store() != &from;
}

/// What is left of the loss: "" when the group has moved to the successor's store.
Task<std::string> Group::move(std::string lost) {
  const Node* found = launch::successor(state_);
  if (!found) co_return lost;
  const Node successor = *found;
  std::string why;
  try {
    co_await move_to(successor);
  } catch (const std::exception& error) {
    why = fmt::format("{}; {}", lost, error.what());
  }
  next_store_.reset();
  if (why.empty())
    log::warn("{}; its node had done its part: the job goes on with {} as host of the store", lost,
              successor.id == self_.id ? "this node" : name_of(successor));
  co_return why;
}

/// Its own loss of the store is what makes the successor host it: whoever comes earlier waits for that.
Task<void> Group::move_to(Node successor) {
  // Of a job that has ended the successor is gone, too, once it has read so: its port is open as long as it is there.
  const bool ended = state_.phase == GroupState::Phase::ended;
  const Time until = Clock::now() + (ended ? 4 * times_.poll : times_.silence);
  const bool here = successor.id == self_.id;
  next_store_ = std::make_unique<StoreClient>(context_.get_executor());
  StoreClient& store = *next_store_;
  store.limit_answers(times_.answer);
  const std::string address = here ? "127.0.0.1" : successor.standby_address;
  co_await store.connect(address, successor.standby_port, until);
  if (here) {
    co_await seed(store);
  } else {
    const std::vector<std::string> state{state_key()};
    const bool there = co_await store.wait(state, until);
    if (!there) throw StoreLost(fmt::format("{} still has the one that is lost here", name_of(successor)));
    const auto text = co_await store.get_many(state);
    adopt(text.front());  // it names the new host
  }
  co_await store.set(beat_key(self_.id), std::to_string(++beats_));
  stores_.push_back(std::move(next_store_));
}

Task<void> Group::seed(StoreClient& store) {
  GroupState state = state_;
  const Node* next = successor(state);
  if (!next || next->id != self_.id) throw StoreLost("another node is to host the store by now");
  take_over(state, self_.id);
  for (const Node& node : state.nodes) co_await store.set(beat_key(node.id), std::string(kAwaited));
  const std::string text = write_state(state);
  const std::string now = co_await store.compare_set(state_key(), "", text);
  if (now != text) throw StoreLost("somebody has written to the store that this node keeps for its job");
  adopt(now);
  self_.hosts_store = true;
  self_.standby_port = 0;
  asio::co_spawn(context_, watch_endpoint(shared_from_this()), asio::detached);
}

/// An agent that is started at the endpoint while the job goes on here, as by who restarts what was killed, would begin
/// the job once more.
Task<void> Group::watch_endpoint(std::shared_ptr<Group> self) {
  constexpr std::chrono::milliseconds kPause{2000}, kLimit{500};
  while (!self->stopped_ && self->state_.phase != GroupState::Phase::ended) {
    StoreClient other(self->context_.get_executor());
    other.limit_answers(kLimit);
    try {
      co_await other.connect(self->endpoint_host_, self->endpoint_port_, Clock::now() + kLimit);
      co_await self->turn_away(other);
    } catch (const std::exception&) {
      // Nobody is there.
    }
    error_code woken;
    self->endpoint_pause_.expires_after(kPause);
    co_await self->endpoint_pause_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
}

Task<void> Group::turn_away(StoreClient& other) {
  const auto found = co_await other.get(state_key());
  const std::string before = found.value_or("");
  GroupState state = found ? read_state(before) : GroupState{};
  if (state.job == state_.job) co_return;  // the store that this job has left
  end(state, false, kExitFailed,
      fmt::format("the job {} goes on elsewhere, hosted by {}, since its first host had done its part and was gone",
                  run_id_, own_name()));
  const std::string wanted = write_state(state);
  if (wanted != before) co_await other.compare_set(state_key(), before, wanted);
}

}  // namespace lmf::train::launch
