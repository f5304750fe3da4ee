// How an attempt ends, and with it perhaps the job: told to stop, told by the others, by a failure, or well.
#include <csignal>
#include <cstdlib>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/log.hpp"
#include "lmf/error.hpp"
#include "train/launch/agent/agent_run.hpp"
#include "train/launch/agent/processes.hpp"

namespace lmf::train::launch {
namespace {

namespace asio = boost::asio;

std::string said_last(const std::vector<std::string>& lines) {
  return lines.empty() ? "" : fmt::format("; it said last: {}", lines.back());
}

/// Below a sentence about a worker of another node.
std::string shown_lines(const std::vector<std::string>& lines) {
  return lines.empty() ? "" : fmt::format("\n  its last lines:\n    | {}", fmt::join(lines, "\n    | "));
}

}  // namespace

int Agent::exit_status(int status) const {
  return options_.torchrun_statuses && status != kExitDone ? kExitFailed : status;
}

asio::awaitable<void> Agent::wait_until_gone(WorkerGroup& group, bool lost) {
  const Grace grace{options_.grace, lost ? options_.idle_grace : std::nullopt};
  const bool all_gone = co_await group.gone(grace, signals_.hurry());
  if (!all_gone)
    log::error("processes of this job cannot be killed: the kernel holds them, as with a disk that does not answer");
}

asio::awaitable<Verdict> Agent::stop_for_signal(WorkerGroup& group) {
  const int signal = *signals_.stop();
  log::info("{}: the workers get it too, and {} s to end; Ctrl-C (again) kills them", signal_name(signal),
            std::chrono::duration_cast<std::chrono::seconds>(options_.grace).count());
  group.tell_to_stop(signal);
  co_await together_.leave();
  co_await wait_until_gone(group, /*lost=*/false);
  const Worker* unwilling = signals_.hurry() ? nullptr : group.unwilling(signal);
  if (unwilling == nullptr) co_return stopped();
  const int status = unwilling->ending()->status();
  log::error("rank {} (pid {}) answered {} with exit code {}: what it was to save may be lost{}",
             unwilling->plan().rank, unwilling->pid(), signal_name(signal), status,
             said_last(unwilling->streams().last_lines().lines));
  co_return Verdict{exit_status(status)};
}

Verdict Agent::stopped() const { return {exit_status(128 + signals_.stop().value_or(SIGTERM))}; }

asio::awaitable<Verdict> Agent::stop_for_change(WorkerGroup& group) {
  // The workers may take their time: the reason does not wait for them.
  const std::string said = change_->why;
  const bool lost = change_->abrupt;
  Verdict verdict = follow(*change_);
  lost ? group.tell_of_loss() : group.tell_to_stop(SIGTERM);
  co_await wait_until_gone(group, lost);
  if (change_->why != said) verdict = follow(*change_);  // more has happened meanwhile
  co_return verdict;
}

Verdict Agent::follow(const Change& change) {
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
  if (status != kExitDone)
    log::error("{}{}", change.why, shown_lines(change.last_lines));
  else if (!change.why.empty())
    log::info("{}", change.why);
  return {exit_status(status)};
}

asio::awaitable<Verdict> Agent::handle_failure(WorkerGroup& group, std::uint64_t kills, const Assignment& assignment) {
  group.tell_of_loss();
  const FailureReport first = report_failures(group, options_.name, kills, assignment);
  std::optional<std::string> final = "";  // none: there is a new attempt
  if (restarts_ < options_.max_restarts) {
    auto request = rendezvous_->request_restart(first.sentence());
    final = (co_await together_.unless_stopped(std::move(request))).value_or("");
  }
  if (final) co_return co_await fail(group, first, kills, assignment, *final);
  co_await wait_until_gone(group, /*lost=*/true);
  if (signals_.stop()) {
    co_await together_.leave();
    co_return stopped();
  }
  ++restarts_;
  log::warn("{}; starting again, attempt {} of {}", first.sentence(), restarts_ + 1, options_.max_restarts + 1);
  co_return Verdict{};
}

asio::awaitable<Verdict> Agent::fail(WorkerGroup& group, const FailureReport& first, std::uint64_t kills,
                                     const Assignment& assignment, const std::string& no_new_attempt) {
  const int status = first.root().ending.status();
  auto announcement = rendezvous_->announce_failure(first.sentence(), status, first.root().last.lines);
  const auto before = co_await together_.unless_stopped(std::move(announcement));
  co_await wait_until_gone(group, /*lost=*/true);
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

asio::awaitable<Verdict> Agent::refuse() {
  auto announcement = rendezvous_->announce_failure(options_.refusal, kExitUsage, {});
  const auto before = co_await together_.unless_stopped(std::move(announcement));
  auto close = rendezvous_->close();
  co_await together_.unless_stopped(std::move(close));
  if (signals_.stop()) co_return stopped();
  if (before && *before) co_return follow(**before);
  co_return Verdict{exit_status(kExitUsage)};
}

FailureReport Agent::finished_report(WorkerGroup& group, std::uint64_t kills, const Assignment& assignment) {
  FailureReport report = report_failures(group, options_.name, kills, assignment);
  for (const Failure& failure : report.failures)
    if (!failure.error_file.empty()) folder_.keep();
  report.error_files_stay = folder_.stays();
  return report;
}

asio::awaitable<Verdict> Agent::end_well(WorkerGroup& group) {
  co_await wait_until_gone(group, /*lost=*/false);
  auto finish = rendezvous_->finish();
  const std::optional<std::optional<Change>> turn = co_await together_.unless_stopped(std::move(finish));
  if (!turn) co_return stopped();
  co_return *turn ? follow(**turn) : Verdict{kExitDone};
}

}  // namespace lmf::train::launch
