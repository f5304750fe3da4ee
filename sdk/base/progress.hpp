#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace lmf {

/// One line on stderr that says how far a long job is: on a terminal a bar redrawn in place (with rate and remaining
/// time), elsewhere a plain line at most every ten seconds. Erases itself before other output: call hide() first.
class Progress {
 public:
  Progress(std::string what, std::int64_t total, std::int64_t start = 0);
  ~Progress();
  /// `note` follows the bar, for example "loss 1.234".
  void update(std::int64_t done, const std::string& note = {});
  void hide();
  void finish();

 private:
  void draw();
  std::string what_, note_;
  std::int64_t total_, start_, done_;
  std::chrono::steady_clock::time_point began_, drawn_;
  bool terminal_, visible_ = false;
};

}  // namespace lmf
