#include "train/launch/rendezvous/group_rules.hpp"

#include <algorithm>
#include <cctype>
#include <climits>
#include <tuple>

#include <fmt/format.h>

#include "lmf/error.hpp"

namespace lmf::train::launch {
namespace {

using Phase = GroupState::Phase;

void check_clash(const GroupState& state, const Node& node) {
  for (const Node& other : state.nodes)
    if (other.id != node.id && other.wished_rank == node.wished_rank)
      throw Error(fmt::format("two nodes have the rank {}: this one (host {}, process {}) and host {}, process {}",
                              *node.wished_rank, node.host, node.process, other.host, other.process),
                  "give each node its own NODE_RANK (--node-rank), from 0", kExitUsage);
}

int member_count(const GroupState& state) { return static_cast<int>(state.members().size()); }

/// Before whom a node stands: see start().
auto place(const Node& node) {
  return std::make_tuple(node.rank.value_or(INT_MAX), !node.hosts_store, node.wished_rank.value_or(INT_MAX));
}

}  // namespace

bool natural_less(const std::string& a, const std::string& b) {
  std::size_t i = 0, j = 0;
  const auto is_digit = [](char letter) { return std::isdigit(static_cast<unsigned char>(letter)) != 0; };
  const auto digits = [&](const std::string& text, std::size_t& at) {
    while (at < text.size() && text[at] == '0') ++at;
    const std::size_t begin = at;
    while (at < text.size() && is_digit(text[at])) ++at;
    return text.substr(begin, at - begin);
  };
  while (i < a.size() && j < b.size()) {
    if (is_digit(a[i]) && is_digit(b[j])) {
      const std::string first = digits(a, i), second = digits(b, j);
      if (first.size() != second.size()) return first.size() < second.size();
      if (first != second) return first < second;
    } else if (a[i] != b[j]) {
      return a[i] < b[j];
    } else {
      ++i, ++j;
    }
  }
  return a.size() - i < b.size() - j;
}

void get_ready(GroupState& state, const GroupPolicy& policy, const Node& node) {
  if (state.phase == Phase::ended) return;
  if (policy.fixed) check_clash(state, node);
  if (state.job.empty()) state.job = node.id;
  Node* known = state.find(node.id);
  if (!known) known = &state.nodes.emplace_back();
  const std::optional<int> rank = known->rank;
  *known = node;
  known->rank = rank;
  known->ready = state.attempt;
  known->done = false;
}

bool can_restart(const GroupState& state, const GroupPolicy& policy) {
  const auto left = std::count_if(state.nodes.begin(), state.nodes.end(), [](const Node& node) { return !node.gone; });
  return left >= policy.minimum || (!policy.fixed && !state.moved);
}

void reform(GroupState& state, const GroupPolicy& policy, bool failure, std::string why) {
  if (state.phase != Phase::running) return;
  if (!can_restart(state, policy))
    return end(state, failure, kExitFailed, why + "; too few nodes are left to start again");
  std::erase_if(state.nodes, [](const Node& node) { return node.gone; });
  state.phase = Phase::forming;
  ++state.attempt;
  state.failure = failure;
  state.why = std::move(why);
  for (Node& node : state.nodes) node.done = false;
}

void end(GroupState& state, bool failure, int status, std::string why, std::vector<std::string> last_lines) {
  if (state.phase == Phase::ended) return;
  state.phase = Phase::ended;
  state.failure = failure;
  state.status = status;
  state.why = std::move(why);
  state.last_lines = std::move(last_lines);
}

void remove(GroupState& state, const GroupPolicy& policy, const std::string& id, bool lost, const std::string& why) {
  Node* node = state.find(id);
  if (!node) return;
  if (state.phase == Phase::running && node->rank && node->done) {
    node->gone = true;  // the others keep their ranks, by which they are named
    return;
  }
  const bool was_member = node->rank.has_value();
  std::erase_if(state.nodes, [&](const Node& other) { return other.id == id; });
  if (state.phase == Phase::ended || !was_member) return;
  if (policy.fixed) return end(state, lost, kExitFailed, why);
  reform(state, policy, lost, why);
}

void mark_done(GroupState& state, const std::string& id) {
  Node* node = state.find(id);
  if (!node || !node->rank || state.phase != Phase::running) return;
  node->done = true;
  const auto members = state.members();
  if (std::all_of(members.begin(), members.end(), [](const Node* member) { return member->done; }))
    end(state, false, kExitDone, {});
}

void leave_alone(GroupState& state, const std::string& id) {
  mark_done(state, id);
  if (Node* node = state.find(id)) node->gone = true;
}

bool host_is_done(const GroupState& state) {
  return std::any_of(state.nodes.begin(), state.nodes.end(),
                     [](const Node& node) { return node.hosts_store && node.done; });
}

const Node* successor(const GroupState& state) {
  // Of a job that has ended, too: who ended it may be the only one that has read so.
  if (state.phase == Phase::forming || !host_is_done(state)) return nullptr;
  for (const Node* member : state.members())
    if (!member->done && member->standby_port != 0) return member;
  return nullptr;
}

void take_over(GroupState& state, const std::string& id) {
  for (Node& node : state.nodes) {
    if (node.hosts_store) node.gone = true;  // its part was done
    node.hosts_store = node.id == id;
  }
  state.moved = true;
}

bool is_complete(const GroupState& state, const GroupPolicy& policy) {
  if (state.phase != Phase::forming || static_cast<int>(state.nodes.size()) < policy.minimum) return false;
  return std::all_of(state.nodes.begin(), state.nodes.end(),
                     [&](const Node& node) { return node.ready == state.attempt; });
}

bool is_full(const GroupState& state, const GroupPolicy& policy) {
  return static_cast<int>(state.nodes.size()) >= policy.maximum;
}

bool grows(const GroupState& state) {
  return std::any_of(state.nodes.begin(), state.nodes.end(), [](const Node& node) { return !node.rank; });
}

void start(GroupState& state, const GroupPolicy& policy) {
  if (!is_complete(state, policy)) return;
  std::vector<Node*> order;
  for (Node& node : state.nodes) order.push_back(&node);
  std::stable_sort(order.begin(), order.end(), [](const Node* a, const Node* b) {
    if (place(*a) != place(*b)) return place(*a) < place(*b);
    if (a->host != b->host) return natural_less(a->host, b->host);
    return a->process < b->process;
  });
  for (std::size_t i = 0; i < order.size(); ++i) {
    order[i]->rank.reset();
    if (static_cast<int>(i) < policy.maximum) order[i]->rank = static_cast<int>(i);
  }
  state.phase = Phase::running;
}

std::vector<const Node*> newcomers(const GroupState& state, const GroupPolicy& policy) {
  std::vector<const Node*> result;
  if (state.phase != Phase::running || member_count(state) >= policy.maximum) return result;
  for (const Node& node : state.nodes) {
    if (node.done) return {};  // the job is about to end
    if (!node.rank) result.push_back(&node);
  }
  return result;
}

Assignment assignment_of(const GroupState& state, const std::string& id) {
  Assignment result;
  const auto members = state.members();
  const Node* own = state.find(id);
  result.group_rank = *own->rank;
  result.group_world_size = static_cast<int>(members.size());
  for (const Node* member : members) {
    const bool same_role = member->role == own->role, before = *member->rank < *own->rank;
    result.world_size += member->workers;
    if (before) result.first_rank += member->workers;
    if (same_role) result.role_world_size += member->workers;
    if (same_role && before) result.role_first_rank += member->workers;
  }
  // They begin at 1, as those of one node with one worker.
  --result.world_size;
  --result.role_world_size;
  result.master_address = members.front()->address;
  result.master_port = members.front()->port;
  result.job = state.job;
  result.attempt = state.attempt;
  result.store_prefix = fmt::format("attempt-{}", state.attempt);
  return result;
}

}  // namespace lmf::train::launch
