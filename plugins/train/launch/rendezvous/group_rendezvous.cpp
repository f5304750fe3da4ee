#include "train/launch/rendezvous/group_rendezvous.hpp"

#include <algorithm>

#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "base/host_name.hpp"
#include "base/log.hpp"
#include "train/launch/rendezvous/preflight.hpp"
#include "train/launch/rendezvous/this_machine.hpp"
#include "train/launch/store/resolve.hpp"

namespace lmf::train::launch {
namespace {

using Kind = Change::Kind;
using Phase = GroupState::Phase;
using namespace std::chrono_literals;

constexpr std::chrono::seconds kFirstWord{5}, kNextWord{30};

}  // namespace

GroupRendezvous::GroupRendezvous(asio::io_context& context, RendezvousOptions options, GroupPolicy policy)
    : context_(context),
      options_(std::move(options)),
      settings_(read_settings(options_)),
      group_(std::make_shared<Group>(context, options_.run_id, policy, settings_.group)) {
  group_->store().limit_unknown_name(settings_.unknown_name);
}

GroupRendezvous::~GroupRendezvous() { shut(); }

void GroupRendezvous::shut() {
  tell_ = {};
  group_->on_change({});
  group_->stop();
}

std::uint16_t GroupRendezvous::fresh_workers_store() {
  workers_store_.reset();
  RendezvousOptions any_port = options_;
  any_port.port = 0;
  workers_store_ = std::make_unique<WorkersStore>(context_, any_port);
  return workers_store_->port();
}

void GroupRendezvous::host(std::unique_ptr<StoreServer> server) {
  server_ = std::move(server);
  group_->self().hosts_store = server_ != nullptr;
}

std::pair<std::string, std::uint16_t> GroupRendezvous::store_endpoint() const {
  if (server_) return {"127.0.0.1", server_->port()};
  return {options_.host, options_.port};
}

void GroupRendezvous::describe_self(const JoinOptions& options) {
  Node& self = group_->self();
  self.host = host_name();
  self.process = ::getpid();
  if (self.id.empty()) self.id = fresh_id();
  self.wished_rank = options_.node_rank;
  self.workers = options.workers;
  self.role = options.role;
  self.facts = options_.facts;
  if (group_->policy().fixed) self.facts["NNODES"] = std::to_string(options_.maximum_nodes);
  self.facts[kNotSharedVariable] = options_.agent_store ? "0" : "1";
  self.facts[kIdenticalVariable] = options_.identical_workers ? fmt::format("1, with {} workers", self.workers) : "0";
}

Task<bool> GroupRendezvous::leads_here(std::chrono::milliseconds no_answer) {
  const Time known_until = std::min(Clock::now() + settings_.unknown_name, patience_ends_),
             answered_until = std::min(Clock::now() + no_answer, patience_ends_);
  asio::steady_timer pause(context_);
  for (;;) {
    std::string why;
    try {
      const Time limit = Clock::now() + settings_.group.answer;
      const auto endpoints = co_await resolve(options_.host, options_.port, limit, [this] { return leaving_; });
      co_return std::any_of(endpoints.begin(), endpoints.end(),
                            [](const tcp::endpoint& endpoint) { return is_own_address(endpoint.address()); });
    } catch (const NameUnknown& error) {
      if (leaving_ || Clock::now() >= known_until) throw;
      why = error.what();
    } catch (const Error& error) {
      if (leaving_ || Clock::now() >= answered_until) throw;
      why = error.what();
    }
    if (Clock::now() >= next_word_) {
      log::info("waiting: {}", why);
      next_word_ = Clock::now() + kNextWord;
    }
    pause.expires_after(200ms);
    co_await pause.async_wait(asio::use_awaitable);
  }
}

Task<void> GroupRendezvous::connect(std::string address, std::uint16_t port) {
  for (;;) {
    const Time slice = std::min(patience_ends_, Clock::now() + kFirstWord);
    std::string why;
    try {
      co_await group_->store().connect(address, port, slice);
      co_return;
    } catch (const StoreLost& error) {
      if (leaving_ || Clock::now() + 1s >= patience_ends_) throw;
      why = error.what();
    }
    log::info("waiting: {}", why);
  }
}

/// Another agent of the endpoint's machine may reach the store by a loopback address, which is none for the others.
std::string GroupRendezvous::own_address() const {
  if (!options_.local_address.empty()) return options_.local_address;
  const asio::ip::address local = group_->store().local_address();
  return local.is_loopback() ? options_.host : local.to_string();
}

Task<void> GroupRendezvous::take_part() {
  group_->on_change([this] { on_change(); });
  offer_store();
  if (!hosts()) group_->stand_by(own_address(), options_.host, options_.port);
  co_await group_->begin();
}

Task<GroupRendezvous::Outcome> GroupRendezvous::join(JoinOptions options) {
  tell_ = {};
  describe_self(options);
  patience_ends_ = Clock::now() + settings_.join;
  next_word_ = Clock::now() + kFirstWord;
  std::optional<Change> lost;
  std::exception_ptr failure;
  std::string why;
  try {
    if (!opened_) {
      co_await open();
      opened_ = true;
    } else {
      offer_store();
      co_await group_->get_ready();
    }
    co_return co_await meet();
  } catch (const StoreLost& error) {
    if (!opened_ || leaving_) throw;
    lost = Change{Kind::store_lost, error.what(), std::nullopt};
  } catch (const Error& error) {
    failure = std::current_exception();
    why = error.what();
  }
  if (lost) co_return *lost;
  if (!leaving_) co_await say_good_bye(fmt::format("{} gave up: {}", group_->own_name(), why));
  std::rethrow_exception(failure);
}

void GroupRendezvous::check_patience() {
  const Time now = Clock::now();
  if (now >= patience_ends_)
    throw Error(fmt::format("after {} s: {}", std::chrono::duration_cast<std::chrono::seconds>(settings_.join).count(),
                            progress()),
                "start the missing nodes with the same address, port and id, or raise join_timeout (--rdzv-conf)");
  if (now < next_word_) return;
  log::info("waiting: {}", progress());
  next_word_ = now + kNextWord;
}

/// As soon as they come, also while workers run: a node writes its time once, and a spare may then wait for long.
void GroupRendezvous::look_at_clocks() {
  for (const Node& node : state().nodes) {
    // Those that were there before have written their time before.
    if (node.id == group_->self().id || !met_.insert(node.id).second || !looked_around_) continue;
    const std::string clock = clock_difference(node, wall_clock());
    if (!clock.empty()) log::warn("{}", clock);
  }
  if (!state().nodes.empty()) looked_around_ = true;
}

Task<std::optional<Change>> GroupRendezvous::check_job() {
  if (leaving_) throw Error("this agent was told to stop while it waited for other nodes");
  if (state().phase == Phase::ended) {
    const bool spare = state().status == 0 && attempt_ < 0;
    Change end = group_->closed();
    if (spare) end.why = "the job has ended well; this spare node was not needed";
    co_return end;
  }
  if (!group_->lost().empty()) co_return group_->store_lost();
  std::string misfit;
  for (const Node& node : state().nodes) {
    if (node.id == group_->self().id) continue;
    if (misfit.empty()) misfit = difference(group_->self(), node);
  }
  if (misfit.empty()) co_return std::nullopt;
  // Who came first is right, so that one wrong newcomer does not end a job that runs.
  if (state().phase == Phase::forming && state().attempt == 0)
    co_await group_->update([&](GroupState& newest) { end(newest, false, kExitUsage, misfit); });
  throw Error(misfit, "use the same configuration and the same version of lmf on all nodes", kExitUsage);
}

Task<GroupRendezvous::Outcome> GroupRendezvous::meet() {
  for (;;) {
    const auto over = co_await check_job();
    if (over) co_return *over;
    const Node* self = state().find(group_->self().id);
    const bool running = state().phase == Phase::running;
    if (running && self && self->rank && self->ready == state().attempt) {
      attempt_ = state().attempt;
      Assignment result = assignment_of(state(), self->id);
      result.run_id = options_.run_id;
      result.agent_store = options_.agent_store;
      co_return result;
    }
    // Nobody has to be patient while others work: a spare waits for as long as the job takes.
    if (running && self) patience_ends_ = Clock::now() + settings_.join;
    check_patience();
    if (!self || (!running && self->ready != state().attempt)) {
      offer_store();
      co_await group_->get_ready();
    } else {
      co_await group_->changed();
    }
  }
}

void GroupRendezvous::watch(std::function<void(Change)> tell) {
  tell_ = std::move(tell);
  on_change();
}

void GroupRendezvous::on_change() {
  look_at_clocks();
  if (!tell_) return;
  const auto change = current_change();
  if (!change) return;
  if (change->kind == Kind::store_lost && host_is_done(state())) {
    log::warn("{}; its node had done its part, so this one goes on alone and hears of no other any more", change->why);
    tell_ = {};
    return;
  }
  asio::post(context_, [tell = std::exchange(tell_, {}), change = *change] { tell(change); });
}

}  // namespace lmf::train::launch
