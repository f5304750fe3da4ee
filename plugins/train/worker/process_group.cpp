#include "train/worker/process_group.hpp"

#include <algorithm>
#include <csignal>
#include <numeric>
#include <thread>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "base/log.hpp"
#include "train/shared/job.hpp"
#include "train/worker/backend.hpp"

namespace lmf::train {
namespace {

using Milliseconds = std::chrono::milliseconds;

constexpr std::chrono::hours kLongest{24 * 365};  // beyond, milliseconds would overflow somewhere below
constexpr std::chrono::seconds kSayWhoIsMissing{5};
constexpr Milliseconds kLastWords{3000};  // for the others to notice a loss too

constexpr const char* kPhase = "phase";

std::string string_of(const std::vector<std::uint8_t>& value) { return {value.begin(), value.end()}; }

/// "Connection closed by peer [127.0.0.1]:42" of "[pair.cc:544] Connection closed by peer [127.0.0.1]:42. Check the
/// logs": the first sentence of the first line, without gloo's source line in front.
std::string sentence(const std::string& what) {
  std::string line = what.substr(0, what.find('\n'));
  const std::size_t place = line.starts_with('[') ? line.find("] ") : std::string::npos;
  if (place != std::string::npos) line.erase(0, place + 2);
  return line.substr(0, line.find(". "));
}

std::string rank_list(const std::vector<int>& ranks) {
  return fmt::format("rank{} {}", ranks.size() == 1 ? "" : "s", fmt::join(ranks, ", "));
}

}  // namespace

ProcessGroup& ProcessGroup::alone() {
  static ProcessGroup group({}, Milliseconds(0));
  return group;
}

std::unique_ptr<ProcessGroup> ProcessGroup::join(const World& world, torch::Device device,
                                                 std::chrono::seconds timeout) {
  std::unique_ptr<ProcessGroup> group(new ProcessGroup(world, std::min<Milliseconds>(timeout, kLongest)));
  if (world.alone()) return group;
  // Rank 0's store answers ranks that may be gone by then: that is an error there, and not to be this process's end.
  std::signal(SIGPIPE, SIG_IGN);
  group->open_store();
  group->meet();
  group->connect(device);
  return group;
}

ProcessGroup::~ProcessGroup() {
  // Not left: an error is under way, and collectives that wait for others may be too. gloo's destructor would wait for
  // them; the end of the process does not.
  group_.release();
  store_.release();
}

void ProcessGroup::open_store() {
  c10d::TCPStoreOptions options;
  options.port = world_.master_port;
  options.isServer = world_.leads() && !world_.agent_store;
  options.waitWorkers = false;
  options.timeout = timeout_;
  try {
    auto store = c10::make_intrusive<c10d::TCPStore>(world_.master_address, options);
    store_ = c10::make_intrusive<c10d::PrefixStore>(world_.store_prefix, std::move(store));
  } catch (const c10::Error& problem) {
    throw Error(
        fmt::format("rank {} cannot {} the store at {}:{}: {}", world_.rank, options.isServer ? "open" : "reach",
                    world_.master_address, world_.master_port, sentence(problem.what_without_backtrace())),
        options.isServer
            ? "is another job on this MASTER_PORT? choose a free one"
            : "does rank 0 run, are MASTER_ADDR and MASTER_PORT the same for all ranks, and does no firewall "
              "stand between?");
  }
}

/// A rank that never comes is named here, not by the time-out of whatever collective is the first.
void ProcessGroup::meet() {
  const auto began = Clock::now();
  std::vector<int> missing(static_cast<std::size_t>(world_.size));
  std::iota(missing.begin(), missing.end(), 0);
  bool stopped = false;
  try {
    store_->set(key(kJoinedKey), bytes(process_name()));
    for (bool said = false;; std::this_thread::sleep_for(kPoll)) {
      std::erase_if(missing, [&](int rank) { return store_->check({fmt::format("{}/{}", kJoinedKey, rank)}); });
      stopped = some_has_ended();  // before it came here
      if (stopped || missing.empty() || Clock::now() - began > timeout_) break;
      if (said || Clock::now() - began < kSayWhoIsMissing) continue;
      log::info("waiting for {} of {}", rank_list(missing), world_.size);
      said = true;
    }
  } catch (const c10::DistError& problem) {
    throw Error(fmt::format("rank {} waited {:.1f} s for {}, then the store at {}:{} was gone: {}", world_.rank,
                            seconds_since(began), rank_list(missing), world_.master_address, world_.master_port,
                            sentence(problem.what_without_backtrace())),
                "look at the output of the rank or launcher that hosts it");
  }
  names_ = read_all(kJoinedKey, Milliseconds(0));
  names_.resize(static_cast<std::size_t>(world_.size), "unknown");
  phase_ = "meeting";
  if (stopped) throw lost("one of them stopped", seconds_since(began));
  if (!missing.empty()) {
    throw Error(fmt::format("rank {} waited {:.1f} s at {}:{} for {}, which never came", world_.rank,
                            seconds_since(began), world_.master_address, world_.master_port, rank_list(missing)),
                "look at their output; ddp_timeout is how long a rank waits");
  }
}

void ProcessGroup::connect(torch::Device device) {
  enter("connecting");
  waiting([&] {
    try {
      group_ = c10::make_intrusive<c10d::ProcessGroup>(store_, world_.rank, world_.size);
      const auto part = [&](const char* name) { return c10::make_intrusive<c10d::PrefixStore>(name, store_); };
      group_->setBackend(c10::kCPU, c10d::ProcessGroup::GLOO, gloo_backend(part("cpu"), world_, timeout_));
      group_->setDefaultBackend(c10d::ProcessGroup::GLOO);
      if (device.is_cuda())
        group_->setBackend(c10::kCUDA, c10d::ProcessGroup::NCCL, nccl_backend(part("cuda"), world_, timeout_));
    } catch (const c10::Error& problem) {  // gloo's in libtorch's words, when another is lost meanwhile
      throw std::runtime_error(problem.what_without_backtrace());
    }
  });
}

std::vector<std::vector<double>> ProcessGroup::gather(const std::vector<double>& values) {
  if (world_.alone()) return {values};
  std::vector<at::Tensor> mine{torch::tensor(values, torch::kFloat64)};
  std::vector<std::vector<at::Tensor>> all(1);
  for (int rank = 0; rank < world_.size; ++rank) all[0].push_back(torch::empty_like(mine[0]));
  waiting([&] { group_->allgather(all, mine)->wait(); });
  std::vector<std::vector<double>> result;
  for (const at::Tensor& of : all[0]) result.emplace_back(of.data_ptr<double>(), of.data_ptr<double>() + of.numel());
  return result;
}

std::vector<std::string> ProcessGroup::gather_text(const std::string& text) {
  if (world_.alone()) return {text};
  const std::string kind = fmt::format("gathered{}", gathered_++);
  std::vector<std::string> all;
  waiting([&] {
    store_->set(key(kind), bytes(text));
    for (int rank = 0; rank < world_.size; ++rank)
      all.push_back(string_of(store_->get(fmt::format("{}/{}", kind, rank))));
  });
  return all;
}

void ProcessGroup::enter(const std::string& phase) {
  if (world_.alone()) return;
  phase_ = phase;
  waiting([&] { store_->set(key(kPhase), bytes(phase)); });
}

void ProcessGroup::stop_because(const std::string& reason) noexcept {
  if (world_.alone() || !store_) return;
  try {
    store_->set(key(kEndKey), bytes(reason));
    store_->set(kSomeEndKey, bytes("set"));
  } catch (const std::exception&) {  // the store is gone, and so is who would have read it
  }
}

bool ProcessGroup::has_ended(int rank) { return store_->check({fmt::format("{}/{}", kEndKey, rank)}); }
bool ProcessGroup::some_has_ended() { return store_->check({kSomeEndKey}); }

void ProcessGroup::leave() {
  if (world_.alone()) return;
  enter("the end");
  gather({0.0});
  group_.reset();
  store_.reset();
}

/// What each rank wrote under `kind`, "" where it wrote nothing within `patience`; nothing at all when the store is
/// gone.
std::vector<std::string> ProcessGroup::read_all(const std::string& kind, Milliseconds patience) noexcept {
  std::vector<std::string> words;
  const auto deadline = Clock::now() + patience;
  try {
    for (int rank = 0; rank < world_.size; ++rank) {
      const std::string name = fmt::format("{}/{}", kind, rank);
      while (!store_->check({name}) && Clock::now() < deadline) std::this_thread::sleep_for(kPoll);
      words.push_back(store_->check({name}) ? string_of(store_->get(name)) : "");
    }
    return words;
  } catch (const std::exception&) {
    return {};
  }
}

void ProcessGroup::throw_if_several(const std::exception& problem, Clock::time_point began) {
  if (!world_.alone()) throw lost(sentence(problem.what()), seconds_since(began));
}

/// Who is to blame for `problem`: the rank that stopped for a reason of its own, else those that are silent.
Error ProcessGroup::lost(const std::string& problem, double seconds) {
  stop_because(kLostOthers);
  const auto ends = read_all(kEndKey, kLastWords), phases = read_all(kPhase, Milliseconds(0));
  std::string silent;
  for (std::size_t i = 0; i < std::min(ends.size(), phases.size()); ++i) {
    if (ends[i].empty())
      silent += fmt::format("; nothing more is heard of rank {}, {}, last in {}", i, names_.at(i), phases[i]);
    else if (ends[i] != kLostOthers)
      return Error(fmt::format("rank {}, {}, stopped: {}", i, names_.at(i), ends[i]));
  }
  if (ends.empty()) {
    silent = fmt::format("; the store at {}:{}, which {} hosted, is gone", world_.master_address, world_.master_port,
                         world_.agent_store ? "the launcher" : "rank 0, " + names_.at(0) + ",");
  }
  return Error(fmt::format("rank {} lost the others in {}, after waiting {:.1f} s: {}{}", world_.rank, phase_, seconds,
                           problem, silent),
               "look at that rank's output; the last checkpoint is whole, and the run goes on from it");
}

}  // namespace lmf::train
