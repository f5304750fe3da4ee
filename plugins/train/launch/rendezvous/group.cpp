#include "train/launch/rendezvous/group.hpp"

#include <fmt/format.h>

#include "base/log.hpp"
#include "train/launch/rendezvous/preflight.hpp"

namespace lmf::train::launch {
namespace {

using Phase = GroupState::Phase;

/// For so long an attempt is expected to form at any moment.
constexpr std::chrono::seconds kSoon{10};

/// "a; b" for the rare case of several.
void also(std::string& sentence, const std::string& more) { sentence += (sentence.empty() ? "" : "; ") + more; }

std::string seconds(Clock::duration time) {
  return fmt::format("{} s", std::chrono::duration_cast<std::chrono::seconds>(time).count());
}

}  // namespace

Group::Group(asio::io_context& context, std::string run_id, GroupPolicy policy, GroupTimes times)
    : run_id_(std::move(run_id)),
      policy_(policy),
      times_(times),
      context_(context),
      pause_(context),
      changed_(context),
      endpoint_pause_(context) {
  stores_.push_back(std::make_unique<StoreClient>(context.get_executor()));
  store().limit_answers(times.answer);
}

Task<void> Group::begin() {
  co_await store().set(beat_key(self_.id), std::to_string(beats_));
  co_await get_ready();
  asio::co_spawn(pause_.get_executor(), keep(shared_from_this()), asio::detached);
}

void Group::stop() {
  stopped_ = true;
  pause_.cancel();
  endpoint_pause_.cancel();
  store().close();
  if (next_store_) next_store_->close();
  notify();
}

void Group::notify() {
  changed_.cancel();
  if (on_change_) on_change_();
}

std::string Group::own_name() const {
  const Node* known = state_.find(self_.id);
  return name_of(known ? *known : self_);
}

Task<void> Group::changed() {
  error_code woken;
  changed_.expires_after(std::chrono::seconds(1));
  co_await changed_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
}

Task<void> Group::keep(std::shared_ptr<Group> self) {
  while (!self->stopped_) {
    bool store_lost = false;
    std::string why;
    try {
      co_await self->tick();
    } catch (const StoreLost& error) {
      store_lost = true;
      why = error.what();
    } catch (const Error& error) {
      why = error.what();
    } catch (const std::exception& error) {
      why = fmt::format("the rendezvous failed: {}", error.what());
    }
    if (store_lost && !self->stopped_) {
      why = co_await self->move(why);
      if (why.empty()) continue;  // nobody is told what is there before it has been acted on
    }
    if (self->stopped_) co_return;
    self->lost_ = why;
    self->notify();
    if (!self->lost_.empty()) co_return;
    error_code woken;
    const bool soon = self->state_.phase == Phase::forming && Clock::now() - self->forming_since_ < kSoon;
    self->pause_.expires_after(soon ? self->times_.poll / 5 : self->times_.poll);
    co_await self->pause_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
}

Task<void> Group::tick() {
  co_await store().set(beat_key(self_.id), std::to_string(++beats_));
  const auto text = co_await store().get(state_key());
  if (!text) throw StoreLost(fmt::format("the store at {} has forgotten the job", store().peer()));
  adopt(*text);
  co_await listen();
  if (with_each_beat_) co_await with_each_beat_();
  if (wants(state_)) co_await act();
}

Task<void> Group::listen() {
  std::vector<std::string> ids, keys;
  for (const Node& node : state_.nodes) {
    if (node.id == self_.id) continue;
    ids.push_back(node.id);
    keys.push_back(beat_key(node.id));
  }
  std::map<std::string, std::string> beats;
  if (!keys.empty()) {
    // Each node beats before it joins; a missing key would end the connection to some of torch's servers.
    const bool all = co_await store().check(keys);
    if (!all) throw StoreLost(fmt::format("the store at {} has lost heartbeats", store().peer()));
    const auto values = co_await store().get_many(keys);
    for (std::size_t i = 0; i < ids.size(); ++i) beats[ids[i]] = values[i];
  }
  silence_.look(beats, Clock::now());
}

void Group::adopt(const std::string& text) {
  if (text != text_) {
    GroupState newest = read_state(text);
    if (newest.attempt != state_.attempt || text_.empty()) forming_since_ = Clock::now();
    state_ = std::move(newest);
    text_ = text;
  }
  const Time now = Clock::now();
  const bool enough = state_.phase == Phase::forming && static_cast<int>(state_.nodes.size()) >= policy_.minimum;
  if (!enough) enough_since_.reset();
  if (enough && !enough_since_) enough_since_ = now;
  std::map<std::string, Time> waiting;
  for (const Node* node : newcomers(state_, policy_)) {
    const auto before = waiting_since_.find(node->id);
    waiting[node->id] = before == waiting_since_.end() ? now : before->second;
  }
  waiting_since_ = std::move(waiting);
}

Task<void> Group::update_here(std::function<void(GroupState&)> rule) {
  for (;;) {
    const auto read = co_await store().get(state_key());
    const std::string before = read.value_or("");
    GroupState state = read ? read_state(before) : GroupState{};
    rule(state);
    const std::string wanted = write_state(state);
    if (wanted == before) {
      adopt(before);
      co_return;
    }
    const std::string now = co_await store().compare_set(state_key(), before, wanted);
    if (now != wanted) continue;
    adopt(wanted);
    co_return;
  }
}

Task<void> Group::get_ready() {
  self_.clock = wall_clock();  // now: it may have waited long for a store
  co_await update([this](GroupState& state) { launch::get_ready(state, policy_, self_); });
  notify();
}

Task<std::string> Group::other_job() {
  const std::string_view begin = "lmf/", end = "/state";
  const auto keys = co_await store().list_keys();
  for (const std::string& key : keys) {
    if (!key.starts_with(begin) || !key.ends_with(end) || key == state_key()) continue;
    const auto text = co_await store().get(key);
    if (text && read_state(*text).phase != Phase::ended)
      co_return key.substr(begin.size(), key.size() - begin.size() - end.size());
  }
  co_return "";
}

Task<void> Group::act() {
  std::string alone;
  for (const Node& node : state_.nodes)
    if (works_alone(node)) also(alone, name_of(node));
  if (!alone.empty()) log::warn("not come to the store's new host, and not waited for any longer: {}", alone);
  co_await update_here([this](GroupState& state) { follow_rules(state); });
}

bool Group::wants(const GroupState& state) const {
  GroupState next = state;
  follow_rules(next);
  return write_state(next) != write_state(state);
}

void Group::follow_rules(GroupState& state) const {
  if (state.phase == Phase::ended) {
    // The store's host waits until all have heard of the end, and this is how it knows.
    if (!self_.hosts_store) remove(state, policy_, self_.id, false, {});
    return;
  }
  remove_lost(state);
  if (newcomers_waited(state)) {
    std::string names;
    for (const Node* node : newcomers(state, policy_)) also(names, fmt::format("{} has come", name_of(*node)));
    reform(state, policy_, false, names);
  }
  const auto left = last_call_left();
  if (is_complete(state, policy_) && (is_full(state, policy_) || !grows(state) || (left && left->count() <= 0)))
    start(state, policy_);
}

/// It cannot reach the store's new host.
bool Group::works_alone(const Node& node) const {
  return node.id != self_.id && !node.gone && silence_.last_beat(node.id) == kAwaited &&
         silence_.of(node.id) >= times_.silence;
}

void Group::remove_lost(GroupState& state) const {
  std::vector<std::string> lost, alone;
  std::string why;
  bool cut_off = false;
  for (const Node& node : state.nodes) {
    // The host of the store is there as long as that answers.
    if (node.id == self_.id || node.hosts_store || node.gone) continue;
    // An agent whose connection has ended never comes back. On a store of torch's only its silence tells.
    const bool gone = silence_.last_beat(node.id) == store::kGone;
    if (!gone && silence_.of(node.id) < times_.silence) continue;
    if (works_alone(node)) {
      alone.push_back(node.id);
      continue;
    }
    lost.push_back(node.id);
    also(why, fmt::format("{} is lost: {}", name_of(node),
                          gone ? "its connection has ended" : "not a sign of life for " + seconds(times_.silence)));
    cut_off = cut_off || (!gone && !node.done);
  }
  for (const std::string& id : alone) leave_alone(state, id);
  // It may work on without this store, as its host is done: what began again here would do the same work.
  if (cut_off && host_is_done(state)) return end(state, true, kExitFailed, why);
  for (const std::string& id : lost) remove(state, policy_, id, true, why);
}

/// Those who fill the job, or have waited for the last call: the workers go on meanwhile.
bool Group::newcomers_waited(const GroupState& state) const {
  const auto waiting = newcomers(state, policy_);
  if (waiting.empty()) return false;
  if (is_full(state, policy_)) return true;
  const Time now = Clock::now();
  for (const Node* node : waiting) {
    const auto since = waiting_since_.find(node->id);
    if (since != waiting_since_.end() && now - since->second >= times_.last_call) return true;
  }
  return false;
}

std::optional<Clock::duration> Group::last_call_left() const {
  if (!enough_since_) return std::nullopt;
  // Newcomers to a job that ran have waited while it did.
  if (state_.attempt > 0) return Clock::duration::zero();
  return *enough_since_ + times_.last_call - Clock::now();
}

std::optional<Change> Group::change(int attempt) const {
  using Kind = Change::Kind;
  if (state_.phase == Phase::ended) return closed();
  if (!lost_.empty()) return store_lost();
  if (!state_.find(self_.id))
    return Change{.why = "the other nodes took this one for lost, as they had no sign of life from it", .abrupt = true};
  if (state_.attempt == attempt && state_.phase == Phase::running) return std::nullopt;
  return Change{
      .kind = state_.failure ? Kind::failed_elsewhere : Kind::membership, .why = state_.why, .abrupt = state_.failure};
}

}  // namespace lmf::train::launch
