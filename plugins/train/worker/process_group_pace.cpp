// What ranks do each for a time of its own: the others wait without a bound, as long as it is heard to live.
#include <algorithm>
#include <thread>

#include <fmt/format.h>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "train/worker/process_group.hpp"

namespace lmf::train {
namespace {

constexpr std::chrono::milliseconds kSlowPoll{100};  // of all ranks, and perhaps for hours
constexpr std::chrono::seconds kAlive{1};

}  // namespace

void ProcessGroup::first_then_others(const std::string& what, const std::function<void(bool)>& work) {
  if (world_.alone()) return work(true);
  enter(what);
  const std::string done = fmt::format("{}/{}/done", what, world_.node);
  if (!world_.first_of_node()) {
    wait_for_first(done);
    return work(false);
  }
  alive_key_ = done + "/alive";
  work(true);  // what it throws becomes this rank's last words
  alive_key_.clear();
  store_->set(done, bytes("done"));
}

void ProcessGroup::alive() {
  if (alive_key_.empty() || Clock::now() - alive_at_ < kAlive) return;
  alive_at_ = Clock::now();
  store_->add(alive_key_, 1);
}

void ProcessGroup::wait_for_first(const std::string& key) {
  auto heard = Clock::now();
  std::int64_t beats = 0;
  while (!waiting([&] { return store_->check({key}); })) {
    const std::int64_t now = waiting([&] { return store_->add(key + "/alive", 0); });
    if (now != beats) heard = Clock::now();
    beats = now;
    const int first = world_.rank - world_.local_rank;
    if (Clock::now() - heard > timeout_ || has_ended(first)) {
      throw lost(fmt::format("rank {} of this node did not finish {}", first, phase_), seconds_since(heard));
    }
    std::this_thread::sleep_for(kPoll);
  }
}

int ProcessGroup::at_own_pace(const std::string& what, const std::function<int()>& own,
                              const std::function<void(const std::function<int()>& signal)>& work) {
  if (world_.alone()) {
    work(own);
    return own();
  }
  enter(what);
  const std::string name = fmt::format("pace{}", paces_++);
  int signal = 0;
  Clock::time_point asked;
  const auto tell_and_ask = [&] {
    const int here = signal == 0 ? own() : 0;
    if (here == 0 && Clock::now() - asked < kAlive) return signal;
    asked = Clock::now();
    waiting([&] {
      store_->add(fmt::format("{}/alive/{}", name, world_.rank), 1);
      if (here != 0) store_->set(name + "/signal", bytes(std::to_string(here)));
      if (!store_->check({name + "/signal"})) return;
      const auto told = store_->get(name + "/signal");
      signal = std::stoi(std::string(told.begin(), told.end()));
    });
    if (waiting([&] { return some_has_ended(); })) throw lost("one of them stopped", 0.0);
    return signal;
  };
  work(tell_and_ask);
  waiting([&] { store_->set(fmt::format("{}/done/{}", name, world_.rank), bytes("done")); });
  wait_for_paces(name, tell_and_ask);
  // A signal that came to one rank when all were through is told here: all ranks have to return the same.
  for (const auto& of_rank : gather({static_cast<double>(std::max(signal, own()))}))
    signal = std::max(signal, static_cast<int>(of_rank[0]));
  return signal;
}

void ProcessGroup::wait_for_paces(const std::string& name, const std::function<int()>& meanwhile) {
  struct Other {
    int rank;
    std::int64_t beats;
    Clock::time_point heard;
  };
  std::vector<Other> others;
  for (int rank = 0; rank < world_.size; ++rank) others.push_back({rank, 0, Clock::now()});
  const auto is_through = [&](Other& other) {
    if (store_->check({fmt::format("{}/done/{}", name, other.rank)})) return true;
    const std::int64_t beats = store_->add(fmt::format("{}/alive/{}", name, other.rank), 0);
    if (beats != other.beats) other.heard = Clock::now();
    other.beats = beats;
    if (Clock::now() - other.heard > timeout_)
      throw lost(fmt::format("rank {} is silent", other.rank), seconds_since(other.heard));
    return false;
  };
  while (true) {
    waiting([&] { std::erase_if(others, is_through); });
    if (others.empty()) return;
    meanwhile();
    std::this_thread::sleep_for(kSlowPoll);
  }
}

}  // namespace lmf::train
