#include "train/launch/output_lock.hpp"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "base/host_name.hpp"
#include "base/log.hpp"
#include "base/printable.hpp"
#include "lmf/error.hpp"

namespace lmf::train {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kPatienceWithOthers{2};
/// Beyond the 30 s between SIGTERM and SIGKILL, and the 90 s after which an NFS server forgets a lost node's locks.
constexpr std::chrono::seconds kPatienceWithOwnJob{120};
constexpr std::chrono::milliseconds kLockPoll{50};
constexpr const char* kElsewhere = "choose a folder that can be written";

struct Holder {
  std::int64_t pid = 0;
  std::string host, job;

  std::string name() const {
    if (pid <= 0) return "a process that did not sign";
    return fmt::format("process {} on {}", pid, shortened(host));
  }
  std::string how_to_stop() const {
    if (pid <= 0) return "stop it";
    return fmt::format("stop it (kill {}{})", pid, host == host_name() ? "" : fmt::format(" on {}", shortened(host)));
  }
};

/// Anybody may have written there: what makes no sense counts as not said.
Holder holder_of(const fs::path& file) {
  try {
    const auto text = nlohmann::json::parse(read_file(file, 1 << 12));
    return {text.at("pid").get_ref<const std::int64_t&>(), text.at("host").get<std::string>(),
            text.value("job", std::string())};
  } catch (const std::exception&) {
    return {};
  }
}

/// With a parent_path() for every folder of it.
fs::path plain(const fs::path& folder) { return (fs::absolute(folder) / "").lexically_normal().parent_path(); }

bool is_there(const fs::path& path) {
  struct stat status;
  return ::lstat(path.c_str(), &status) == 0;
}

}  // namespace

OutputLock::OutputLock(fs::path folder, const std::string& job)
    : folder_(std::move(folder)), file_(folder_ / ".lmf-lock") {
  try {
    acquire(job);
  } catch (...) {
    remove_what_was_created();
    throw;
  }
  sign(job);
}

OutputLock::~OutputLock() {
  // While the lock is held: whoever opened the file before sees that it has gone, and makes a new one.
  if (is_still_there()) ::unlink(file_.c_str());
  remove_what_was_created();
}

void OutputLock::create_folder() {
  for (fs::path part = plain(folder_); !is_there(part) && part.has_relative_path(); part = part.parent_path())
    first_created_ = part;
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error)
    throw Error(fmt::format("cannot create output_dir {}: {}", folder_.string(), error.message()), kElsewhere,
                kExitUsage);
}

/// A run that stops before it has written anything leaves no empty folders.
void OutputLock::remove_what_was_created() const {
  if (first_created_.empty()) return;
  for (fs::path part = plain(folder_); ::rmdir(part.c_str()) == 0 && part != first_created_;) part = part.parent_path();
}

void OutputLock::acquire(const std::string& job) {
  const auto began = Clock::now();
  bool said = false;
  while (!try_once()) {
    const Holder holder = holder_of(file_);
    const bool own = !job.empty() && holder.job == job;
    const auto waited = Clock::now() - began;
    if (waited > kPatienceWithOthers && !own)
      throw Error(fmt::format("output_dir {} is in use by another run, {}", folder_.string(), holder.name()),
                  fmt::format("wait until it has ended, {}, or choose another output_dir", holder.how_to_stop()));
    if (waited > kPatienceWithOthers && !std::exchange(said, true))
      log::info("{} is still held by an earlier attempt of this job, {}: waiting for its end", folder_.string(),
                holder.name());
    if (waited > kPatienceWithOwnJob) {
      // Its ranks have lost each other, or there would be no new attempt: it makes no more step and no checkpoint.
      return log::warn("going on without the lock on {}", folder_.string());
    }
    std::this_thread::sleep_for(kLockPoll);
  }
}

/// False: somebody else has it, or has just had it and removed the file.
bool OutputLock::try_once() {
  create_folder();
  const bool own = open_file();
  if (!descriptor_) return false;
  if (!lock_opened()) {
    descriptor_.reset();
    return false;
  }
  if (own) return true;
  descriptor_.reset();
  throw Error(fmt::format("{} cannot be written, although no run holds it", file_.string()),
              "remove it: it may be of another user's run that was killed; or choose another output_dir");
}

/// False: it is another user's, and can only be read. That shows at least whether somebody holds it. Not opened: an
/// ending run has just removed the folder.
bool OutputLock::open_file() {
  constexpr int kFlags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;  // a named pipe must not be waited for
  descriptor_ = launch::FileDescriptor(::open(file_.c_str(), O_RDWR | O_CREAT | kFlags, 0644));
  const int problem = errno;
  const bool own = bool(descriptor_);
  if (!own && problem == ENOENT && !is_there(folder_)) return false;
  if (!own && !is_there(file_))
    throw Error(fmt::format("cannot write in output_dir {}: {}", folder_.string(), std::strerror(problem)), kElsewhere);
  if (!own && (problem == EACCES || problem == EPERM))
    descriptor_ = launch::FileDescriptor(::open(file_.c_str(), O_RDONLY | kFlags));
  struct stat status;
  if (descriptor_ && ::fstat(descriptor_.get(), &status) == 0 && S_ISREG(status.st_mode)) return own;
  const char* reason = descriptor_ ? "it is no file" : std::strerror(problem);
  descriptor_.reset();
  throw Error(fmt::format("{} cannot show whether another run has the folder: {}", file_.string(), reason),
              "remove it when none has, or choose another output_dir");
}

bool OutputLock::lock_opened() const {
  if (::flock(descriptor_.get(), LOCK_EX | LOCK_NB) == 0) return is_still_there();
  if (errno == EWOULDBLOCK || errno == EINTR) return false;
  log::warn("the file system of {} has no locks ({}): nothing would notice a second run in the folder",
            folder_.string(), std::strerror(errno));
  return true;
}

bool OutputLock::is_still_there() const {
  struct stat opened, named;
  return descriptor_ && ::fstat(descriptor_.get(), &opened) == 0 && ::lstat(file_.c_str(), &named) == 0 &&
         opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

/// For the sentence of a second run. On a full disk it stays empty: what needs the room explains that.
void OutputLock::sign(const std::string& job) const {
  const nlohmann::json text = {{"pid", ::getpid()}, {"host", host_name()}, {"job", job}};
  const std::string line = text.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  if (descriptor_ && ::ftruncate(descriptor_.get(), 0) == 0)
    (void)!::pwrite(descriptor_.get(), line.data(), line.size(), 0);
}

}  // namespace lmf::train
