#pragma once

#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "launch/on_loop.hpp"
#include "launch/peers.hpp"
#include "support/free_port.hpp"
#include "train/launch/rendezvous/group_state.hpp"
#include "train/launch/store/store_client.hpp"

namespace lmf::test {

/// Agents of one job on this machine. Waits are long and end when what they wait for happens; the settings that make
/// things happen are short.
class Job {
 public:
  explicit Job(std::vector<std::string> words, const std::string& host = "localhost") : words_(std::move(words)) {
    words_.insert(words_.end(), {"host=" + host, fmt::format("port={}", port_), "id=job"});
  }
  std::unique_ptr<Program> start(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> command{std::string(LMF_BINARY_DIR) + "/tests/launch_rendezvous_peer"};
    command.insert(command.end(), words_.begin(), words_.end());
    command.insert(command.end(), more.begin(), more.end());
    return std::make_unique<Program>(command);
  }

  /// Waits until the job's store shows what is expected.
  void until(const std::function<bool(const launch::GroupState&)>& expected) const {
    watch([&](const launch::GroupState& state, const Beats&) { return expected(state); });
  }
  void until_nodes(std::size_t count) const {
    until([count](const launch::GroupState& state) { return state.nodes.size() == count; });
  }
  /// Waits until every node has read what the store shows now: each beats before it reads.
  void until_all_have_read(int more_beats = 2) const {
    Beats begin;
    watch([&](const launch::GroupState& state, const Beats& now) {
      if (begin.empty()) begin = now;
      for (const auto& node : state.nodes)
        if (now.at(node.id) < begin[node.id] + more_beats) return false;
      return true;
    });
  }
  /// Waits until torchrun's agents, too, could read the key.
  void until_key(const std::string& key) const {
    look([&](launch::StoreClient& store) -> Task<bool> {
      const auto value = co_await store.get(key);
      co_return value.has_value();
    });
  }

 private:
  using Beats = std::map<std::string, int>;

  void watch(const std::function<bool(const launch::GroupState&, const Beats&)>& expected) const {
    look([&](launch::StoreClient& store) -> Task<bool> {
      const auto text = co_await store.get("lmf/job/state");
      if (!text) co_return false;
      const launch::GroupState state = launch::read_state(*text);
      Beats beats;
      for (const launch::Node& node : state.nodes) {
        const auto beat = co_await store.get("lmf-present/job/" + node.id);
        beats[node.id] = beat ? std::atoi(beat->c_str()) : 0;  // or "gone"
      }
      co_return expected(state, beats);
    });
  }

  void look(const std::function<Task<bool>(launch::StoreClient&)>& found) const {
    on_loop([&](boost::asio::io_context& context) -> Task<void> {
      launch::StoreClient store(context.get_executor());
      co_await store.connect("localhost", port_, soon());
      boost::asio::steady_timer pause(context);
      for (;;) {
        const bool now = co_await found(store);
        if (now) co_return;
        pause.expires_after(std::chrono::milliseconds(10));
        co_await pause.async_wait(boost::asio::use_awaitable);
      }
    });
  }

  std::uint16_t port_ = free_port();
  std::vector<std::string> words_;
};

inline bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// "master=HOST:PORT" of what a peer was assigned.
inline std::string master_of(const std::string& assigned) {
  const auto begin = assigned.find("master=");
  return assigned.substr(begin, assigned.find(' ', begin) - begin);
}
inline std::uint16_t master_port_of(const std::string& assigned) {
  const std::string master = master_of(assigned);
  return static_cast<std::uint16_t>(std::stoi(master.substr(master.rfind(':') + 1)));
}

}  // namespace lmf::test

#define CHECK_HAS(text, part)                                        \
  do {                                                               \
    const std::string checked_text = text;                           \
    CHECK_MESSAGE(lmf::test::has(checked_text, part), checked_text); \
  } while (false)
