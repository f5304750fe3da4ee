#include "train/launch/topology.hpp"

#include <limits>

#include <fmt/format.h>

#include "train/launch/agent/option_values.hpp"
#include "train/launch/agent_topology.hpp"
#include "train/launch/other_launchers.hpp"

namespace lmf::train {
namespace {

/// torchrun's own mark, or lmf's: the innermost launcher, whatever others say of the process that it runs in.
bool has_mark(const Environment& environment) {
  return environment.has("TORCHELASTIC_RUN_ID") || environment.has("LMF_JOB");
}

void take(Environment& environment, const char* ours, const char* theirs, const std::string& value) {
  if (environment.has(ours) && environment.text(ours) != value)
    wrong_environment(fmt::format("{}, but {}", environment.shown(ours), environment.shown(theirs)),
                      fmt::format("unset one of {} and {}: both say the same thing", environment.source(ours), theirs));
  environment.take(ours, value, theirs);
  if (!environment.truth("FORCE_TORCHRUN")) environment.take("FORCE_TORCHRUN", "1", theirs);
}

/// Kubernetes' operators say it with torchrun's defaults, PET_*.
Environment with_own_names(Environment environment) {
  if (has_mark(environment)) return environment;  // they were the launcher's
  for (const auto& [theirs, ours] : {std::pair<const char*, const char*>{"PET_NNODES", "NNODES"},
                                     {"PET_N_PROC_PER_NODE", "NPROC_PER_NODE"},
                                     {"PET_NPROC_PER_NODE", "NPROC_PER_NODE"},
                                     {"PET_NODE_RANK", "NODE_RANK"},
                                     {"PET_MASTER_ADDR", "MASTER_ADDR"},
                                     {"PET_MASTER_PORT", "MASTER_PORT"},
                                     {"PET_MAX_RESTARTS", "MAX_RESTARTS"}})
    if (environment.has(theirs)) take(environment, ours, theirs, environment.text(theirs));
  if (environment.text("PET_RDZV_BACKEND") != "c10d" || !environment.has("PET_RDZV_ENDPOINT")) return environment;
  const char* where = "PET_RDZV_ENDPOINT";
  const auto endpoint = launch::parse_endpoint(environment.text(where), where);
  if (environment.has("PET_RDZV_ID")) take(environment, "RDZV_ID", "PET_RDZV_ID", environment.text("PET_RDZV_ID"));
  if (!environment.has("RDZV_ID")) environment.take("RDZV_ID", "none", where);
  environment.take("MASTER_ADDR", endpoint.host, where);
  if (endpoint.port != 0) environment.take("MASTER_PORT", std::to_string(endpoint.port), where);
  return environment;
}

/// Operators set them for every job. Elastic agents meet elsewhere.
void note_other_places(Topology& topology, const Environment& environment, const Environment& translated) {
  for (const std::string name : {"MASTER_ADDR", "MASTER_PORT"})
    for (const std::string& other : {name, "PET_" + name})
      if (translated.source(name) == "PET_RDZV_ENDPOINT" && environment.has(other) &&
          environment.text(other) != translated.text(name))
        topology.add_warning(
            fmt::format("{} has no effect beside {}", environment.shown(other), translated.shown(name)));
}

class Decision {
 public:
  Decision(const Environment& environment, const launch::Devices& devices, bool use_cpu)
      : environment_(environment), devices_(devices), use_cpu_(use_cpu) {}

  Topology decide() {
    if (is_marked()) return worker();
    const auto task = task_of_another_launcher(environment_);
    if (task) return of_task(*task);
    if (is_placed()) {
      require_meeting_place();
      return worker();
    }
    if (const std::string numbers = numbers_without_place(environment_); !numbers.empty()) {
      Topology topology = without_task();
      topology.add_warning(
          fmt::format("{} has no effect: its launcher does not say which task this is on its node "
                      "(LOCAL_RANK, or for example MPI_LOCALRANKID)",
                      numbers));
      return topology;
    }
    return without_task();
  }

 private:
  Topology without_task() const {
    const bool own_variables = has("NNODES") || has("NODE_RANK") || has("RDZV_ID");
    const AgentTopology agent(environment_, devices_, use_cpu_);
    if (is_pytorch_job(own_variables)) return agent.of_pytorch_job();
    const bool forced = !forcing_variable(environment_).empty();
    const bool elsewhere = truth("USE_RAY") || truth("USE_KT");
    if (has("RDZV_ID")) return agent.elastic();
    if (forced || agent.nodes() > 1 || (devices() > 1 && !elsewhere)) return agent.fixed();
    agent.node_rank(1);
    return alone();
  }

  bool has(const char* name) const { return environment_.has(name); }
  bool truth(const char* name) const { return environment_.truth(name); }
  int devices() const { return use_cpu_ ? 1 : devices_.count; }

  /// All of torchrun's variables together. LOCAL_RANK is what tells a worker from a Kubernetes pod.
  bool is_placed() const { return has("RANK") && has("WORLD_SIZE") && has("LOCAL_RANK"); }

  bool is_marked() const {
    const bool marked = has_mark(environment_);
    if (marked && !is_placed())
      wrong_environment(
          fmt::format(
              "{} says that a launcher started this process, but RANK, LOCAL_RANK and WORLD_SIZE are not all set",
              has("LMF_JOB") ? "LMF_JOB" : "TORCHELASTIC_RUN_ID"),
          "leave them as the launcher sets them, or unset both marks to launch anew");
    return marked;
  }

  void require_meeting_place() const {
    if ((!has("MASTER_ADDR") || !has("MASTER_PORT")) && environment_.text("WORLD_SIZE") != "1")
      wrong_environment("RANK, LOCAL_RANK and WORLD_SIZE are set, but MASTER_ADDR or MASTER_PORT is not",
                        "set both, or unset the three to launch anew");
  }

  Topology worker() const {
    Topology topology;
    topology.kind = Topology::Kind::worker;
    const int size = *environment_.number("WORLD_SIZE", 1, kMostNodes * 64);
    const int rank = *environment_.number("RANK", 0, size - 1);
    topology.why = fmt::format("rank {} of {}, started by {}", rank, size,
                               has("LMF_JOB")               ? "lmf"
                               : has("TORCHELASTIC_RUN_ID") ? "torchrun"
                                                            : "whoever set RANK and LOCAL_RANK");
    return topology;
  }

  /// Where there is one task on each node it is an agent when there is more for it to start than one worker, or one's
  /// own variables say so; their values and the launcher's are alike by now. Several on a node are the workers.
  Topology of_task(const Task& task) const {
    const AgentTopology agent(environment_, devices_, use_cpu_);
    if (!has("RDZV_ID")) agent.nodes();  // refuses a range
    if (has("RDZV_ID") && !task.one_on_each_node())
      throw WrongVariable(
          fmt::format("{} started {} tasks, {} of them on this node ({}), and with {} each would be an agent",
                      task.launcher, task.size, task.local_size, task.evidence, environment_.shown("RDZV_ID")),
          "start one task on each node, or unset RDZV_ID: then the tasks are the workers", "RDZV_ID");
    if (has("RDZV_ID")) {
      Topology topology = agent.elastic();
      topology.why +=
          fmt::format("; {} started this as task {} of {}, {}", task.launcher, task.rank, task.size, task.evidence);
      return topology;
    }
    const bool forced = !forcing_variable(environment_).empty() && environment_.text("NPROC_PER_NODE", "1") != "1";
    const bool has_more = devices() > 1 || has("NNODES") || has("NODE_RANK") || forced;
    return task.one_on_each_node() && !is_placed() && has_more ? agent.of_task(task) : worker_of(task);
  }

  Topology worker_of(const Task& task) const {
    require_agreement(environment_, task, "NPROC_PER_NODE");
    Topology topology;
    topology.kind = Topology::Kind::worker;
    const std::string address = meeting_place(environment_, task);
    const int port = environment_.number("MASTER_PORT", 1, 65535).value_or(task.port);
    topology.why = fmt::format("rank {} of {}, started by {} ({}), meeting at {}:{}", task.rank, task.size,
                               task.launcher, task.evidence, address, port);
    topology.variables = {{"RANK", std::to_string(task.rank)},
                          {"WORLD_SIZE", std::to_string(task.size)},
                          {"LOCAL_RANK", std::to_string(task.local_rank)},
                          {"LOCAL_WORLD_SIZE", std::to_string(task.local_size)},
                          {"MASTER_ADDR", address},
                          {"MASTER_PORT", std::to_string(port)}};
    if (task.launcher == "srun") topology.variables.emplace_back("GROUP_RANK", std::to_string(task.node));
    note_unused(topology, environment_, {"NNODES", "NODE_RANK", "NPROC_PER_NODE", "MAX_RESTARTS"},
                fmt::format("here: {} has started the workers ({})", task.launcher, task.evidence));
    return topology;
  }

  /// Kubeflow's PyTorchJob numbers pods, not processes.
  bool is_pytorch_job(bool own_variables) const {
    return !own_variables && has("MASTER_ADDR") && has("MASTER_PORT") && has("RANK") && has("WORLD_SIZE");
  }
  Topology alone() const {
    Topology topology;
    topology.why = use_cpu_ ? "one process (use_cpu)" : fmt::format("one process ({})", devices_.description);
    for (const char* name : {"USE_RAY", "USE_KT"})
      if (devices() > 1 && truth(name))
        topology.add_warning(
            fmt::format("{} keeps it at one process, which uses one device", environment_.shown(name)));
    if (environment_.text("NPROC_PER_NODE", "1") != "1")
      topology.add_warning(
          fmt::format("{} has no effect without FORCE_TORCHRUN=1", environment_.shown("NPROC_PER_NODE")));
    return topology;
  }

  const Environment& environment_;
  const launch::Devices& devices_;
  const bool use_cpu_;
};

/// What is wrong in a task of another launcher is left out, so that the rest is what the other tasks decide.
Topology decide_as_task(Environment& environment, const launch::Devices& devices, bool use_cpu) {
  for (std::optional<Error> refusal;;) {
    try {
      Topology topology = Decision(environment, devices, use_cpu).decide();
      topology.refusal = refusal;
      return topology;
    } catch (const WrongVariable& found) {
      if (!refusal && !is_task_of_another_launcher(environment)) throw;
      if (!refusal) refusal = found;
      environment.unset(found.variable);
    }
  }
}

}  // namespace

Topology decide_topology(const Environment& environment, const launch::Devices& devices, bool use_cpu) {
  launch::wants_torchrun_statuses(environment.text(launch::kStatusVariable));  // where it has no effect, too
  Environment translated = with_own_names(environment);
  Topology topology = decide_as_task(translated, devices, use_cpu);
  if (topology.kind == Topology::Kind::agent && environment.has("PET_RDZV_CONF"))
    topology.rendezvous.settings = launch::parse_settings(environment.text("PET_RDZV_CONF"), "PET_RDZV_CONF");
  for (const char* name : {"PET_LOG_DIR", "PET_REDIRECTS", "PET_TEE"})
    if (topology.kind == Topology::Kind::agent && environment.has(name))
      topology.add_warning(fmt::format("{} has no effect here: what each rank says is in output_dir/rank_logs",
                                       environment.shown(name)));
  note_other_places(topology, environment, translated);
  topology.rendezvous.identical_workers = environment.text("TORCH_ELASTIC_WORKER_IDENTICAL") == "1";
  return topology;
}

Environment placed(const Topology& topology, Environment environment) {
  for (const auto& [name, value] : topology.variables) environment.set(name, value);
  return environment;
}

Ranks ranks_of(const Topology& topology, const Environment& own) {
  if (topology.kind == Topology::Kind::in_process) return {};
  if (topology.kind == Topology::Kind::agent) return {0, topology.workers * topology.rendezvous.maximum_nodes};
  const Environment environment = placed(topology, own);
  constexpr int kMost = std::numeric_limits<int>::max();
  return {environment.number("RANK", 0, kMost).value_or(0), environment.number("WORLD_SIZE", 1, kMost).value_or(1)};
}

std::vector<std::pair<std::string, std::string>> torch_tuning(const Environment& environment) {
  std::vector<std::pair<std::string, std::string>> variables;
  if (!environment.truth("OPTIM_TORCH", true)) return variables;
  for (const auto& [name, value] :
       {std::pair<const char*, const char*>{"PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True"},
        {"TORCH_NCCL_AVOID_RECORD_STREAMS", "1"}})
    if (!environment.has(name)) variables.emplace_back(name, value);
  return variables;
}

}  // namespace lmf::train
