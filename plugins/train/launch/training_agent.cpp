#include "train/launch/training_agent.hpp"

#include <csignal>

#include <fmt/format.h>

#include "base/host.hpp"
#include "base/shell_word.hpp"
#include "train/launch/agent/option_values.hpp"
#include "train/launch/other_launchers.hpp"
#include "train/shared/job.hpp"

namespace lmf::train {
namespace {

constexpr const char* kLevels[] = {"trace", "debug", "info", "warn", "error", "off"};  // of LMF_LOG_*

/// A libtorch without CUDA uses no GPU, so it must not count them.
launch::Devices usable_devices(const Environment& environment) {
  launch::Devices devices = launch::visible_devices();
  if (LMF_TORCH_CUDA == 0 && !environment.has("LMF_FAKE_DEVICES") && devices.count > 0)
    devices = {0, fmt::format("{}, but this lmf is built without CUDA", devices.description)};
  return devices;
}

/// The host's own options again: with them it finds the same plugins in the same order.
std::vector<std::string> command_of(std::span<const char* const> words, const lmf_host_v1& host) {
  std::vector<std::string> command = {host.executable};
  for (std::size_t i = 0; i < host.plugin_directory_count; ++i)
    command.push_back(fmt::format("--plugin-dir={}", host.plugin_directories[i]));
  command.push_back(fmt::format("--log-level={}", kLevels[std::clamp<std::int32_t>(host.log_level, 0, 5)]));
  command.push_back("train");
  command.insert(command.end(), words.begin(), words.end());
  return command;
}

}  // namespace

Topology topology_of_process(const Environment& environment, bool use_cpu) {
  return decide_topology(environment, usable_devices(environment), use_cpu);
}

launch::AgentOptions training_agent(const Topology& topology, const Environment& environment,
                                    std::span<const char* const> words, const lmf_host_v1& host) {
  launch::AgentOptions agent;
  if (topology.kind != Topology::Kind::agent) return agent;
  agent.name = fmt::format("{} train {}", host.program_name, words.front());
  agent.words = command_of(words, host);
  agent.variables = torch_tuning(environment);
  const std::string pin = pin_environment_entry(host);
  agent.variables.emplace_back(kPinVariable, pin.substr(pin.find('=') + 1));
  agent.workers = topology.workers;
  agent.max_restarts = topology.max_restarts;
  if (environment.has(launch::kGraceVariable)) {
    agent.grace = launch::parse_grace(environment.text(launch::kGraceVariable));
    agent.idle_grace.reset();
  }
  agent.hear_of_loss = true;
  agent.torchrun_statuses = launch::wants_torchrun_statuses(environment.text(launch::kStatusVariable));
  agent.signals = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};
  agent.rendezvous = topology.rendezvous;
  return agent;
}

std::string agents_of_tasks(const Environment& environment, const launch::AgentOptions& agent) {
  if (agent.rendezvous.maximum_nodes > 1 || environment.has("LMF_JOB") || environment.has("TORCHELASTIC_RUN_ID"))
    return {};
  std::optional<Task> task;
  try {
    task = task_of_another_launcher(environment);
  } catch (const Error&) {  // of variables that this command does not read
    return {};
  }
  if (!task || task->rank != 0) return {};
  return fmt::format(
      "{0} started this {1} times ({2}), and each starts {3} worker{4} of its own, which know nothing of the others': "
      "start it once on each node, with --nnodes, or start the program with {0} itself",
      task->launcher, task->size, task->evidence, agent.workers, agent.workers == 1 ? "" : "s");
}

std::string launch_text(const Topology& topology, const launch::AgentOptions& agent) {
  std::string text = topology.why + "\n";
  if (!topology.warning.empty()) text += topology.warning + "\n";
  if (topology.kind != Topology::Kind::agent) return text;
  for (const auto& [name, value] : agent.variables) text += fmt::format("{}={} \\\n", name, shell_word(value));
  std::string line;
  for (const std::string& word : agent.words) line += (line.empty() ? "" : " ") + shell_word(word);
  text += line + "\n";
  if (agent.max_restarts > 0) text += fmt::format("started again up to {} times\n", agent.max_restarts);
  return text;
}

std::string restarted_job(const Environment& environment) {
  const bool again = environment.number("LMF_ATTEMPT", 0, 1 << 30).value_or(0) > 0 ||
                     environment.number("TORCHELASTIC_RESTART_COUNT", 0, 1 << 30).value_or(0) > 0;
  return again ? environment.text(kJobIdVariable) : "";
}

}  // namespace lmf::train
