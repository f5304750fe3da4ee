#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

#include "lmf/error.hpp"
#include "train/worker/world.hpp"

namespace lmf::train {

/// The ranks that train together, joined through c10d. Every call that says "all ranks" has to be made by all of them
/// in the same order. A process that is alone has one too, whose calls come back at once.
///
/// When a rank fails or dies, the others must not only stop but say why: each leaves its last words in the store, and
/// the error of one that was merely waiting names the rank that was the cause, or that was never heard of again.
class ProcessGroup {
 public:
  /// Waits until all ranks are there. `timeout`: how long a rank waits for the others, here and in every later call.
  /// Throws Error that says who is missing.
  static std::unique_ptr<ProcessGroup> join(const World& world, torch::Device device, std::chrono::seconds timeout);
  static ProcessGroup& alone();
  ~ProcessGroup();
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;

  const World& world() const { return world_; }
  int size() const { return world_.size; }
  bool leads() const { return world_.leads(); }
  const std::string& name_of(int rank) const {
    return names_.at(static_cast<std::size_t>(rank));
  }  ///< "node1 (pid 4242)"
  /// Null when alone.
  const c10::intrusive_ptr<c10d::ProcessGroup>& c10d() const { return group_; }

  /// What every rank gave, by rank; all ranks give as many.
  std::vector<std::vector<double>> gather(const std::vector<double>& values);
  std::vector<std::string> gather_text(const std::string& text);
  /// Work of all ranks of a node, on its first one before the others: these wait however long it takes, as long as the
  /// first one calls alive() in it now and then.
  void first_then_others(const std::string& what, const std::function<void(bool first)>& work);
  void alive();
  /// Work of all ranks that takes each its own time: who is through waits for the others however long they need, as
  /// long as these call `signal` in it now and then. That tells of the signal which `own` has, or any other rank's
  /// `own`: the work is to end then. Returns it, or 0, the same on all ranks.
  int at_own_pace(const std::string& what, const std::function<int()>& own,
                  const std::function<void(const std::function<int()>& signal)>& work);

  /// Tells the others where this rank is, "step 12": what they name when they wait in vain.
  void enter(const std::string& phase);
  /// Runs `work`, in which this rank waits for others, and turns what breaks their connection into an Error that says
  /// who.
  template <class Work>
  auto waiting(const Work& work) {
    const auto began = Clock::now();
    try {
      return work();
    } catch (const Error&) {
      throw;
    } catch (const std::runtime_error& problem) {  // gloo's
      throw_if_several(problem, began);
      throw;
    } catch (const c10::DistError& problem) {
      throw_if_several(problem, began);
      throw;
    }
  }
  /// Leaves last words for the others: this rank stops for a reason of its own.
  void stop_because(const std::string& reason) noexcept;
  /// Waits for all ranks, then leaves: none of them needs another any more. Without it (an error is under way) the
  /// connections end with the process.
  void leave();

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kPoll{10};

  ProcessGroup(const World& world, std::chrono::milliseconds timeout) : world_(world), timeout_(timeout) {}
  void open_store();
  void meet();
  void connect(torch::Device device);
  void wait_for_first(const std::string& key);
  void wait_for_paces(const std::string& name, const std::function<int()>& meanwhile);
  bool has_ended(int rank);  ///< by an error
  bool some_has_ended();
  std::vector<std::string> read_all(const std::string& kind, std::chrono::milliseconds patience) noexcept;
  void throw_if_several(const std::exception& problem, Clock::time_point began);
  Error lost(const std::string& problem, double seconds);
  static std::vector<std::uint8_t> bytes(const std::string& text) { return {text.begin(), text.end()}; }
  static double seconds_since(Clock::time_point began) {
    return std::chrono::duration<double>(Clock::now() - began).count();
  }
  std::string key(const std::string& kind) const { return kind + "/" + std::to_string(world_.rank); }

  World world_;
  std::chrono::milliseconds timeout_{0};
  c10::intrusive_ptr<c10d::Store> store_;
  c10::intrusive_ptr<c10d::ProcessGroup> group_;
  std::vector<std::string> names_;  // of the processes, by rank
  std::string phase_, alive_key_;
  Clock::time_point alive_at_;
  int gathered_ = 0, paces_ = 0;
};

}  // namespace lmf::train
