#include "train/launch/agent/late_collective.hpp"

#include <algorithm>
#include <cctype>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "train/launch/agent/words.hpp"

namespace lmf::train::launch {
namespace {

constexpr std::string_view kGloo = "Timed out waiting ", kNccl = "Watchdog caught collective operation timeout";

/// What stands after `mark` up to one of `ends`; "" without the mark.
std::string_view after(std::string_view line, std::string_view mark, std::string_view ends) {
  const std::size_t place = line.find(mark);
  if (place == std::string_view::npos) return {};
  line.remove_prefix(place + mark.size());
  return line.substr(0, line.find_first_of(ends));
}

/// "60000" or "1500ms": milliseconds.
std::string seconds(std::string_view text) {
  long milliseconds = 0;
  if (text.ends_with("ms")) text.remove_suffix(2);
  return parse_whole(text, milliseconds) && milliseconds > 0
             ? fmt::format("{:g} s", static_cast<double>(milliseconds) / 1000)
             : "";
}

/// The collective of torch.distributed that Python was in: the innermost function of that file in the traceback.
std::string python_operation(const std::vector<std::string>& lines) {
  for (auto line = lines.rbegin(); line != lines.rend(); ++line)
    if (line->find("distributed_c10d.py\"") != std::string::npos) return std::string(after(*line, ", in ", " \t\r"));
  // DDP's are begun by the backward pass, which waits for them.
  const bool backward = std::any_of(lines.begin(), lines.end(), [](const std::string& line) {
    return line.find(", in _engine_run_backward") != std::string::npos;
  });
  return backward ? "the backward pass" : "";
}

}  // namespace

std::optional<LateCollective> late_collective(const std::vector<std::string>& lines) {
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    if (line->find(kNccl) != std::string::npos) {
      std::string operation(after(*line, "OpType=", ",)"));
      const std::string_view number = after(*line, "SeqNum=", ",)");
      if (!operation.empty() && !number.empty()) operation += fmt::format(" (number {})", number);
      return LateCollective{operation, seconds(after(*line, "Timeout(ms)=", ",)"))};
    }
    if (const std::string_view time = after(*line, kGloo, " "); time.ends_with("ms"))
      return LateCollective{python_operation(lines), seconds(time)};
  }
  return std::nullopt;
}

std::string explain_late(const LateCollective& late, const std::vector<int>& at_work, bool several_nodes) {
  std::string sentence = "it waited";
  if (!late.waited.empty()) sentence += " " + late.waited;
  if (!late.operation.empty()) sentence += " in " + late.operation;
  sentence += " for others in vain";
  if (!at_work.empty())
    sentence += fmt::format("; rank {} {} still at work: {} own last lines say where", ranks_text(at_work),
                            at_work.size() == 1 ? "was" : "were", at_work.size() == 1 ? "its" : "their");
  else
    sentence += several_nodes ? "; on this node none was still at work: look at the other nodes"
                              : "; all of them have ended: the first to do so says why";
  return sentence;
}

std::string ranks_text(std::vector<int> ranks) {
  std::sort(ranks.begin(), ranks.end());
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin < ranks.size();) {
    std::size_t end = begin;
    while (end + 1 < ranks.size() && ranks[end + 1] == ranks[end] + 1) ++end;
    parts.push_back(begin == end ? std::to_string(ranks[begin]) : fmt::format("{}-{}", ranks[begin], ranks[end]));
    begin = end + 1;
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace lmf::train::launch
