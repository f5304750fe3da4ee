#include "train/launch/agent/agent.hpp"

#include <cerrno>
#include <cstdlib>
#include <exception>

#include <sys/prctl.h>

#include <boost/asio/co_spawn.hpp>
#include <fmt/format.h>

#include "base/files.hpp"
#include "base/log.hpp"
#include "lmf/error.hpp"
#include "train/launch/agent/agent_run.hpp"
#include "train/launch/agent/failure_cause.hpp"
#include "train/launch/agent/processes.hpp"
#include "train/launch/agent/words.hpp"
#include "train/launch/agent/worker_environment.hpp"

namespace lmf::train::launch {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

/// How long the reader of what is left of the agent's output may take before the rest is dropped.
constexpr auto kFlushPatience = 5s;

std::string nested_job(const std::string& id) {
  const char* outer = std::getenv(kJobVariable);
  return outer != nullptr && *outer != '\0' ? fmt::format("{}/{}", outer, id) : id;
}

std::unique_ptr<Rendezvous> make_rendezvous(asio::io_context& context, const RendezvousOptions& options) {
  switch (options.backend) {
    case RendezvousOptions::Backend::fixed:
      return fixed_rendezvous(context, options);
    case RendezvousOptions::Backend::elastic:
      return elastic_rendezvous(context, options);
    case RendezvousOptions::Backend::local:
      break;
  }
  return local_rendezvous(context, options);
}

}  // namespace

Agent::Agent(asio::io_context& context, const AgentOptions& options, RunFolder& folder, Guard& guard, std::string job)
    : context_(context),
      options_(options),
      folder_(folder),
      guard_(guard),
      guard_watch_(context, guard),
      job_(std::move(job)),
      wake_(context),
      output_(context, STDOUT_FILENO),
      error_(context, STDERR_FILENO),
      signals_(context, options.signals, wake_, [this](int signal) { forward(signal); }),
      rendezvous_(make_rendezvous(context, options.rendezvous)),
      together_(context, wake_, signals_, *rendezvous_) {}

asio::awaitable<int> Agent::run() {
  Verdict verdict;
  // At once: the other nodes, who hear of it when they have come, may take long.
  if (!options_.refusal.empty()) log::error("no worker is started: {}", options_.refusal);
  while (!verdict.status) {
    // Named, not temporary: g++ 12 destroys some temporaries of a co_await expression twice.
    const JoinOptions us{options_.workers, options_.role};
    auto join = rendezvous_->join(us);
    const std::optional<std::variant<Assignment, Change>> joined = co_await together_.unless_stopped(std::move(join));
    if (!joined)
      verdict = stopped();
    else if (const auto* change = std::get_if<Change>(&*joined))
      verdict = follow(*change);
    else if (!options_.refusal.empty())
      verdict = co_await refuse();
    else
      verdict = co_await attempt(std::get<Assignment>(*joined));
  }
  // Named, as above. The workers' output may be what the job is for: its reader may take its time.
  std::function<bool()> told_to_stop = [this] { return signals_.stop().has_value(); }, at_once = [] { return true; };
  co_await output_.flush(kFlushPatience, std::move(told_to_stop));
  co_await error_.flush(kFlushPatience, std::move(at_once));
  signals_.close();
  co_return *verdict.status;
}

asio::awaitable<Verdict> Agent::attempt(const Assignment& assignment) {
  change_.reset();
  const std::uint64_t kills = out_of_memory_kills();
  WorkerGroup group(context_, guard_, wake_);
  group_ = &group;
  start_workers(group, assignment);
  rendezvous_->watch([this](Change change) {
    change_ = std::move(change);
    wake_.notify();
  });
  while (group.running() && !group.failed() && !change_ && !signals_.stop()) co_await wake_.wait();
  Verdict verdict;
  if (signals_.stop())
    verdict = co_await stop_for_signal(group);
  else if (group.failed())
    verdict = co_await handle_failure(group, kills, assignment);
  else if (change_)
    verdict = co_await stop_for_change(group);
  else
    verdict = co_await end_well(group);
  group_ = nullptr;
  co_return verdict;
}

void Agent::start_workers(WorkerGroup& group, const Assignment& assignment) {
  const std::string folder = folder_.attempt(attempts_++, options_.workers);
  OutputPlan outputs(context_, options_.logs, folder, options_.role, output_, error_);
  const std::string program = program_path(options_.words.front());
  for (int local_rank = 0; local_rank < options_.workers; ++local_rank) {
    WorkerPlan plan;
    plan.program = program;
    plan.local_rank = local_rank;
    plan.rank = assignment.first_rank + local_rank;
    plan.hears_of_loss = options_.hear_of_loss;
    plan.error_file = folder_.error_file(folder, local_rank);
    plan.environment = worker_environment(options_, assignment, {local_rank, restarts_, plan.error_file, job_});
    for (const std::string& word : options_.words)
      plan.words.push_back(options_.substitute_local_rank && !plan.words.empty()
                               ? substitute(word, {{"local_rank", std::to_string(local_rank)}})
                               : word);
    const int rank = plan.rank;
    group.start(std::move(plan), outputs.open(local_rank, rank));
  }
}

void Agent::forward(int signal) {
  if (group_ == nullptr) return;
  const std::vector<int> deaf = group_->forward(signal);
  if (!deaf.empty())
    log::warn("{} is not passed on to rank {}, which would be ended by it: it does not catch it", signal_name(signal),
              fmt::join(deaf, ", "));
}

int run_agent(const AgentOptions& options) try {
  const LogSettings& logs = options.logs;
  const bool holds_output = logs.redirects.any() || logs.tee.any();
  const std::string id = unique_process_id(), temporary = RunFolder::temporary_name();
  // Before anything else is there, so that the guard holds no port and no pipe, and misses nothing.
  Guard guard(id, options.log_folder.empty() && !holds_output ? temporary : "");
  RunFolder folder(options.log_folder, temporary, options.rendezvous.run_id, holds_output);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  if (options.log_folder.empty() && holds_output) log::info("the workers' output goes to {}", folder.path());
  asio::io_context context(1);
  Agent agent(context, options, folder, guard, nested_job(id));
  std::optional<int> status;
  std::exception_ptr failure;
  asio::co_spawn(context, agent.run(), [&](std::exception_ptr thrown, int result) {
    failure = thrown;
    status = result;
    context.stop();
  });
  context.run();
  if (failure) std::rethrow_exception(failure);
  return status.value_or(kExitInternal);
} catch (const boost::system::system_error& failed) {
  // Asio's way to say that it gets no descriptor for itself.
  const int reason = failed.code().value();
  if (reason != EMFILE && reason != ENFILE) throw;
  throw file_error("start", options.name, reason);
}

}  // namespace lmf::train::launch
