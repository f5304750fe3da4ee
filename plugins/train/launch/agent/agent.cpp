#include "train/launch/agent/agent.hpp"

#include <csignal>
#include <cstdlib>
#include <exception>

#include <sys/prctl.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <fmt/format.h>

#include "base/log.hpp"
#include "lmf/error.hpp"
#include "train/launch/agent/failure_cause.hpp"
#include "train/launch/agent/failure_report.hpp"
#include "train/launch/agent/processes.hpp"
#include "train/launch/agent/run_folder.hpp"
#include "train/launch/agent/stop_signals.hpp"
#include "train/launch/agent/together.hpp"
#include "train/launch/agent/words.hpp"
#include "train/launch/agent/worker_environment.hpp"
#include "train/launch/agent/worker_group.hpp"

namespace lmf::train::launch {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

/// How long the reader of the agent's output may take nothing before the rest is dropped.
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

/// What ends an attempt, or the wait for one.
struct Verdict {
  std::optional<int> status;  ///< none: there is another attempt
};

class Agent {
 public:
  Agent(asio::io_context& context, const AgentOptions& options, const RunFolder& folder, const Guard& guard,
        std::string job)
      : context_(context),
        options_(options),
        folder_(folder),
        guard_(guard),
        job_(std::move(job)),
        wake_(context),
        output_(context, STDOUT_FILENO),
        error_(context, STDERR_FILENO),
        signals_(context, options.signals, wake_, [this](int signal) { forward(signal); }),
        rendezvous_(make_rendezvous(context, options.rendezvous)),
        together_(context, wake_, signals_, *rendezvous_) {}

  asio::awaitable<int> run() {
    Verdict verdict;
    while (!verdict.status) {
      // Named, not temporary: g++ 12 destroys some temporaries of a co_await expression twice.
      const JoinOptions us{options_.workers, options_.role};
      auto join = rendezvous_->join(us);
      const std::optional<std::variant<Assignment, Change>> joined = co_await together_.unless_stopped(std::move(join));
      if (!joined)
        verdict = stopped();
      else if (const auto* change = std::get_if<Change>(&*joined))
        verdict = follow(*change);
      else
        verdict = co_await attempt(std::get<Assignment>(*joined));
    }
    co_await output_.flush(kFlushPatience);
    co_await error_.flush(kFlushPatience);
    signals_.close();
    co_return *verdict.status;
  }

 private:
  asio::awaitable<Verdict> attempt(const Assignment& assignment) {
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

  void start_workers(WorkerGroup& group, const Assignment& assignment) {
    const std::string folder = folder_.attempt(attempts_++, options_.workers);
    OutputPlan outputs(context_, options_.logs, folder, options_.role, output_, error_);
    for (int local_rank = 0; local_rank < options_.workers; ++local_rank) {
      WorkerPlan plan;
      plan.local_rank = local_rank;
      plan.rank = assignment.first_rank + local_rank;
      plan.error_file = fmt::format("{}/{}/error.json", folder, local_rank);
      plan.environment = worker_environment(options_, assignment, {local_rank, restarts_, plan.error_file, job_});
      for (const std::string& word : options_.words)
        plan.words.push_back(options_.substitute_local_rank && !plan.words.empty()
                                 ? substitute(word, {{"local_rank", std::to_string(local_rank)}})
                                 : word);
      const int rank = plan.rank;
      group.start(std::move(plan), outputs.open(local_rank, rank));
    }
  }

  /// Waits for the end of all that was told to stop.
  asio::awaitable<void> wait_until_gone(WorkerGroup& group) {
    const bool all_gone = co_await group.gone(options_.grace, signals_.hurry());
    if (!all_gone)
      log::error("processes of this job cannot be killed: the kernel holds them, as with a disk that does not answer");
  }

  asio::awaitable<Verdict> stop_for_signal(WorkerGroup& group) {
    const int signal = *signals_.stop();
    log::info("{}: the workers get it too, and {} s to end; Ctrl-C (again) kills them", signal_name(signal),
              std::chrono::duration_cast<std::chrono::seconds>(options_.grace).count());
    group.tell_to_stop(signal);
    co_await together_.leave();
    co_await wait_until_gone(group);
    const Worker* unwilling = signals_.hurry() ? nullptr : group.unwilling(signal);
    if (unwilling == nullptr) co_return stopped();
    const int status = unwilling->ending()->status();
    log::error("rank {} (pid {}) answered {} with exit code {}: what it was to save may be lost{}",
               unwilling->plan().rank, unwilling->pid(), signal_name(signal), status,
               said_last(unwilling->streams().last_error_lines()));
    co_return Verdict{exit_status(status)};
  }

  static std::string said_last(const std::vector<std::string>& lines) {
    return lines.empty() ? "" : fmt::format("; it said last: {}", lines.back());
  }

  Verdict stopped() const { return {exit_status(128 + signals_.stop().value_or(SIGTERM))}; }

  asio::awaitable<Verdict> stop_for_change(WorkerGroup& group) {
    group.tell_to_stop(SIGTERM);
    co_await wait_until_gone(group);
    co_return follow(*change_);
  }

  Verdict follow(const Change& change) {
    switch (change.kind) {
      case Change::Kind::membership:
      case Change::Kind::failed_elsewhere:
        log::info("{}: starting again together", change.why);
        return {};
      case Change::Kind::store_lost:
      case Change::Kind::closed:
        break;
    }
    const int status = change.status.value_or(kExitFailed);
    if (status == kExitDone)
      log::info("{}", change.why);
    else
      log::error("{}", change.why);
    return {exit_status(status)};
  }

  asio::awaitable<Verdict> handle_failure(WorkerGroup& group, std::uint64_t kills, const Assignment& assignment) {
    group.tell_to_stop(SIGTERM);
    const FailureReport first = report_failures(group, options_.name, kills, assignment);
    std::optional<std::string> final = "";  // none: there is a new attempt
    if (restarts_ < options_.max_restarts) {
      auto request = rendezvous_->request_restart(first.sentence());
      final = (co_await together_.unless_stopped(std::move(request))).value_or("");
    }
    if (final) co_return co_await fail(group, first, kills, assignment, *final);
    co_await wait_until_gone(group);
    if (signals_.stop()) {
      co_await together_.leave();
      co_return stopped();
    }
    ++restarts_;
    log::warn("{}; starting again, attempt {} of {}", first.sentence(), restarts_ + 1, options_.max_restarts + 1);
    co_return Verdict{};
  }

  /// The others hear of it before this node's workers have used up their grace: what happens to theirs meanwhile is a
  /// consequence, and the job ends everywhere with the status of the cause.
  asio::awaitable<Verdict> fail(WorkerGroup& group, const FailureReport& first, std::uint64_t kills,
                                const Assignment& assignment, const std::string& no_new_attempt) {
    const int status = first.root().ending.status();
    auto announcement = rendezvous_->announce_failure(first.sentence(), status);
    const auto before = co_await together_.unless_stopped(std::move(announcement));
    co_await wait_until_gone(group);
    if (!signals_.stop()) {
      const FailureReport report = finished_report(group, kills, assignment);
      error_.write(report.table());
      if (!no_new_attempt.empty()) log::error("no new attempt: {}", no_new_attempt);
      if (const char* file = std::getenv("TORCHELASTIC_ERROR_FILE"); file != nullptr && *file != '\0')
        write_error_file(report, file);
      auto close = rendezvous_->close();
      co_await together_.unless_stopped(std::move(close));
    }
    if (signals_.stop()) {
      co_await together_.leave();
      co_return stopped();
    }
    if (before && *before) co_return follow(**before);
    co_return Verdict{exit_status(status)};
  }

  FailureReport finished_report(WorkerGroup& group, std::uint64_t kills, const Assignment& assignment) const {
    FailureReport report = report_failures(group, options_.name, kills, assignment);
    report.error_files_stay = folder_.stays();
    return report;
  }

  asio::awaitable<Verdict> end_well(WorkerGroup& group) {
    co_await wait_until_gone(group);
    auto finish = rendezvous_->finish();
    const std::optional<std::optional<Change>> turn = co_await together_.unless_stopped(std::move(finish));
    if (!turn) co_return stopped();
    co_return *turn ? follow(**turn) : Verdict{kExitDone};
  }

  void forward(int signal) {
    if (group_ == nullptr) return;
    const std::vector<int> deaf = group_->forward(signal);
    if (!deaf.empty())
      log::warn("{} is not passed on to rank {}, which would be ended by it: it does not catch it", signal_name(signal),
                fmt::join(deaf, ", "));
  }

  static int exit_status(int status) {
    const char* compatible = std::getenv("LMF_EXIT_COMPAT");
    const bool like_torchrun = compatible != nullptr && std::string_view(compatible) == "torchrun";
    return like_torchrun && status != kExitDone ? kExitFailed : status;
  }

  asio::io_context& context_;
  const AgentOptions& options_;
  const RunFolder& folder_;
  const Guard& guard_;
  const std::string job_;
  Wake wake_;
  Console output_, error_;
  StopSignals signals_;
  std::unique_ptr<Rendezvous> rendezvous_;
  Together together_;
  WorkerGroup* group_ = nullptr;  ///< while there is one
  std::optional<Change> change_;
  int restarts_ = 0;  ///< what max_restarts is about
  int attempts_ = 0;  ///< begun on this node; membership changes begin some, too
};

}  // namespace

int run_agent(const AgentOptions& options) {
  const LogSettings& logs = options.logs;
  const bool holds_output = logs.redirects.any() || logs.tee.any();
  const std::string id = unique_process_id(), temporary = RunFolder::temporary_name();
  // Before anything else is there, so that the guard holds no port and no pipe, and misses nothing.
  const Guard guard(id, options.log_folder.empty() && !holds_output ? temporary : "");
  const RunFolder folder(options.log_folder, temporary, options.rendezvous.run_id, holds_output);
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
}

}  // namespace lmf::train::launch
