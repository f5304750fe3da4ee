// `lmf run`: starts any program as torchrun does. `lmf train`: reads and checks the whole configuration, decides where
// the run begins, then lets the worker library train in this process. Links no libtorch: a wrong configuration is
// reported before any of it is loaded.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>

#include <fmt/format.h>

#include "base/host.hpp"
#include "base/log.hpp"
#include "base/printable.hpp"
#include "config/options.hpp"
#include "lmf/plugin.hpp"
#include "train/launch/agent/agent.hpp"
#include "train/launch/agent/run_options.hpp"
#include "train/launch/checks.hpp"
#include "train/launch/job_facts.hpp"
#include "train/launch/output_lock.hpp"
#include "train/launch/plan.hpp"
#include "train/launch/resume.hpp"
#include "train/launch/tell_workers.hpp"
#include "train/launch/topology.hpp"
#include "train/launch/training_agent.hpp"
#include "train/launch/worker_library.hpp"
#include "train/shared/inputs.hpp"
#include "train/shared/job.hpp"

namespace {

using namespace lmf;

struct Words {
  bool check = false, print_launch = false;
  std::vector<const char*> options;  ///< the rest
};

Words words_of(std::span<const char* const> arguments) {
  Words words;
  for (const char* argument : arguments) {
    if (std::strcmp(argument, "--check") == 0)
      words.check = true;
    else if (std::strcmp(argument, "--print-launch") == 0)
      words.print_launch = true;
    else
      words.options.push_back(argument);
  }
  return words;
}

void require_options(const Words& words, const lmf_host_v1& host) {
  if (!words.options.empty()) return;
  throw Error(
      "train needs a configuration",
      fmt::format(
          "usage: {0} train [--check | --print-launch] CONFIG.yaml [key=value ...]; `{0} help train` lists the options",
          host.program_name),
      kExitUsage);
}

/// What the options alone tell, appended to what reading found.
train::Start judge(config::ReadResult& read, const train::Environment& environment) {
  auto& problems = read.problems;
  const auto add = [&problems](std::vector<config::Problem> more) {
    for (config::Problem& problem : more) problems.push_back(std::move(problem));
  };
  add(train::option_problems(read.options));
  const train::Start start = train::decide_start(read.options, train::restarted_job(environment));
  if (start.problem) add({*start.problem});
  return start;
}

/// A copy: nodes compare the options as they were given.
config::Options settled(config::Options options, const train::Start& start) {
  const char* decided_by = options.given("resume_from_checkpoint") ? "resume_from_checkpoint" : "output_dir";
  options.set_text("resume_from_checkpoint", start.checkpoint ? start.checkpoint->string() : "",
                   options.origin(decided_by));
  return options;
}

int check(const config::ReadResult& read, const train::Start& start, const train::Topology& topology,
          train::Ranks ranks, const lmf_host_v1& host) {
  train::Inspection found = train::inspect_inputs(settled(read.options, start), host.share_directory, ranks.count);
  found.problems.insert(found.problems.begin(), read.problems.begin(), read.problems.end());
  config::throw_problems(found.problems, found.unlisted_problems);
  for (const std::string& line : found.lines) std::printf("%s\n", printable(line).c_str());
  for (const std::string& line : train::plan_lines(read.options, found.examples, start, ranks.count))
    std::printf("%s\n", printable(line).c_str());
  std::printf("start as  %s\n", topology.why.c_str());
  if (!topology.warning.empty()) log::warn("{}", topology.warning);
  std::printf("Nothing is wrong with this configuration.\n");
  return kExitDone;
}

/// What keeps a task of srun or mpirun from meeting the others, who would wait for it: nobody else tells them.
void tell_others(const train::Topology& topology, const train::Environment& environment, const Error& error) {
  if (!topology.variables.empty()) train::tell_other_workers(placed(topology, environment), error.what());
}

template <class Step>
void or_tell_others(const train::Topology& topology, const train::Environment& environment, Step&& step) {
  try {
    step();
  } catch (const Error& error) {
    tell_others(topology, environment, error);
    throw;
  }
}

config::ReadResult read_options(const Words& words, const train::Environment& environment, const lmf_host_v1& host) {
  try {
    return config::read_options(config::OptionTable::of_plugin(host, "train", {"check", "print-launch", "help"}),
                                words.options);
  } catch (const Error& error) {
    // Where another launcher's workers meet depends on no option.
    if (!words.check && !words.print_launch)
      tell_others(train::topology_of_process(environment, /*use_cpu=*/false), environment, error);
    throw;
  }
}

int run_worker(lmf_train_worker_run_function* run, const config::Options& options, const lmf_host_v1& host) {
  char error[8192] = {};
  const int status = run(&host, options.to_json().c_str(), error, sizeof error);
  if (status != kExitDone && error[0] != '\0') throw Error(error, {}, status);
  return status;
}

int print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  return kExitDone;
}

int run_command(const Invocation& call) {
  const auto table = std::filesystem::path(call.host.library).parent_path() / "run.options.toml";
  auto agent = train::launch::read_run_options(table, call.arguments);
  if (agent.rendezvous.maximum_nodes > 1) agent.rendezvous.facts = train::job_facts(call.host);
  if (const std::string tasks = train::agents_of_tasks(train::Environment::of_process(), agent); !tasks.empty())
    log::warn("{}", tasks);
  return train::launch::run_agent(agent);
}

/// The other nodes of a fixed number would wait for this one; those of an elastic job go on without it.
bool nodes_wait(const train::Topology& topology) {
  return topology.kind == train::Topology::Kind::agent && topology.rendezvous.maximum_nodes > 1 &&
         topology.rendezvous.backend == train::launch::RendezvousOptions::Backend::fixed;
}

int run_as_agent(train::launch::AgentOptions agent, const train::Topology& topology, const config::ReadResult& read,
                 const lmf_host_v1& host) {
  if (agent.rendezvous.maximum_nodes > 1) agent.rendezvous.facts = train::job_facts(host, read.options);
  const auto problems =
      read.problems.empty() ? train::missing_inputs(read.options, host.share_directory) : read.problems;
  if (!nodes_wait(topology)) config::throw_problems(problems);
  for (const config::Problem& problem : problems)
    agent.refusal +=
        (agent.refusal.empty() ? "" : "; ") + problem.text + (problem.hint.empty() ? "" : ": " + problem.hint);
  if (topology.refusal) agent.refusal = fmt::format("{}: {}", topology.refusal->what(), topology.refusal->hint());
  return train::launch::run_agent(agent);
}

int train_command(const Invocation& call) {
  const Words words = words_of(call.arguments);
  require_options(words, call.host);
  const auto environment = train::Environment::of_process();
  config::ReadResult read = read_options(words, environment, call.host);
  const train::Topology topology = train::topology_of_process(environment, read.options.flag("use_cpu"));
  const train::Ranks ranks = train::ranks_of(topology, environment);
  const bool speaks = ranks.rank == 0 && topology.kind != train::Topology::Kind::agent;
  for (const std::string& note : read.notes)
    if (speaks) log::info("{}", note);
  train::Start start = judge(read, environment);
  if (topology.refusal && (words.check || words.print_launch)) throw *topology.refusal;
  if (words.check) return check(read, start, topology, ranks, call.host);
  // With those of what the options name, but without the time that reading the data takes.
  if (!read.problems.empty())
    train::read_inputs(settled(read.options, start), call.host.share_directory, read.problems);
  if (words.print_launch) config::throw_problems(read.problems);
  if (!nodes_wait(topology)) or_tell_others(topology, environment, [&] { config::throw_problems(read.problems); });
  const auto agent = train::training_agent(topology, environment, words.options, call.host);
  if (words.print_launch) return print(train::launch_text(topology, agent));
  // Of lmf's own workers, their agent has said it.
  const bool is_agent = topology.kind == train::Topology::Kind::agent;
  if (is_agent || (speaks && topology.kind == train::Topology::Kind::worker && !environment.has("LMF_JOB")))
    log::info("{}", topology.why);
  if (!topology.warning.empty() && (is_agent || speaks)) log::warn("{}", topology.warning);
  if (is_agent) return run_as_agent(agent, topology, read, call.host);
  for (const auto& [name, value] : topology.variables) ::setenv(name.c_str(), value.c_str(), 1);
  std::optional<train::OutputLock> lock;
  lmf_train_worker_run_function* run = nullptr;
  or_tell_others(topology, environment, [&] {
    if (topology.refusal) throw *topology.refusal;
    if (ranks.rank == 0) {  // which writes for all
      lock.emplace(read.options.text("output_dir"), environment.text(train::kJobIdVariable));
      start = judge(read, environment);  // again: a run that has just ended may have left a checkpoint
      config::throw_problems(read.problems);
    }
    if (speaks && start.checkpoint) log::info("continuing from {} ({})", start.checkpoint->string(), start.why);
    run = train::load_worker(train::worker_library(call.host));
  });
  return run_worker(run, settled(read.options, start), call.host);
}

int command(const Invocation& call) {
  adopt_host(call.host);
  return call.command == "run" ? run_command(call) : train_command(call);
}

}  // namespace

LMF_PLUGIN(command)
