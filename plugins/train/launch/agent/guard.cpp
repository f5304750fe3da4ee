#include "train/launch/agent/guard.hpp"

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/files.hpp"
#include "base/log.hpp"
#include "train/launch/agent/signals_blocked.hpp"

namespace lmf::train::launch {
namespace {

constexpr pid_t kDismissed = 0;
constexpr auto kShortLife = std::chrono::seconds(1);
constexpr int kShortLives = 5;
constexpr int kRounds = 200;  // a job that forks as fast as it is killed is given up after 2 s

/// Everything the agent has open would otherwise stay open: ports, pipes, the terminal.
void let_go_of_files(int except) {
  if (except > 3) ::close_range(3, static_cast<unsigned>(except) - 1, 0);
  ::close_range(static_cast<unsigned>(except) + 1, ~0U, 0);
  const int nowhere = ::open("/dev/null", O_RDWR);
  for (int standard = 0; standard < 3; ++standard) ::dup2(nowhere, standard);
}

void end_everything(const std::string& job_id, const std::vector<WorkerSession>& sessions) {
  for (int round = 0; round < kRounds; ++round) {
    const std::vector<pid_t> left = processes_of_job(job_id, sessions);
    if (left.empty()) return;
    for (const pid_t pid : left) ::kill(pid, SIGKILL);
    ::usleep(10'000);
  }
}

/// One that was reaped says so; an older one with that number has no process left.
void note_session(std::vector<WorkerSession>& sessions, const WorkerSession& session) {
  std::erase_if(sessions, [&session](const WorkerSession& older) { return older.leader == session.leader; });
  sessions.push_back(session);
}

/// With all signals held back: a handler of the agent's would speak to the agent.
[[noreturn]] void keep_guard(int pipe, const std::string& job_id, const std::string& temporary_folder,
                             std::vector<WorkerSession> sessions) noexcept {  // an exception would make it an agent
  ::setsid();  // no Ctrl-C reaches it, nor a kill of the agent's process group
  ::prctl(PR_SET_NAME, "lmf-guard");
  let_go_of_files(pipe);
  for (;;) {
    WorkerSession session;
    const ssize_t count = ::read(pipe, &session, sizeof session);
    if (count < 0 && errno == EINTR) continue;
    if (count != sizeof session) break;
    if (session.leader == kDismissed) ::_exit(0);
    note_session(sessions, session);
  }
  end_everything(job_id, sessions);
  std::error_code ignored;
  if (!temporary_folder.empty()) std::filesystem::remove_all(temporary_folder, ignored);
  ::_exit(0);
}

}  // namespace

Guard::Guard(std::string job_id, std::string temporary_folder)
    : job_id_(std::move(job_id)), temporary_folder_(std::move(temporary_folder)) {
  start();
}

void Guard::start() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw file_error("make a pipe for", "the launcher's guard", errno);
  pid_t child = -1;
  {
    const SignalsBlocked in_the_child_for_good;
    child = ::fork();
    if (child == 0) keep_guard(ends[0], job_id_, temporary_folder_, sessions_);
  }
  const int reason = errno;
  ::close(ends[0]);
  if (child < 0) {
    ::close(ends[1]);
    throw file_error("start", "the launcher's guard", reason);
  }
  pid_ = child;
  pipe_ = ends[1];
}

Guard::~Guard() {
  watch_session({kDismissed});
  ::close(pipe_);
  if (::waitpid(pid_, nullptr, WNOHANG) != 0) return;
  ::kill(pid_, SIGCONT);  // somebody may have stopped it
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) continue;
}

void Guard::watch_session(const WorkerSession& session) {
  note_session(sessions_, session);
  [[maybe_unused]] const ssize_t written = ::write(pipe_, &session, sizeof session);
}

void Guard::replace() {
  ::close(std::exchange(pipe_, -1));
  ::waitpid(pid_, nullptr, WNOHANG);  // unless whoever waits for all children has reaped it
  start();
}

GuardWatch::GuardWatch(boost::asio::io_context& context, Guard& guard) : ended_(context), guard_(guard) { watch(); }

void GuardWatch::watch() {
  // Not every kernel that runs here needs to have it.
  const auto handle = static_cast<int>(::syscall(SYS_pidfd_open, guard_.pid(), 0));
  if (handle < 0) return;
  began_ = std::chrono::steady_clock::now();
  ended_.assign(handle);
  ended_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](const boost::system::error_code& failed) {
    if (!failed) guard_has_ended();
  });
}

void GuardWatch::guard_has_ended() {
  ended_.close();
  const pid_t before = guard_.pid();
  short_lived_ = std::chrono::steady_clock::now() - began_ < kShortLife ? short_lived_ + 1 : 0;
  try {
    // Something that ends each at once would be fed for ever.
    if (short_lived_ == kShortLives) throw Error("each was ended at once");
    guard_.replace();
  } catch (const Error& failure) {
    log::warn(
        "the launcher's guard (process {}) has ended and there is no other, so what the workers started would outlive "
        "a launcher that is killed: {}",
        before, failure.what());
    return;
  }
  log::warn("the launcher's guard (process {}) was ended from outside; process {} takes its place", before,
            guard_.pid());
  watch();
}

}  // namespace lmf::train::launch
