// One agent without workers, for the tests: joins as its words say (backend=elastic host=... port=... id=... min=1
// max=2 rank=0 workers=1 role=default, other words are settings, fact.NAME are facts), prints its assignment and its
// log, and does what standard input says: done, restart WHY, fail STATUS WHY (after each further | one of the last
// lines), leave, stop (leave, with workers that save until the next line).
#include <cstdio>
#include <iostream>
#include <map>
#include <sstream>

#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "base/log.hpp"
#include "lmf/error.hpp"
#include "train/launch/agent/rendezvous.hpp"
#include "train/launch/store/asio.hpp"

using namespace lmf::train::launch;

namespace {

constexpr const char* kKinds[] = {"membership", "failed_elsewhere", "store_lost", "closed"};

void say(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

class Peer {
 public:
  Peer(asio::io_context& context, RendezvousOptions options, JoinOptions join)
      : input_(context, ::dup(STDIN_FILENO)), join_(std::move(join)), event_(context) {
    const bool elastic = options.backend == RendezvousOptions::Backend::elastic;
    rendezvous_ = elastic ? elastic_rendezvous(context, options) : fixed_rendezvous(context, options);
  }

  Task<void> run() {
    bool failed = false;
    try {
      while (!ended_) co_await attempt();
    } catch (const lmf::Error& error) {
      say(fmt::format("error {} | {}", error.what(), error.hint()));
      if (!leaving_) status_ = error.exit_status();
      failed = true;
    }
    if (failed && !leaving_) co_await rendezvous_->leave();
    ended_ = true;
    while (saving_) co_await event();
    input_.close();
    rendezvous_.reset();
  }

  Task<void> listen() {
    asio::streambuf buffer;
    while (!ended_ || saving_) {
      error_code error;
      co_await asio::async_read_until(input_, buffer, '\n', asio::redirect_error(asio::use_awaitable, error));
      if (error) break;
      std::istream lines(&buffer);
      std::getline(lines, command_);
      if (command_ == "leave" || command_ == "stop") {
        leaving_ = ended_ = saving_ = true;
        co_await rendezvous_->leave();
        status_ = 143;
        say("left");
        saving_ = command_ == "stop";
      } else {
        saving_ = false;
      }
      event_.cancel();
    }
  }

  int status() const { return status_; }

 private:
  Task<void> event() {
    error_code woken;
    event_.expires_at(Time::max());
    co_await event_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }

  Task<void> attempt() {
    auto outcome = co_await rendezvous_->join(join_);
    if (const auto* change = std::get_if<Change>(&outcome)) {
      over(*change);
      if (!leaving_) co_await rendezvous_->leave();
      co_return;
    }
    const auto& a = std::get<Assignment>(outcome);
    say(fmt::format("assigned attempt={} group={}/{} ranks={}+{}/{} role={}/{} master={}:{} id={} prefix={} job={}",
                    a.attempt, a.group_rank, a.group_world_size, a.first_rank, join_.workers, a.world_size,
                    a.role_first_rank, a.role_world_size, a.master_address, a.master_port, a.run_id, a.store_prefix,
                    a.job));
    std::optional<Change> change;
    rendezvous_->watch([&](Change told) {
      change = std::move(told);
      event_.cancel();
    });
    for (bool again = true; again;) {
      while (!change && command_.empty() && !ended_) co_await event();
      if (ended_) co_return;
      if (change) co_return co_await obey(*change);
      again = co_await follow(change);
    }
  }

  /// What standard input said; true when there is more to come for this attempt.
  Task<bool> follow(std::optional<Change>& change) {
    std::istringstream words(std::exchange(command_, {}));
    std::string word, why;
    words >> word;
    if (word == "done") {
      say("ending");
      change = co_await rendezvous_->finish();
      if (change) {
        co_await obey(*change);
      } else {
        ended_ = true;
      }
    } else if (word == "restart") {
      std::getline(words >> std::ws, why);
      const auto refused = co_await rendezvous_->request_restart(why);
      say(refused ? "refused " + *refused : "restarting");
      co_return refused.has_value();
    } else if (word == "fail") {
      words >> status_;
      std::getline(words >> std::ws, why, '|');
      std::vector<std::string> last_lines;
      for (std::string line; std::getline(words, line, '|');) last_lines.push_back(line);
      change = co_await rendezvous_->announce_failure(why, status_, last_lines);
      if (change) over(*change);
      co_await rendezvous_->close();
      ended_ = true;
    }
    co_return false;
  }

  Task<void> obey(Change change) {
    if (change.kind == Change::Kind::membership || change.kind == Change::Kind::failed_elsewhere) {
      say(fmt::format("change {} {}", kKinds[static_cast<int>(change.kind)], change.why));
      co_return;
    }
    over(change);
    co_await rendezvous_->leave();
  }

  void over(const Change& change) {
    say(fmt::format("change {} {}", kKinds[static_cast<int>(change.kind)], change.why));
    for (const std::string& line : change.last_lines) say("last line " + line);
    status_ = change.status.value_or(1);
    ended_ = true;
  }

  std::unique_ptr<Rendezvous> rendezvous_;
  asio::posix::stream_descriptor input_;
  JoinOptions join_;
  asio::steady_timer event_;
  std::string command_;
  bool ended_ = false, leaving_ = false, saving_ = false;
  int status_ = 0;
};

}  // namespace

int main(int count, char** words) {
  RendezvousOptions options;
  JoinOptions join;
  options.backend = RendezvousOptions::Backend::elastic;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i], name = word.substr(0, word.find('=')), value = word.substr(name.size() + 1);
    if (name == "backend")
      options.backend = value == "fixed" ? RendezvousOptions::Backend::fixed : options.backend;
    else if (name == "host")
      options.host = value;
    else if (name == "port")
      options.port = static_cast<std::uint16_t>(std::stoi(value));
    else if (name == "id")
      options.run_id = value;
    else if (name == "min")
      options.minimum_nodes = std::stoi(value);
    else if (name == "max")
      options.maximum_nodes = std::stoi(value);
    else if (name == "rank")
      options.node_rank = std::stoi(value);
    else if (name == "workers")
      join.workers = std::stoi(value);
    else if (name == "role")
      join.role = value;
    else if (name == "agent_store")
      options.agent_store = value != "0";
    else if (name == "identical")
      options.identical_workers = value == "1";
    else if (name.starts_with("fact."))
      options.facts[name.substr(5)] = value;
    else
      options.settings[name] = value;
  }
  lmf::log::set_sink([](lmf::log::Level, std::string_view text) { say(fmt::format("log {}", text)); },
                     lmf::log::Level::info);
  try {
    asio::io_context context;
    Peer peer(context, options, join);
    std::exception_ptr failure;
    const auto keep = [&](std::exception_ptr thrown) {
      if (thrown) failure = thrown;
    };
    asio::co_spawn(context, peer.listen(), keep);
    asio::co_spawn(context, peer.run(), keep);
    context.run();  // ends by itself, or the rendezvous has left something behind
    if (failure) std::rethrow_exception(failure);
    say(fmt::format("end {}", peer.status()));
    return peer.status();
  } catch (const std::exception& error) {
    say(fmt::format("error {}", error.what()));
    return 70;
  }
}
