#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "train/launch/agent/console.hpp"
#include "train/launch/agent/file_descriptor.hpp"

/// Where the workers' standard output and error go, as torchrun's options say it.
namespace lmf::train::launch {

enum class Stream { output = 1, error = 2 };

struct LogSettings {
  /// "0" none, "1" output, "2" error, "3" both, for every worker or, "0:3,1:2", by local rank.
  struct Streams {
    int all = 0;
    std::map<int, int> by_local_rank;
    bool has(int local_rank, Stream stream) const;
    bool any() const { return all != 0 || !by_local_rank.empty(); }
  };
  Streams redirects, tee;              ///< into files alone; into files and to the console, with a prefix
  std::optional<std::set<int>> shown;  ///< --local-ranks-filter: the console shows these alone
  std::vector<std::string> output_filters, error_filters;  ///< lines with one of these go to a file of all workers too
  std::string prefix = "[${role_name}${local_rank}]:";     ///< of a line on the console

  /// Throws Error(kExitUsage): `origin` is the option's name.
  static Streams parse_streams(const std::string& text, const std::string& origin);
};

/// One stream that the agent reads: passes it on to the console, verbatim, or, when it is teed, whole lines with a
/// prefix, and to a file; remembers its end for the report.
class CapturedStream {
 public:
  struct Destinations {
    Console* console = nullptr;      ///< null: not shown
    bool whole_lines = false;        ///< with `prefix`
    bool ends_with_console = false;  ///< when that fails, as if the worker wrote to it itself
    std::string prefix;
    FileDescriptor file;  ///< -1: none
    std::string file_name;
    std::shared_ptr<FileDescriptor> matching_lines;  ///< of all workers; null: none
    std::vector<std::string> filters;
  };
  CapturedStream(boost::asio::io_context& context, FileDescriptor end, Destinations destinations);
  ~CapturedStream();

  /// Takes what is there now: a worker's last words, although its descendants may still hold the stream open.
  void drain();
  /// The last lines that were written.
  std::vector<std::string> last_lines() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// What a worker wrote last.
struct LastLines {
  std::vector<std::string> lines;
  bool of_output = false;  ///< of standard output, as there is nothing on standard error
};

/// The files of one worker that is to be started, and what the agent keeps of them.
struct WorkerStreams {
  FileDescriptor output, error;  ///< what the worker gets as 1 and 2; -1: the agent's own
  std::unique_ptr<CapturedStream> captured_output, captured_error;
  std::string output_file, error_file;  ///< where it goes when only a file has it

  LastLines last_lines() const;
  void drain();
};

/// Opens everything for one worker. `folder`, attempt_N/LOCAL_RANK, is made when a file is wanted there.
class OutputPlan {
 public:
  OutputPlan(boost::asio::io_context& context, const LogSettings& settings, std::string attempt_folder,
             std::string role, Console& output, Console& error);
  WorkerStreams open(int local_rank, int rank);

 private:
  FileDescriptor open_stream(int local_rank, int rank, Stream stream, std::unique_ptr<CapturedStream>& captured,
                             std::string& file_name);
  std::shared_ptr<FileDescriptor> matching_lines_file(Stream stream);

  boost::asio::io_context& context_;
  const LogSettings& settings_;
  std::string attempt_folder_, role_;
  Console &output_, &error_;
  std::shared_ptr<FileDescriptor> matching_output_, matching_error_;
};

/// The last `most` lines of a text, without control characters.
std::vector<std::string> last_lines_of(std::string_view text, std::size_t most = 20);

}  // namespace lmf::train::launch
