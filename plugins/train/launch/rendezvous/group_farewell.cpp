// How a node's part in an attempt, or in the whole job, ends: the half of GroupRendezvous that says so to the others.
#include <algorithm>

#include <fmt/format.h>

#include "base/log.hpp"
#include "train/launch/rendezvous/group_rendezvous.hpp"

namespace lmf::train::launch {
namespace {

using Kind = Change::Kind;
using Phase = GroupState::Phase;

/// How long a job's end may wait for those who still have to hear of it.
constexpr std::chrono::milliseconds kPart{10000}, kPartAtOnce{600};

}  // namespace

Task<std::optional<std::string>> GroupRendezvous::request_restart(std::string why) {
  tell_ = {};
  try {
    const std::string cause = fmt::format("{}: {}", group_->own_name(), why);
    co_await group_->update([&](GroupState& newest) {
      if (newest.attempt == attempt_ && can_restart(newest, group_->policy()))
        reform(newest, group_->policy(), true, cause);
    });
  } catch (const StoreLost& error) {
    co_return error.what();
  }
  if (state().phase == Phase::ended) co_return "the job has ended: " + state().why;
  if (state().phase == Phase::running && state().attempt == attempt_)
    co_return "too few nodes are left: others had done their part and are gone";
  co_return std::nullopt;
}

Task<std::optional<Change>> GroupRendezvous::finish() {
  tell_ = {};
  std::optional<Change> change;
  try {
    co_await mark_own_part_done();
    group_->notify();
    change = co_await wait_for_all();
  } catch (const StoreLost& error) {
    change = Change{Kind::store_lost, error.what(), std::nullopt};
  }
  if (change && (change->kind == Kind::membership || change->kind == Kind::failed_elsewhere)) co_return change;
  const bool lost = change && change->kind == Kind::store_lost;
  // Without its host the job cannot end well, unless the host's part had.
  const bool failed = change && (lost ? !host_is_done(state()) : change->status != 0);
  if (lost && !failed) log::warn("{}; this node had done its part by then", change->why);
  if (!change && !leaving_)
    log::warn("not all nodes have ended {} s after this one (exit_barrier_timeout): not waiting for them any longer",
              settings_.exit_barrier->count() / 1000);
  co_await part(kPart, settings_.strangers_barrier());
  if (failed) co_return change;
  co_return std::nullopt;
}

Task<void> GroupRendezvous::mark_own_part_done() {
  co_await group_->update([this](GroupState& newest) {
    if (newest.attempt == attempt_) mark_done(newest, group_->self().id);
  });
}

/// Those who still work need the store for their own failures to be heard, so its host stays until none of them does:
/// each ends its part, or is missed.
Task<std::optional<Change>> GroupRendezvous::wait_for_all() {
  const Time begin = Clock::now();
  const bool bounded = settings_.exit_barrier && !hosts();
  const auto waited = [&](std::chrono::milliseconds time) { return Clock::now() >= begin + time; };
  for (bool told = false;;) {
    const auto change = current_change();
    if (change || leaving_ || (bounded && waited(*settings_.exit_barrier))) co_return change;
    const Node* self = state().find(group_->self().id);
    // The store's next host had not read it yet when the one before vanished.
    if (self && !self->done) co_await mark_own_part_done();
    if (!told && waited(kWaitsInSilence)) {
      told = true;
      log::info("this node is done, and stays until the others are: {} at work", those_at_work());
    }
    co_await group_->changed();
  }
}

std::string GroupRendezvous::those_at_work() const {
  std::string names;
  int count = 0;
  for (const Node* node : state().members()) {
    if (node->done) continue;
    names += (names.empty() ? "" : ", ") + name_of(*node);
    ++count;
  }
  return fmt::format("{} {} still", names, count == 1 ? "is" : "are");
}

Task<std::optional<Change>> GroupRendezvous::announce_failure(std::string why, int status,
                                                              std::vector<std::string> last_lines) {
  tell_ = {};
  if (!opened_) co_return std::nullopt;
  const std::string cause = fmt::format("{}: {}", group_->own_name(), why);
  announcement_ = [=](GroupState& newest) { end(newest, true, status, cause, last_lines); };
  try {
    co_await group_->update(announcement_);
  } catch (const Error& error) {
    log::debug("the other nodes do not hear of the failure: {}", error.what());
    co_return std::nullopt;
  }
  if (state().status == 0 || state().why == cause) co_return std::nullopt;
  co_return group_->closed();
}

Task<void> GroupRendezvous::close() {
  co_await announce_again();
  co_await part(kPart, settings_.strangers_barrier());
}

/// A host of the store that is done may vanish before its successor has read of the failure.
Task<void> GroupRendezvous::announce_again() {
  if (!announcement_ || hosts() || !host_is_done(state())) co_return;
  asio::steady_timer pause(context_);
  pause.expires_after(2 * settings_.group.poll);
  co_await pause.async_wait(asio::use_awaitable);
  try {
    co_await group_->update(announcement_);
  } catch (const Error& error) {
    log::debug("the other nodes may not hear of the failure: {}", error.what());
  }
}

Task<void> GroupRendezvous::leave() {
  leaving_ = true;
  const std::string why = group_->own_name() + " was told to stop";
  co_await say_good_bye(why);
}

Task<void> GroupRendezvous::say_good_bye(std::string why) {
  tell_ = {};
  leaving_ = true;
  group_->store().limit_answers(kPartAtOnce);
  if (opened_) {
    try {
      co_await group_->update_here([&](GroupState& newest) {
        const Node* self = newest.find(group_->self().id);
        // The others go on without it, as when it is lost.
        if (hosts() && self && self->done) return;
        if (hosts()) return end(newest, false, kExitFailed, why + "; it hosts the rendezvous of all");
        remove(newest, group_->policy(), group_->self().id, false, why);
      });
    } catch (const Error& error) {
      log::debug("the other nodes are not told of the end: {}", error.what());
    }
  }
  co_await part(kPartAtOnce);
}

bool GroupRendezvous::may_part() const {
  const std::string& self = group_->self().id;
  return std::all_of(state().nodes.begin(), state().nodes.end(),
                     [&](const Node& node) { return node.id == self || node.gone; });
}

/// A job whose agents found the port taken by this one's store has its own end.
Task<void> GroupRendezvous::wait_for_other_jobs(Time until) {
  const auto goes_on = [&] { return hosts() && !alone_on_store() && !parted() && Clock::now() < until; };
  for (bool told = false; goes_on(); told = true) {
    const std::string other = co_await group_->other_job();
    if (other.empty()) co_return;
    if (!told)
      log::info("this job is done; job {} meets on its store and goes on, so the store stays, for {} s at most", other,
                std::chrono::duration_cast<std::chrono::seconds>(until - Clock::now()).count());
    co_await group_->changed();
  }
}

/// The store stays until all others have heard the end: then they have taken themselves off the list.
Task<void> GroupRendezvous::part(std::chrono::milliseconds limit, std::chrono::milliseconds other_jobs) {
  if (opened_ && group_->lost().empty()) {
    try {
      const Time until = Clock::now() + limit;
      while (hosts() && !may_part() && !parted() && Clock::now() < until) co_await group_->changed();
      if (!leaving_) co_await wait_for_other_jobs(Clock::now() + other_jobs);
      if (!hosts())
        co_await group_->update_here(
            [this](GroupState& newest) { remove(newest, group_->policy(), group_->self().id, false, "it has left"); });
    } catch (const Error& error) {
      log::debug("parted without a good-bye: {}", error.what());
    }
  }
  shut();
}

}  // namespace lmf::train::launch
