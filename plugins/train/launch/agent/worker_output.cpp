#include "train/launch/agent/worker_output.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>

#include <fmt/format.h>

#include "base/files.hpp"
#include "train/launch/agent/words.hpp"

namespace lmf::train::launch {
namespace {

FileDescriptor create_file(const std::filesystem::path& path) {
  std::error_code ignored;
  std::filesystem::create_directories(path.parent_path(), ignored);
  // Appending: a descendant that reopens the file does not overwrite what is there.
  FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666));
  if (!file) throw file_error("write the workers' output to", path, errno);
  return file;
}

struct Pair {
  FileDescriptor ours, theirs;
};

Pair make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw file_error("make a pipe for", "a worker's output", errno);
  return {FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

/// A terminal of the worker's own, as wide as that one and without any conversion, so that programs which draw on a
/// terminal still do although the agent reads along. None where there is none to be had.
std::optional<Pair> make_terminal(int like) {
  Pair pair{FileDescriptor(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)), FileDescriptor()};
  char name[64];
  if (!pair.ours || ::grantpt(pair.ours.get()) != 0 || ::unlockpt(pair.ours.get()) != 0 ||
      ::ptsname_r(pair.ours.get(), name, sizeof name) != 0)
    return std::nullopt;
  pair.theirs = FileDescriptor(::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
  termios settings;
  if (!pair.theirs || ::tcgetattr(pair.theirs.get(), &settings) != 0) return std::nullopt;
  settings.c_oflag &= ~static_cast<tcflag_t>(OPOST);
  settings.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  ::tcsetattr(pair.theirs.get(), TCSANOW, &settings);
  winsize size;
  if (::ioctl(like, TIOCGWINSZ, &size) == 0) ::ioctl(pair.ours.get(), TIOCSWINSZ, &size);
  return pair;
}

/// The last lines of a stream, wherever it went.
std::vector<std::string> lines_of(const CapturedStream* captured, const std::string& file_name) {
  if (captured != nullptr) return captured->last_lines();
  if (file_name.empty()) return {};
  FileDescriptor file(::open(file_name.c_str(), O_RDONLY | O_CLOEXEC));
  std::string tail(16 * 1024, '\0');
  const off_t size = ::lseek(file.get(), 0, SEEK_END);
  const off_t begin = std::max<off_t>(0, size - static_cast<off_t>(tail.size()));
  const ssize_t count = ::pread(file.get(), tail.data(), tail.size(), begin);
  tail.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  return last_lines_of(tail);
}

[[noreturn]] void wrong_streams(const std::string& text, const std::string& origin) {
  throw Error(fmt::format("{} is '{}', expected 0 (none), 1 (output), 2 (error) or 3 (both), or one of them for each "
                          "local rank, such as 0:3,1:2",
                          origin, text),
              "", kExitUsage);
}

}  // namespace

bool LogSettings::Streams::has(int local_rank, Stream stream) const {
  const auto own = by_local_rank.find(local_rank);
  const int value = own != by_local_rank.end() ? own->second : by_local_rank.empty() ? all : 0;
  return (value & static_cast<int>(stream)) != 0;
}

LogSettings::Streams LogSettings::parse_streams(const std::string& text, const std::string& origin) {
  const auto bits = [&](std::string_view digit) {
    if (digit.size() != 1 || digit[0] < '0' || digit[0] > '3') wrong_streams(text, origin);
    return digit[0] - '0';
  };
  Streams result;
  if (text.find(':') == std::string::npos) {
    result.all = bits(text);
    return result;
  }
  for (const std::string& part : split(text, ',')) {
    const std::size_t colon = part.find(':');
    int local_rank = -1;
    if (colon == std::string::npos || !parse_whole(std::string_view(part).substr(0, colon), local_rank) ||
        local_rank < 0)
      wrong_streams(text, origin);
    result.by_local_rank[local_rank] = bits(std::string_view(part).substr(colon + 1));
  }
  return result;
}

LastLines WorkerStreams::last_lines() const {
  const auto blank = [](const std::string& line) { return line.find_first_not_of(" \t") == std::string::npos; };
  LastLines last{lines_of(captured_error.get(), error_file), false};
  if (!std::all_of(last.lines.begin(), last.lines.end(), blank)) return last;
  last.lines = lines_of(captured_output.get(), output_file);
  last.of_output = true;
  if (std::all_of(last.lines.begin(), last.lines.end(), blank)) return {};
  return last;
}

void WorkerStreams::drain() {
  for (auto* captured : {captured_output.get(), captured_error.get()})
    if (captured != nullptr) captured->drain();
}

OutputPlan::OutputPlan(boost::asio::io_context& context, const LogSettings& settings, std::string attempt_folder,
                       std::string role, Console& output, Console& error)
    : context_(context),
      settings_(settings),
      attempt_folder_(std::move(attempt_folder)),
      role_(std::move(role)),
      output_(output),
      error_(error) {}

WorkerStreams OutputPlan::open(int local_rank, int rank) {
  WorkerStreams streams;
  streams.output = open_stream(local_rank, rank, Stream::output, streams.captured_output, streams.output_file);
  streams.error = open_stream(local_rank, rank, Stream::error, streams.captured_error, streams.error_file);
  return streams;
}

FileDescriptor OutputPlan::open_stream(int local_rank, int rank, Stream stream,
                                       std::unique_ptr<CapturedStream>& captured, std::string& file_name) {
  const bool is_error = stream == Stream::error;
  const bool shown = !settings_.shown || settings_.shown->contains(local_rank);
  const bool teed = settings_.tee.has(local_rank, stream);
  FileDescriptor file;
  if (teed || settings_.redirects.has(local_rank, stream)) {
    file_name = fmt::format("{}/{}/{}", attempt_folder_, local_rank, is_error ? "stderr.log" : "stdout.log");
    file = create_file(file_name);
    if (!teed) return file;
  }
  Console& console = is_error ? error_ : output_;
  // Both are read along: a failure is explained by what was written last. Not where the agent could be held up by it.
  if (!is_error && !teed && shown && !console.never_waits()) return FileDescriptor();
  std::optional<Pair> pair;
  const int ours = is_error ? STDERR_FILENO : STDOUT_FILENO;
  if (!teed && shown && ::isatty(ours) == 1) pair = make_terminal(ours);
  if (!pair) pair = make_pipe();
  CapturedStream::Destinations to;
  to.console = shown ? &console : nullptr;
  to.whole_lines = teed;
  to.ends_with_console = shown && !is_error && !teed;
  to.prefix =
      substitute(settings_.prefix,
                 {{"role_name", role_}, {"rank", std::to_string(rank)}, {"local_rank", std::to_string(local_rank)}});
  to.file = std::move(file);
  to.file_name = file_name;
  to.filters = is_error ? settings_.error_filters : settings_.output_filters;
  if (teed && !to.filters.empty()) to.matching_lines = matching_lines_file(stream);
  captured = std::make_unique<CapturedStream>(context_, std::move(pair->ours), std::move(to));
  return std::move(pair->theirs);
}

std::shared_ptr<FileDescriptor> OutputPlan::matching_lines_file(Stream stream) {
  auto& file = stream == Stream::error ? matching_error_ : matching_output_;
  if (!file)
    file = std::make_shared<FileDescriptor>(create_file(fmt::format(
        "{}/{}", attempt_folder_, stream == Stream::error ? "filtered_stderr.log" : "filtered_stdout.log")));
  return file;
}

}  // namespace lmf::train::launch
