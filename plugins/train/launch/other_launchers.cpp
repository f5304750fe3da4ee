#include "train/launch/other_launchers.hpp"

#include <algorithm>
#include <cstdint>

#include <unistd.h>

#include <fmt/format.h>

#include "lmf/error.hpp"
#include "train/launch/agent/words.hpp"

namespace lmf::train {
namespace {

using launch::parse_whole;

constexpr int kMost = 1 << 20;

/// How one family of MPI launchers tells a task its place.
struct Family {
  const char* launcher;
  const char *rank, *size, *local_rank, *local_size;
  const char* job;  ///< the same in all tasks of a job, and in no other
};
constexpr Family kFamilies[] = {
    {"mpirun (Open MPI)", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK",
     "OMPI_COMM_WORLD_LOCAL_SIZE", "PMIX_NAMESPACE"},
    {"mpirun (MVAPICH2)", "MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_LOCAL_RANK",
     "MV2_COMM_WORLD_LOCAL_SIZE", "MPIRUN_ID"},
    {"mpirun (Hydra)", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS", "PMI_JOBID"},
    {"PALS", "PMI_RANK", "PMI_SIZE", "PMI_LOCAL_RANK", "PMI_LOCAL_SIZE", "PALS_APID"},
    {"flux", "FLUX_TASK_RANK", "FLUX_JOB_SIZE", "FLUX_TASK_LOCAL_ID", "FLUX_LOCAL_RANKS", "FLUX_JOB_ID"},
};

/// No MPI says how many nodes there are. Certain is what follows for one node, and for one task on each.
void claim_nodes(const Environment& environment, const Family& family, Task& task) {
  const std::string here = environment.shown(family.local_size), all = environment.shown(family.size);
  task.claim("LOCAL_WORLD_SIZE", task.local_size, here);
  task.claim("NPROC_PER_NODE", task.local_size, here);
  if (task.nodes != 1 && !task.one_on_each_node()) return;
  task.claim("NNODES", task.nodes, fmt::format("{} of {}", here, all));
  task.claim("NODE_RANK", task.node, task.nodes == 1 ? fmt::format("{} of {}", here, all) : task.evidence);
}

bool has_task(const Environment& environment, const Family& family) {
  return environment.has(family.rank) && environment.has(family.size) && environment.has(family.local_rank);
}

std::optional<Task> mpi_task(const Environment& environment) {
  for (const Family& family : kFamilies) {
    if (!has_task(environment, family)) continue;
    Task task;
    task.launcher = family.launcher;
    task.evidence = environment.shown(family.rank);
    task.size = *environment.number(family.size, 1, kMost);
    task.rank = *environment.number(family.rank, 0, task.size - 1);
    task.local_rank = *environment.number(family.local_rank, 0, task.size - 1);
    task.local_size = environment.number(family.local_size, 1, task.size).value_or(task.size);
    if (task.local_size == task.size) task.first_host = "127.0.0.1";
    task.nodes = (task.size + task.local_size - 1) / task.local_size;
    if (task.one_on_each_node()) task.node = task.rank;
    task.claim("RANK", task.rank, environment.shown(family.rank));
    task.claim("WORLD_SIZE", task.size, environment.shown(family.size));
    task.claim("LOCAL_RANK", task.local_rank, environment.shown(family.local_rank));
    if (environment.has(family.local_size)) claim_nodes(environment, family, task);
    // Tasks on one machine have the same parent, which is as good where the launcher names no job.
    task.port = port_from(environment.text(family.job, task.first_host.empty() ? "" : std::to_string(::getppid())));
    return task;
  }
  return std::nullopt;
}

/// The batch script itself has SLURM_PROCID=0 too; only srun's tasks have a step with a number.
bool has_slurm_task(const Environment& environment) {
  int step = 0;
  return environment.has("SLURM_PROCID") && environment.has("SLURM_LOCALID") && environment.has("SLURM_NTASKS") &&
         parse_whole(std::string_view(environment.text("SLURM_STEP_ID")), step);
}

std::optional<Task> slurm_task(const Environment& environment) {
  if (!has_slurm_task(environment)) return std::nullopt;
  Task task;
  task.launcher = "srun";
  task.evidence = environment.shown("SLURM_PROCID");
  const char* size = environment.has("SLURM_STEP_NUM_TASKS") ? "SLURM_STEP_NUM_TASKS" : "SLURM_NTASKS";
  task.size = environment.number(size, 1, kMost).value_or(1);
  task.rank = *environment.number("SLURM_PROCID", 0, task.size - 1);
  task.local_rank = *environment.number("SLURM_LOCALID", 0, task.size - 1);
  const char* nodes = environment.has("SLURM_STEP_NUM_NODES") ? "SLURM_STEP_NUM_NODES" : "SLURM_NNODES";
  task.nodes = environment.number(nodes, 1, kMost).value_or(1);
  task.node = environment.number("SLURM_NODEID", 0, task.nodes - 1).value_or(task.one_on_each_node() ? task.rank : 0);
  const char* per_node =
      environment.has("SLURM_STEP_TASKS_PER_NODE") ? "SLURM_STEP_TASKS_PER_NODE" : "SLURM_TASKS_PER_NODE";
  task.local_size = slurm_tasks_on(environment.text(per_node), task.node);
  const bool says_local_size = task.local_size > 0;
  if (!says_local_size) task.local_size = std::max(1, task.size / task.nodes);
  task.claim("RANK", task.rank, task.evidence);
  task.claim("WORLD_SIZE", task.size, environment.shown(size));
  task.claim("LOCAL_RANK", task.local_rank, environment.shown("SLURM_LOCALID"));
  if (environment.has(nodes)) task.claim("NNODES", task.nodes, environment.shown(nodes));
  if (environment.has("SLURM_NODEID")) task.claim("NODE_RANK", task.node, environment.shown("SLURM_NODEID"));
  for (const char* name : {"LOCAL_WORLD_SIZE", "NPROC_PER_NODE"})
    if (says_local_size) task.claim(name, task.local_size, environment.shown(per_node));
  const auto hosts = slurm_hosts(environment.text("SLURM_STEP_NODELIST", environment.text("SLURM_JOB_NODELIST")), 1);
  task.first_host = task.nodes == 1 ? "127.0.0.1" : hosts.empty() ? "" : hosts.front();
  task.port = port_from(environment.text("SLURM_JOB_ID") + "." + environment.text("SLURM_STEP_ID"));
  return task;
}

/// "01-03" of "a[01-03,7]": with the zeros in front.
bool add_range(std::string_view prefix, std::string_view range, std::size_t most, std::vector<std::string>& hosts) {
  const std::size_t dash = range.find('-');
  const std::string_view first = range.substr(0, dash),
                         last = dash == std::string_view::npos ? first : range.substr(dash + 1);
  std::uint32_t begin = 0, end = 0;
  if (!parse_whole(first, begin) || !parse_whole(last, end) || first.size() > 9 || last.size() > 9) return false;
  for (std::uint32_t number = begin; number <= end && hosts.size() < most; ++number)
    hosts.push_back(fmt::format("{}{:0{}}", prefix, number, first.size()));
  return true;
}

}  // namespace

std::vector<std::string> slurm_hosts(std::string_view list, std::size_t most) {
  std::vector<std::string> hosts;
  while (!list.empty() && hosts.size() < most) {
    const std::size_t stop = list.find_first_of(",[");
    const std::string_view name = list.substr(0, stop);
    if (stop == std::string_view::npos || list[stop] == ',') {
      hosts.emplace_back(name);
      list.remove_prefix(stop == std::string_view::npos ? list.size() : stop + 1);
      continue;
    }
    const std::size_t close = list.find(']', stop);
    if (close == std::string_view::npos) break;
    for (const std::string& range : split(list.substr(stop + 1, close - stop - 1), ','))
      if (!add_range(name, range, most, hosts)) return hosts;
    list.remove_prefix(std::min(list.size(), close + 2));
  }
  return hosts;
}

int slurm_tasks_on(std::string_view tasks_per_node, int node) {
  for (const std::string& part : split(tasks_per_node, ',')) {
    const std::size_t times = part.find("(x");
    int tasks = 0, nodes = 1;
    if (!parse_whole(std::string_view(part).substr(0, times), tasks)) return 0;
    if (times != std::string::npos &&
        !parse_whole(std::string_view(part).substr(times + 2, part.size() - times - 3), nodes))
      return 0;
    if (node < nodes) return tasks;
    node -= nodes;
  }
  return 0;
}

int port_from(std::string_view text) {
  std::uint32_t hash = 2166136261U;  // FNV-1a
  for (const unsigned char c : text) hash = (hash ^ c) * 16777619U;
  return static_cast<int>(10'000 + hash % 20'000);
}

std::optional<Task> task_of_another_launcher(const Environment& environment) {
  std::optional<Task> task = mpi_task(environment);
  if (!task) task = slurm_task(environment);
  if (!task || task->size == 1) return std::nullopt;
  for (const char* name : {"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"})
    require_agreement(environment, *task, name);
  // The nodes of an elastic job need not be those of one launcher's job.
  for (const char* name : {"NNODES", "NODE_RANK"})
    if (!environment.has("RDZV_ID")) require_agreement(environment, *task, name);
  return task;
}

bool is_task_of_another_launcher(const Environment& environment) {
  const auto is_of = [&environment](const Family& family) { return has_task(environment, family); };
  return std::any_of(std::begin(kFamilies), std::end(kFamilies), is_of) || has_slurm_task(environment);
}

std::string numbers_without_place(const Environment& environment) {
  for (const Family& family : kFamilies)
    if (environment.has(family.rank) && environment.has(family.size) && environment.text(family.size) != "1")
      return fmt::format("{} of {}", environment.shown(family.rank), environment.shown(family.size));
  return {};
}

void require_agreement(const Environment& environment, const Task& task, std::string_view name) {
  const std::string text = environment.text(name);
  const bool counted_later = text == "cpu" || text == "gpu" || text == "auto";
  if (text.empty() || (name == "NPROC_PER_NODE" && counted_later)) return;
  const int own = *environment.number(name, 0, kMost);
  for (const Claim& claim : task.claims) {
    if (claim.name != name || claim.value == own) continue;
    throw WrongVariable(fmt::format("{} says that this is task {} of {} ({}), but {}", task.launcher, task.rank,
                                    task.size, claim.evidence, environment.shown(name)),
                        fmt::format("unset {}, or start without {}", environment.source(name), task.launcher),
                        std::string(name));
  }
}

}  // namespace lmf::train
