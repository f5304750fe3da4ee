#include "train/launch/agent/idleness.hpp"

#include <unistd.h>

namespace lmf::train::launch {
namespace {

/// Bytes: what a thread that only looks around may say, or wake another with.
constexpr std::uint64_t kFewWords = 4096;

/// In clock ticks: one that may be due to when the kernel counts, and the hundredth.
std::uint64_t negligible(Clock::duration time) {
  const double seconds = std::chrono::duration<double>(time).count();
  return 1 + static_cast<std::uint64_t>(seconds * static_cast<double>(::sysconf(_SC_CLK_TCK)) / 100);
}

bool has_changed(std::uint64_t now, std::uint64_t before, std::uint64_t negligible) {
  return now < before || now > before + negligible;
}

}  // namespace

std::vector<pid_t> Idleness::look(const std::vector<pid_t>& sessions, Clock::time_point now) {
  const std::map<pid_t, Activity> all = activity_of(sessions);
  std::vector<pid_t> idle;
  for (const pid_t session : sessions) {
    const auto found = all.find(session);
    if (found == all.end()) continue;  // it has just ended, or there is no /proc
    const Activity& activity = found->second;
    Rest& rest = resting_.try_emplace(session, Rest{activity, now}).first->second;
    const bool busy = activity.waits_for_disk ||
                      has_changed(activity.used, rest.before.used, negligible(now - rest.since)) ||
                      has_changed(activity.written, rest.before.written, kFewWords);
    if (busy) rest = {activity, now};
    if (!busy && now - rest.since >= limit_) idle.push_back(session);
  }
  return idle;
}

}  // namespace lmf::train::launch
