#include "train/launch/agent/worker_group.hpp"

#include <algorithm>
#include <csignal>

#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/log.hpp"
#include "train/launch/agent/processes.hpp"

namespace lmf::train::launch {
namespace {

using namespace std::chrono_literals;

/// After SIGKILL only the kernel itself can keep a process (a dead network disk).
constexpr auto kKillPatience = 30s;
/// After which it is said for what one waits.
constexpr auto kWord = 5s;
constexpr std::size_t kMostNamed = 8;

void kill_descendants(pid_t guard, int signal) {
  for (const pid_t pid : descendants_of(::getpid(), guard)) ::kill(pid, signal);
}

}  // namespace

WorkerGroup::WorkerGroup(boost::asio::io_context& context, Guard& guard, Wake& wake)
    : wake_(wake), guard_(guard), child_changed_(context, SIGCHLD) {
  watch_children();
}

WorkerGroup::~WorkerGroup() {
  for (const auto& worker : workers_)
    if (!worker->ending()) worker->signal_group(SIGKILL);
  if (has_children_besides(guard_.pid())) kill_descendants(guard_.pid(), SIGKILL);
}

void WorkerGroup::start(WorkerPlan plan, WorkerStreams streams) {
  workers_.push_back(std::make_unique<Worker>(std::move(plan), std::move(streams)));
  guard_.watch_session({workers_.back()->pid()});
}

bool WorkerGroup::running() const {
  return std::any_of(workers_.begin(), workers_.end(), [](const auto& worker) { return !worker->ending(); });
}

bool WorkerGroup::failed() const {
  return std::any_of(workers_.begin(), workers_.end(), [](const auto& worker) {
    return worker->ending() && !worker->ending()->good() && !worker->told_to_stop();
  });
}

const Worker* WorkerGroup::unwilling(int signal) const {
  if (signal == SIGINT) return nullptr;  // Python's scripts often end with 1 then, on purpose
  for (const auto& worker : workers_) {
    if (!worker->ending() || worker->ending()->signal != 0 || !worker->told_to_stop()) continue;
    const int status = worker->ending()->exit_code;
    if (status != 0 && status != 128 + signal && status != 128 + SIGTERM) return worker.get();
  }
  return nullptr;
}

std::vector<int> WorkerGroup::forward(int signal) {
  std::vector<int> deaf;
  for (const auto& worker : workers_) {
    if (worker->ending()) continue;
    if (catches_signal(worker->pid(), signal))
      ::kill(worker->pid(), signal);
    else
      deaf.push_back(worker->plan().rank);
  }
  return deaf;
}

void WorkerGroup::tell_to_stop(int signal) {
  for (const auto& worker : workers_) worker->tell_to_stop(signal);
}

void WorkerGroup::tell_of_loss() {
  for (const auto& worker : workers_) worker->tell_of_loss();
}

/// They wait for those that have failed, in a call that no signal ends.
bool WorkerGroup::kill_idle(Idleness& idleness) {
  std::vector<pid_t> sessions;
  for (const auto& worker : workers_)
    if (!worker->ending()) sessions.push_back(worker->pid());
  const std::vector<pid_t> idle = idleness.look(sessions, Clock::now());
  for (const auto& worker : workers_) {
    if (worker->ending() || std::find(idle.begin(), idle.end(), worker->pid()) == idle.end()) continue;
    log::info("rank {} (process {}) has done nothing for {} s since it was told to stop: it is killed",
              worker->plan().rank, worker->pid(),
              std::chrono::duration_cast<std::chrono::seconds>(idleness.limit()).count());
    worker->tell_to_stop(SIGKILL);
  }
  return !idle.empty();
}

boost::asio::awaitable<bool> WorkerGroup::gone(Grace grace, const bool& hurry) {
  auto word = Clock::now() + kWord, deadline = Clock::now() + grace.most;
  std::optional<Idleness> idleness;
  if (grace.idle && *grace.idle < grace.most) idleness.emplace(*grace.idle);
  bool told = false, killed = false, said = false;
  while (running() || has_children_besides(guard_.pid())) {
    reap();
    if (idleness && !killed && running() && kill_idle(*idleness)) word = Clock::now() + kWord;
    if (!running() && !std::exchange(told, true)) kill_descendants(guard_.pid(), SIGTERM);
    if (!killed && !said && Clock::now() >= word) {
      const std::string names = those_left();
      said = !names.empty();  // none: the last one has ended between the two looks
      if (said)
        log::info("waiting for the end of {}; what is still there in {} s is killed", names,
                  std::chrono::ceil<std::chrono::seconds>(std::max(deadline - Clock::now(), Clock::duration::zero()))
                      .count());
    }
    if (!killed && (hurry || Clock::now() >= deadline)) {
      killed = true;
      deadline = Clock::now() + kKillPatience;
      tell_to_stop(SIGKILL);
    }
    if (killed) kill_descendants(guard_.pid(), SIGKILL);
    if (killed && Clock::now() >= deadline) co_return false;
    // A descendant's end is told to its own parent: with workers gone or killed, look for ourselves.
    const auto next_look = Clock::now() + (killed || !running() ? 20ms : idleness ? 1s : 10s);
    const auto limit = said || killed ? deadline : std::min(deadline, word);
    if (running() || has_children_besides(guard_.pid())) co_await wake_.wait(std::min(limit, next_look));
  }
  co_return true;
}

/// The workers, or when these have ended, what they have left behind.
std::string WorkerGroup::those_left() const {
  std::vector<std::string> names;
  for (const auto& worker : workers_)
    if (!worker->ending()) names.push_back(fmt::format("rank {} (process {})", worker->plan().rank, worker->pid()));
  const bool descendants = names.empty();
  if (descendants)
    for (const pid_t pid : descendants_of(::getpid(), guard_.pid()))
      names.push_back(fmt::format("{} (process {})", process_name(pid), pid));
  if (names.empty()) return {};
  const std::size_t more = names.size() - std::min(names.size(), kMostNamed);
  names.resize(names.size() - more);
  return fmt::format("{}{}{}", fmt::join(names, ", "), more == 0 ? "" : fmt::format(" and {} more", more),
                     descendants ? ", which the workers started" : "");
}

void WorkerGroup::watch_children() {
  child_changed_.async_wait([this, alive = std::weak_ptr(alive_)](const boost::system::error_code& failed, int) {
    if (failed || alive.expired()) return;
    reap();
    wake_.notify();
    watch_children();
  });
}

void WorkerGroup::reap() {
  for (;;) {
    siginfo_t child = {};
    // Only looks: the pid stays a zombie's, so that no other process can be hit by what has_ended() does.
    if (::waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) != 0 || child.si_pid == 0) return;
    for (const auto& worker : workers_)
      if (worker->pid() == child.si_pid && !worker->ending()) {
        worker->has_ended(child.si_code, child.si_status);
        guard_.watch_session({child.si_pid, clock_ticks()});
      }
    ::waitpid(child.si_pid, nullptr, 0);
  }
}

}  // namespace lmf::train::launch
