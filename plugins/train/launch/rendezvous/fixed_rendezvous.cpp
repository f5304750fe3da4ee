#include "train/launch/rendezvous/fixed_rendezvous.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/log.hpp"
#include "train/launch/store/resolve.hpp"

namespace lmf::train::launch {

using namespace std::chrono_literals;

Task<void> FixedRendezvous::open() {
  roles_.resize(static_cast<std::size_t>(nodes()));
  if (rank() == 0) {
    host_store();
    co_await check_own_address();
  }
  const auto [address, port] = store_endpoint();
  co_await connect(address, port);
  co_await take_part();
  // Not before it is known that no other has this rank; and before it is counted: one that is counted and has not said
  // its role is torchrun's.
  const Node& self = group().self();
  const std::string info = torchrun::write_role_info({self.role, rank(), self.workers, self.id});
  co_await group().store().set(torchrun::role_info_key(run_id(), rank()), info);
  co_await group().store().add(own_count_key(), 1);
  co_await group().store().announce();
}

void FixedRendezvous::offer_store() {
  Node& self = group().self();
  self.address = options().host;
  // A restarted process group must not read what the one before wrote, and Python's workers use no prefix.
  // And where a worker hosts the store itself, this agent's own port is not free for it.
  self.port = hosts() && (exchanged_ || !options().agent_store) ? fresh_workers_store() : options().port;
}

Task<GroupRendezvous::Outcome> FixedRendezvous::meet() {
  if (!exchanged_) {
    const auto over = co_await exchange_roles();
    if (over) co_return *over;
    co_await group().update([](GroupState&) {});
    // A node that has given up meanwhile may have ended the job.
    const auto ended = co_await check_job();
    if (ended) co_return *ended;
    co_await look_who_is_there();
    find_out_peers();
    exchanged_ = true;
  }
  first_.job = state().job;
  if (!coordinated_) co_return first_;
  Outcome outcome = co_await GroupRendezvous::meet();
  if (auto* assignment = std::get_if<Assignment>(&outcome)) assignment->master_address = options().host;
  co_return outcome;
}

void FixedRendezvous::host_store() {
  try {
    host(std::make_unique<StoreServer>(context(), "", options().port));
  } catch (const PortInUse& error) {
    throw Error(error.what(),
                fmt::format("if that is this job's node 0, this one needs a number of its own (NODE_RANK, "
                            "--node-rank); else {}",
                            error.hint()));
  }
}

/// Node 0 hosts the store whatever its address is said to be; its workers and the other nodes go where that leads. It
/// may be a forwarded one, which is no error. A name that there is not is one: not even its own workers would meet.
Task<void> FixedRendezvous::check_own_address() {
  std::string problem;
  try {
    const bool here = co_await leads_here(0s);
    if (!here) problem = fmt::format("{} is no address of this machine", options().host);
  } catch (const NameUnknown&) {
    throw;
  } catch (const Error& error) {
    problem = error.what();
  }
  if (!problem.empty() && !leaving())
    log::warn("{}, but this is node 0, whose address it should be: the others may not find it there", problem);
}

Task<std::optional<Change>> FixedRendezvous::exchange_roles() {
  for (bool there = false; !there;) {
    const auto over = co_await check_job();
    if (over) co_return over;
    co_await look_who_is_there();
    check_patience();
    there = options().identical_workers ? co_await all_are_counted() : co_await ranks_are_assigned();
    if (!there) co_await group().changed();
  }
  first_.group_rank = rank();
  first_.group_world_size = nodes();
  first_.master_address = options().host;
  first_.master_port = options().port;
  first_.run_id = run_id();
  first_.store_prefix = "attempt-0";
  co_return std::nullopt;
}

Task<bool> FixedRendezvous::ranks_are_assigned() {
  if (rank() == 0) co_await assign_when_complete();
  const std::vector<std::string> own{torchrun::assigned_ranks_key(run_id(), rank())};
  const bool there = co_await group().store().check(own);
  if (!there) co_return false;
  const auto ranks = co_await group().store().get_many(own);
  first_ = torchrun::read_assigned_ranks(ranks.front());
  co_return true;
}

/// Nobody waits for roles then, and torchrun's agents say none: they are those that are counted beyond lmf's. One of
/// lmf's may have left, and have come again, which counts it twice; who is there of them is known by name.
Task<bool> FixedRendezvous::all_are_counted() {
  const std::int64_t announced = co_await group().store().announced();
  // In this order, as each raises its own count first; one that died between the two has not announced itself.
  counted_ = std::max<std::int64_t>(0, announced - co_await group().store().add(own_count_key(), 0));
  for (int i = 0; i < nodes(); ++i) counted_ += is_there(i);
  if (counted_ < nodes()) co_return false;
  first_ = torchrun::identical_ranks(rank(), nodes(), group().self().workers);
  co_return true;
}

/// An agent of lmf's may have said its role and left or died since; another one of that rank may come.
bool FixedRendezvous::is_there(int node) const {
  const auto& role = roles_[static_cast<std::size_t>(node)];
  return role && (role->lmf_node.empty() || state().find(role->lmf_node));
}

Task<void> FixedRendezvous::look_who_is_there() {
  for (int i = 0; i < nodes(); ++i) {
    if (is_there(i)) continue;
    const auto text = co_await group().store().get(torchrun::role_info_key(run_id(), i));
    if (text) roles_[static_cast<std::size_t>(i)] = torchrun::read_role_info(*text);
  }
}

Task<void> FixedRendezvous::assign_when_complete() {
  std::vector<torchrun::RoleInfo> roles;
  for (int i = 0; i < nodes(); ++i) {
    if (assigned_ || !is_there(i)) co_return;
    roles.push_back(*roles_[static_cast<std::size_t>(i)]);
  }
  const auto ranks = torchrun::assign_ranks(roles);
  std::vector<std::pair<std::string, std::string>> entries;
  for (int i = 0; i < nodes(); ++i)
    entries.emplace_back(torchrun::assigned_ranks_key(run_id(), i), ranks[static_cast<std::size_t>(i)]);
  co_await group().store().set_many(entries);
  assigned_ = true;
}

/// All that say their role have done so by now.
void FixedRendezvous::find_out_peers() {
  const std::string others = strangers();
  coordinated_ = others.empty();
  if (coordinated_) return;
  if (!options().agent_store)
    throw Error(fmt::format("{} is 1, but node {} is run by torchrun, and nodes of both do not agree on another store",
                            kNotSharedVariable, others),
                fmt::format("unset {} on all nodes", kNotSharedVariable), kExitUsage);
  log::info(
      "run by torchrun and not checked for configuration, version and clock: node {}; failures and restarts are "
      "not coordinated with it",
      others);
}

/// The nodes that torchrun runs: "1, 2".
std::string FixedRendezvous::strangers() const {
  std::string others;
  for (int i = 0; i < nodes(); ++i) {
    const auto& role = roles_[static_cast<std::size_t>(i)];
    if (!role || role->lmf_node.empty()) others += fmt::format("{}{}", others.empty() ? "" : ", ", i);
  }
  return others;
}

std::string FixedRendezvous::progress() const {
  std::string joined, missing;
  for (int i = 0; i < nodes(); ++i) {
    if (!is_there(i)) {
      missing += fmt::format("{}node {}", missing.empty() ? "" : ", ", i);
      continue;
    }
    std::string name = fmt::format("node {}", i);
    for (const Node& node : state().nodes)
      if (node.wished_rank == i) name += fmt::format(" (host {}, process {})", node.host, node.process);
    joined += (joined.empty() ? "" : ", ") + name;
  }
  if (options().identical_workers)
    return fmt::format("{} of {} nodes have connected (with {} torchrun's do not say which they are); lmf's: {}",
                       counted_, nodes(), kIdenticalVariable, joined);
  if (missing.empty()) return fmt::format("all {} nodes have joined; some are still stopping workers", nodes());
  return fmt::format("joined: {}; missing: {}", joined.empty() ? "nobody" : joined, missing);
}

std::unique_ptr<Rendezvous> fixed_rendezvous(asio::io_context& context, const RendezvousOptions& options) {
  if (!options.node_rank || *options.node_rank < 0 || *options.node_rank >= options.maximum_nodes)
    throw Error(fmt::format("NODE_RANK is {}, but there are {} nodes, from 0 on",
                            options.node_rank ? std::to_string(*options.node_rank) : "not set", options.maximum_nodes),
                "give each node its own number (NODE_RANK, --node-rank)", kExitUsage);
  const GroupPolicy policy{options.maximum_nodes, options.maximum_nodes, true};
  return std::make_unique<FixedRendezvous>(context, options, policy);
}

}  // namespace lmf::train::launch
