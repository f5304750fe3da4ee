#include <fmt/format.h>

#include "base/log.hpp"
#include "train/launch/rendezvous/group_rendezvous.hpp"

namespace lmf::train::launch {
namespace {

using namespace std::chrono_literals;

/// What torchrun's agents find in the place of their own state, a pickle in base64: the name of a Python module that
/// nobody has, so that reading it runs nothing and ends them with "No module named 'lmf hosts this elastic job: start
/// all of its nodes with lmf, or all with torchrun'" at once, and not with a time-out after ten minutes.
constexpr std::string_view kRefusal =
    "Y2xtZiBob3N0cyB0aGlzIGVsYXN0aWMgam9iOiBzdGFydCBhbGwgb2YgaXRzIG5vZGVzIHdpdGggbG1mLCBvciBhbGwgd2l0aCB0b3JjaHJ1bgp4"
    "Ci4=";

std::string torchrun_key(const std::string& run_id) { return "torch.rendezvous." + run_id; }

Task<void> turn_torchrun_away(StoreClient& store, std::string run_id) {
  const std::string key = torchrun_key(run_id);
  const auto state = co_await store.get(key);
  if (!state || *state == kRefusal) co_return;
  co_await store.set(key, std::string(kRefusal));
  log::warn(
      "an agent of torchrun (--rdzv-backend c10d) came to join job {} (its key: {}) and was turned away: an elastic "
      "job needs lmf on every node; one of both can be static (NODE_RANK, MASTER_ADDR)",
      run_id, key);
}

/// Nodes that come and go, on a store hosted by the agent whose machine has the endpoint's address.
class ElasticRendezvous final : public GroupRendezvous {
 public:
  using GroupRendezvous::GroupRendezvous;

 private:
  Task<void> open() override;
  void offer_store() override;
  std::string progress() const override;
  Task<bool> is_host();
  Task<bool> host_or_connect(Time until);
  Task<void> refuse_torchrun();
  Task<Outcome> meet() override;
  Task<void> try_workers_store(Assignment assignment);

  std::string address_;
};

Task<bool> ElasticRendezvous::is_host() {
  if (settings().is_host) co_return *settings().is_host;
  co_return co_await leads_here(settings().join);
}

Task<void> ElasticRendezvous::open() {
  const bool here = co_await is_host();
  bool connected = false;
  for (const Time until = Clock::now() + settings().group.answer; here && !hosts() && !connected;)
    connected = co_await host_or_connect(until);
  if (!connected) {
    const auto [address, port] = store_endpoint();
    co_await connect(address, port);
  }
  co_await refuse_torchrun();
  // The endpoint's machine is reached by the name that all know; another one where it reached that from.
  address_ = options().local_address;
  if (address_.empty()) address_ = here ? options().host : group().store().local_address().to_string();
  if (hosts())
    group().with_each_beat([&store = group().store(), id = options().run_id] { return turn_torchrun_away(store, id); });
  co_await take_part();
}

/// Where the port is taken, perhaps another agent of the job has it: true when that one answers. False when this one
/// hosts now, or when neither works yet: whoever has the port may be about to end.
Task<bool> ElasticRendezvous::host_or_connect(Time until) {
  std::optional<Error> taken;
  try {
    host(std::make_unique<StoreServer>(context(), "", options().port));
    co_return false;
  } catch (const Error& error) {
    if (settings().is_host) throw;
    taken = error;
  }
  try {
    co_await group().store().connect(options().host, options().port, std::min(until, Clock::now() + 1s));
    co_return true;
  } catch (const StoreLost&) {
    if (leaving() || Clock::now() >= until) throw *taken;
  }
  co_return false;
}

Task<void> ElasticRendezvous::refuse_torchrun() {
  const auto pickled = co_await group().store().get(torchrun_key(options().run_id));
  if (pickled && *pickled != kRefusal)
    throw Error(
        fmt::format("agents of torchrun have begun the elastic job {} at {}", options().run_id, group().store().peer()),
        "start all nodes of an elastic job with lmf, or none; a job of both can be static (NODE_RANK, MASTER_ADDR)");
}

/// Who will be node 0 is not known yet, so each node has one ready.
void ElasticRendezvous::offer_store() {
  group().self().address = address_;
  group().self().port = fresh_workers_store();
}

Task<GroupRendezvous::Outcome> ElasticRendezvous::meet() {
  Outcome outcome = co_await GroupRendezvous::meet();
  const auto* assignment = std::get_if<Assignment>(&outcome);
  if (!assignment || assignment->group_rank == 0) co_return outcome;
  close_workers_store();
  if (options().agent_store) co_await try_workers_store(*assignment);
  co_return outcome;
}

/// Its port is a fresh one: a firewall may let the rendezvous through and not this.
Task<void> ElasticRendezvous::try_workers_store(Assignment assignment) {
  StoreClient probe(context().get_executor());
  std::string why;
  try {
    co_await probe.connect(assignment.master_address, assignment.master_port, Clock::now() + settings().group.answer);
  } catch (const StoreLost& error) {
    why = error.what();
  }
  if (why.empty() || current_change()) co_return;
  throw Error(fmt::format("the workers of this node cannot reach those of node 0: {}", why),
              "give node 0 an address that all nodes reach (--local-addr), and let the nodes reach each other's ports");
}

std::string ElasticRendezvous::progress() const {
  const auto& nodes = state().nodes;
  std::string names;
  int ready = 0;
  for (const Node& node : nodes) {
    names += (names.empty() ? "" : ", ") + fmt::format("{} (process {})", node.host, node.process);
    ready += node.ready == state().attempt;
  }
  const int minimum = options().minimum_nodes, maximum = options().maximum_nodes;
  const std::string wanted = minimum == maximum ? std::to_string(minimum) : fmt::format("{} to {}", minimum, maximum);
  if (state().phase == GroupState::Phase::running)
    return fmt::format("the job runs on {} nodes; this one waits as a spare", state().members().size());
  std::string sentence = fmt::format("{} of {} nodes have joined: {}", nodes.size(), wanted, names);
  if (static_cast<int>(nodes.size()) < minimum)
    return sentence + fmt::format("; {} missing", minimum - static_cast<int>(nodes.size()));
  if (ready < static_cast<int>(nodes.size()))
    return sentence + fmt::format("; {} still stopping workers", nodes.size() - static_cast<std::size_t>(ready));
  return sentence + "; last call for more";
}

}  // namespace

std::unique_ptr<Rendezvous> elastic_rendezvous(asio::io_context& context, const RendezvousOptions& options) {
  const GroupPolicy policy{options.minimum_nodes, options.maximum_nodes, false};
  return std::make_unique<ElasticRendezvous>(context, options, policy);
}

}  // namespace lmf::train::launch
