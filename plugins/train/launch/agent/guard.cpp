#include "train/launch/agent/guard.hpp"

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <vector>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/files.hpp"

namespace lmf::train::launch {
namespace {

constexpr pid_t kDismissed = 0;
constexpr int kRounds = 200;  // a job that forks as fast as it is killed is given up after 2 s

/// Everything the agent has open would otherwise stay open: ports, pipes, the terminal.
void let_go_of_files(int except) {
  const int nowhere = ::open("/dev/null", O_RDWR);
  for (int standard = 0; standard < 3; ++standard) ::dup2(nowhere, standard);
  if (except > 3) ::close_range(3, static_cast<unsigned>(except) - 1, 0);
  ::close_range(static_cast<unsigned>(except) + 1, ~0U, 0);
}

void end_everything(const std::string& job_id, const std::vector<WorkerSession>& sessions) {
  for (int round = 0; round < kRounds; ++round) {
    const std::vector<pid_t> left = processes_of_job(job_id, sessions);
    if (left.empty()) return;
    for (const pid_t pid : left) ::kill(pid, SIGKILL);
    ::usleep(10'000);
  }
}

[[noreturn]] void keep_guard(int pipe, const std::string& job_id, const std::string& temporary_folder) {
  ::setsid();  // no Ctrl-C reaches it, nor a kill of the agent's process group
  ::prctl(PR_SET_NAME, "lmf-guard");
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2}) std::signal(signal, SIG_IGN);
  let_go_of_files(pipe);
  std::vector<WorkerSession> sessions;
  for (;;) {
    WorkerSession session;
    const ssize_t count = ::read(pipe, &session, sizeof session);
    if (count < 0 && errno == EINTR) continue;
    if (count != sizeof session) break;
    if (session.leader == kDismissed) ::_exit(0);
    // One that was reaped says so; an older one with that number has no process left.
    std::erase_if(sessions, [&session](const WorkerSession& older) { return older.leader == session.leader; });
    sessions.push_back(session);
  }
  end_everything(job_id, sessions);
  std::error_code ignored;
  if (!temporary_folder.empty()) std::filesystem::remove_all(temporary_folder, ignored);
  ::_exit(0);
}

}  // namespace

Guard::Guard(std::string job_id, std::string temporary_folder) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw file_error("make a pipe for", "the launcher's guard", errno);
  pid_ = ::fork();
  if (pid_ < 0) {
    const int reason = errno;
    ::close(ends[0]);
    ::close(ends[1]);
    throw file_error("start", "the launcher's guard", reason);
  }
  if (pid_ == 0) keep_guard(ends[0], job_id, temporary_folder);
  ::close(ends[0]);
  pipe_ = ends[1];
}

Guard::~Guard() {
  watch_session({kDismissed});
  ::close(pipe_);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) continue;
}

void Guard::watch_session(const WorkerSession& session) const {
  [[maybe_unused]] const ssize_t written = ::write(pipe_, &session, sizeof session);
}

}  // namespace lmf::train::launch
