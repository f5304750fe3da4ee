#include "train/launch/agent_topology.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "train/launch/agent/option_values.hpp"
#include "train/launch/agent/words.hpp"
#include "train/launch/agent/worker_environment.hpp"

namespace lmf::train {
namespace {

using Backend = launch::RendezvousOptions::Backend;

constexpr int kFixedPort = 29500;  // torchrun's

void fix(Topology& topology, int nodes, int rank, const std::string& host, int port) {
  launch::RendezvousOptions& rendezvous = topology.rendezvous;
  rendezvous.backend = nodes == 1 ? Backend::local : Backend::fixed;
  rendezvous.run_id = "none";
  rendezvous.minimum_nodes = rendezvous.maximum_nodes = nodes;
  rendezvous.node_rank = rank;
  rendezvous.host = host;
  rendezvous.port = static_cast<std::uint16_t>(port);
  if (nodes > 1) topology.why += fmt::format("; node {} of {}, meeting at {}:{}", rank, nodes, host, port);
}

}  // namespace

std::string forcing_variable(const Environment& environment) {
  for (const char* name : {"FORCE_TORCHRUN", "USE_MCA", "USE_MEGATRON_BRIDGE"})
    if (environment.truth(name)) return environment.shown(name);
  return {};
}

void note_unused(Topology& topology, const Environment& environment, std::initializer_list<const char*> names,
                 const std::string& why) {
  std::vector<std::string> set;
  for (const char* name : names)
    if (environment.has(name)) set.push_back(environment.shown(name));
  if (!set.empty())
    topology.add_warning(
        fmt::format("{} {} no effect {}", fmt::join(set, " and "), set.size() == 1 ? "has" : "have", why));
}

std::string meeting_place(const Environment& environment, const Task& task) {
  const std::string address = environment.text("MASTER_ADDR", task.first_host);
  if (address.empty())
    wrong_environment(
        fmt::format("{} started {} tasks on several nodes, but does not say where task 0 is", task.launcher, task.size),
        "set MASTER_ADDR and MASTER_PORT for all tasks");
  return address;
}

/// The launcher's numbers, with which NNODES and NODE_RANK agree where they are set.
Topology AgentTopology::of_task(const Task& task) const {
  Topology topology =
      agent(fmt::format("{} started one task on each of {} nodes, {}", task.launcher, task.nodes, task.evidence));
  fix(topology, task.nodes, environment_.number("NODE_RANK", 0, task.nodes - 1).value_or(task.node),
      meeting_place(environment_, task), environment_.number("MASTER_PORT", 1, 65535).value_or(task.port));
  note_unused_range(topology);
  return topology;
}

Topology AgentTopology::of_pytorch_job() const {
  const int pods = *environment_.number("WORLD_SIZE", 1, kMostNodes);
  const int rank = *environment_.number("RANK", 0, pods - 1);
  Topology topology = agent("RANK and WORLD_SIZE without LOCAL_RANK number the pods of a PyTorchJob");
  fix(topology, pods, rank, environment_.text("MASTER_ADDR"), *environment_.number("MASTER_PORT", 1, 65535));
  return topology;
}

int AgentTopology::nodes() const {
  if (environment_.text("NNODES").find(':') != std::string::npos)
    throw WrongVariable(
        fmt::format("{} is '{}', a range, which needs RDZV_ID", named("NNODES"), environment_.text("NNODES")),
        "set RDZV_ID to a name for the job, the same on every node", "NNODES");
  return environment_.number("NNODES", 1, kMostNodes).value_or(1);
}

/// A process that a launcher has numbered would train for itself, as would all the others.
void AgentTopology::refuse_rank_of_another_job() const {
  if (environment_.text("RANK", "0") == "0" && environment_.text("WORLD_SIZE", "1") == "1") return;
  const auto value = [this](const char* name) { return environment_.text(name, "not set"); };
  wrong_environment(fmt::format("RANK is {} and WORLD_SIZE is {}, but {} is {}, so this node would train alone",
                                value("RANK"), value("WORLD_SIZE"), named("NNODES"), value("NNODES")),
                    "set NNODES and NODE_RANK for several nodes, or unset RANK and WORLD_SIZE");
}

/// RANK, where it numbers nodes, too, is their number; otherwise it shows that somebody counts processes.
void AgentTopology::refuse_another_rank(int node_rank) const {
  const std::string other = environment_.text("RANK");
  if (other.empty() || other == std::to_string(node_rank)) return;
  wrong_environment(
      fmt::format("{} is {}, but RANK is {}", named("NODE_RANK"), node_rank, other),
      named("NODE_RANK") + " says which node this is, from 0; unset RANK, which belongs to single processes");
}

int AgentTopology::node_rank(int node_count) const {
  auto rank = environment_.number("NODE_RANK", 0, kMostNodes);
  if (!rank && node_count > 1 && has("KUBERNETES_SERVICE_HOST"))
    rank = environment_.number("JOB_COMPLETION_INDEX", 0, kMostNodes);
  if (!rank && node_count > 1 && has("RANK"))
    wrong_environment(fmt::format("{} is {} and RANK is {}, but NODE_RANK is not set", named("NNODES"), node_count,
                                  environment_.text("RANK")),
                      "NODE_RANK says which node this is, from 0; RANK belongs to single processes");
  if (node_count == 1) refuse_rank_of_another_job();
  if (node_count > 1) refuse_another_rank(rank.value_or(0));
  if (rank.value_or(0) >= node_count)
    wrong_environment(fmt::format("{} is {}, but {} is {}", named("NODE_RANK"), *rank, named("NNODES"), node_count),
                      fmt::format("node ranks count from 0 to {} - 1", named("NNODES")));
  return rank.value_or(0);
}

Topology AgentTopology::fixed() const {
  const int count = nodes();
  const std::string address = environment_.text("MASTER_ADDR", "127.0.0.1");
  const auto port = environment_.number("MASTER_PORT", 1, 65535);
  if (count > 1 && !has("MASTER_ADDR") && !port)
    wrong_environment(
        fmt::format("{} is {}, but neither MASTER_ADDR nor MASTER_PORT is set, so the nodes would never meet",
                    named("NNODES"), count),
        "set MASTER_ADDR to node 0's address and MASTER_PORT to a free port there, the same on every node");
  const int own_rank = node_rank(count);
  const std::string forced = forcing_variable(environment_);
  Topology topology = agent(count > 1 ? environment_.shown("NNODES") : !forced.empty() ? forced : devices_.description);
  fix(topology, count, own_rank, address, port.value_or(count > 1 ? kFixedPort : 0));
  note_unused_range(topology);
  if (count > 1)
    note_unused(topology, environment_, {"RANK", "WORLD_SIZE", "LOCAL_RANK"}, "beside NNODES and NODE_RANK");
  return topology;
}

/// Without RDZV_ID nodes neither come nor go; what makes no sense even then is a mistake, not a remnant.
void AgentTopology::note_unused_range(Topology& topology) const {
  for (const std::string name : {"MIN_NNODES", "MAX_NNODES"}) {
    if (!environment_.number(name, 1, kMostNodes)) continue;
    topology.add_warning(fmt::format("{} has no effect without RDZV_ID", environment_.shown(name)));
  }
  launch::RendezvousOptions unused;
  if (has("MIN_NNODES") && has("MAX_NNODES")) read_range(unused);
}

Topology AgentTopology::elastic() const {
  Topology topology = agent(environment_.shown("RDZV_ID"));
  launch::RendezvousOptions& rendezvous = topology.rendezvous;
  rendezvous.backend = Backend::elastic;
  rendezvous.run_id = environment_.text("RDZV_ID");
  read_range(rendezvous);
  rendezvous.node_rank = environment_.number("NODE_RANK", 0, kMostNodes);
  rendezvous.host = environment_.text("MASTER_ADDR", "127.0.0.1");
  if (has("MIN_NNODES") && has("MAX_NNODES"))
    note_unused(topology, environment_, {"NNODES"},
                fmt::format("beside {} and {}", environment_.shown("MIN_NNODES"), environment_.shown("MAX_NNODES")));
  note_unused(topology, environment_, {"RANK", "WORLD_SIZE", "LOCAL_RANK"},
              "with RDZV_ID: the nodes agree on the ranks");
  if (rendezvous.node_rank)
    topology.add_warning(fmt::format("{} is only a wish with RDZV_ID: the nodes that are there share the ranks",
                                     environment_.shown("NODE_RANK")));
  if (has("MIN_NNODES") != has("MAX_NNODES"))
    topology.add_warning(fmt::format("{} has no effect without {}_NNODES",
                                     environment_.shown(has("MIN_NNODES") ? "MIN_NNODES" : "MAX_NNODES"),
                                     has("MIN_NNODES") ? "MAX" : "MIN"));
  if (rendezvous.maximum_nodes > 1 && !has("MASTER_ADDR"))
    topology.add_warning(fmt::format(
        "{} without MASTER_ADDR: only agents of this machine meet at {}; another machine would begin a job of its "
        "own, "
        "into the same output_dir. Set MASTER_ADDR to the address of one of them, the same on every node",
        environment_.shown("RDZV_ID"), rendezvous.host));
  // The original takes any free port, another on each node.
  const int port = environment_.number("MASTER_PORT", 1, 65535).value_or(port_from(rendezvous.run_id));
  rendezvous.port = static_cast<std::uint16_t>(port);
  const std::string range = rendezvous.minimum_nodes == rendezvous.maximum_nodes
                                ? std::to_string(rendezvous.minimum_nodes)
                                : fmt::format("{} to {}", rendezvous.minimum_nodes, rendezvous.maximum_nodes);
  topology.why = fmt::format("{}; {} node{} at {}:{}", topology.why, range,
                             rendezvous.maximum_nodes == 1 ? " meets" : "s meet", rendezvous.host, rendezvous.port);
  return topology;
}

void AgentTopology::read_range(launch::RendezvousOptions& rendezvous) const {
  std::string first = named("NNODES"), last = first, minimum = environment_.text("NNODES", "1"), maximum = minimum;
  if (has("MIN_NNODES") && has("MAX_NNODES")) {
    first = "MIN_NNODES", last = "MAX_NNODES";
    minimum = environment_.text(first), maximum = environment_.text(last);
  } else if (const std::size_t colon = minimum.find(':'); colon != std::string::npos) {
    maximum = minimum.substr(colon + 1);
    minimum.resize(colon);
  }
  const auto number = [](const std::string& name, const std::string& text) {
    int value = 0;
    if (!launch::parse_whole(std::string_view(text), value) || value < 1 || value > kMostNodes)
      wrong_environment(fmt::format("{} is '{}', expected a number of nodes from 1 to {}", name, text, kMostNodes), "");
    return value;
  };
  rendezvous.minimum_nodes = number(first, minimum);
  rendezvous.maximum_nodes = number(last, maximum);
  if (rendezvous.minimum_nodes > rendezvous.maximum_nodes)
    wrong_environment(
        fmt::format("the least number of nodes is {} ({}), the greatest {} ({})", minimum, first, maximum, last), "");
}

Topology AgentTopology::agent(const std::string& reason) const {
  Topology topology;
  topology.kind = Topology::Kind::agent;
  topology.workers = worker_count();
  topology.max_restarts = environment_.number("MAX_RESTARTS", 0, 1'000'000).value_or(0);
  const std::string choice = environment_.shown("NPROC_PER_NODE");
  const bool chosen = has("NPROC_PER_NODE") && devices() > 0 && topology.workers != devices() && choice != reason;
  topology.why = fmt::format("{} worker{} on this node ({}{})", topology.workers, topology.workers == 1 ? "" : "s",
                             reason, chosen ? ", " + choice : "");
  return topology;
}

int AgentTopology::worker_count() const {
  const std::string wanted = environment_.text("NPROC_PER_NODE");
  const int by_device = std::max(1, devices());
  if (wanted.empty()) return by_device;
  if (wanted == "cpu") return launch::usable_cores();
  if (wanted == "auto") return devices() > 0 ? devices() : launch::usable_cores();
  if (wanted == "gpu") {
    if (devices_.count == 0) wrong_environment(named("NPROC_PER_NODE") + " is gpu, but there is none", "give a number");
    return devices_.count;
  }
  return *environment_.number("NPROC_PER_NODE", 1, 4096);
}

}  // namespace lmf::train
