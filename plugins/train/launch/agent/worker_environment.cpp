#include "train/launch/agent/worker_environment.hpp"

#include <algorithm>
#include <cstdlib>

#include <sched.h>

#include <fmt/format.h>

#include "train/launch/agent/processes.hpp"
#include "train/launch/agent/words.hpp"
#include "train/launch/variables.hpp"
#include "train/shared/job.hpp"

namespace lmf::train::launch {
namespace {

/// The local_rank-th device of those that are visible, as torchrun counts them.
std::string one_device(int local_rank) {
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  if (visible == nullptr || *visible == '\0') return std::to_string(local_rank);
  const std::vector<std::string> devices = split(visible, ',');
  return devices[static_cast<std::size_t>(local_rank) % devices.size()];
}

void set_ranks(Environment& environment, const AgentOptions& options, const Assignment& assignment,
               const WorkerPlace& place) {
  environment.set("LOCAL_RANK", options.virtual_local_rank ? 0 : place.local_rank);
  environment.set("RANK", assignment.first_rank + place.local_rank);
  environment.set("WORLD_SIZE", assignment.world_size);
  environment.set("LOCAL_WORLD_SIZE", options.workers);
  environment.set("GROUP_RANK", assignment.group_rank);
  environment.set("GROUP_WORLD_SIZE", assignment.group_world_size);
  environment.set("ROLE_NAME", options.role);
  environment.set("ROLE_RANK", assignment.role_first_rank + place.local_rank);
  environment.set("ROLE_WORLD_SIZE", assignment.role_world_size);
  environment.set("MASTER_ADDR", assignment.master_address);
  environment.set("MASTER_PORT", assignment.master_port);
}

}  // namespace

std::vector<std::string> worker_environment(const AgentOptions& options, const Assignment& assignment,
                                            const WorkerPlace& place) {
  Environment environment = Environment::of_process();
  environment.set_default("TORCH_NCCL_ASYNC_ERROR_HANDLING", 1);
  // torchrun always says 1 here, which leaves most of a machine with few workers idle.
  if (options.workers > 1) environment.set_default("OMP_NUM_THREADS", std::max(1, usable_cores() / options.workers));
  for (const auto& [name, value] : options.variables) environment.set(name, value);
  set_ranks(environment, options, assignment, place);
  environment.set("TORCHELASTIC_RUN_ID", assignment.run_id);
  environment.set("TORCHELASTIC_RESTART_COUNT", place.restart_count);
  environment.set("TORCHELASTIC_MAX_RESTARTS", options.max_restarts);
  environment.set("TORCHELASTIC_USE_AGENT_STORE", assignment.agent_store ? "True" : "False");
  environment.set("TORCHELASTIC_ERROR_FILE", place.error_file);
  std::string signals;
  for (const int signal : options.signals) signals += (signals.empty() ? "" : ",") + signal_name(signal);
  environment.set("TORCHELASTIC_SIGNALS_TO_HANDLE", signals);
  if (options.virtual_local_rank) environment.set("CUDA_VISIBLE_DEVICES", one_device(place.local_rank));
  environment.set(kJobVariable, place.job);
  environment.set(kJobIdVariable, assignment.job);
  environment.set("LMF_ATTEMPT", assignment.attempt);
  environment.set("LMF_STORE_PREFIX", assignment.store_prefix);
  return environment.entries();
}

int usable_cores() {
  cpu_set_t cores;
  if (::sched_getaffinity(0, sizeof cores, &cores) != 0) return 1;  // more than 1024 cores: the user knows better
  return std::max(1, CPU_COUNT(&cores));
}

}  // namespace lmf::train::launch
