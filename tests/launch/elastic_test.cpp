// Elastic jobs: who takes part, attempt by attempt.
#include <doctest/doctest.h>

#include "launch/job.hpp"

using namespace lmf::test;

namespace {

std::string job_of(const std::string& assigned) { return assigned.substr(assigned.rfind("job=")); }

}  // namespace

TEST_CASE("two nodes meet, and end together when both are done") {
  const Job job({"min=2", "max=2"});
  auto a = job.start();
  auto b = job.start({"workers=2"});
  const std::string first = a->line("assigned"), second = b->line("assigned");
  CHECK_HAS(first + second, "group=0/2");
  CHECK_HAS(first + second, "group=1/2");
  CHECK_HAS(first, "/3 ");
  CHECK(master_of(first) == master_of(second));
  CHECK_HAS(first, "master=localhost:");
  CHECK_HAS(first, "id=job prefix=attempt-0");
  a->tell("done");
  b->tell("done");
  CHECK(a->status() == 0);
  CHECK(b->status() == 0);
}

TEST_CASE("a restart takes all along, in the same order, with a new store") {
  const Job job({"min=2", "max=2"});
  auto a = job.start();
  auto b = job.start();
  const std::string first = a->line("assigned"), second = b->line("assigned");
  b->tell("restart a worker failed with status 3");
  const std::string change = a->line("change");
  CHECK_HAS(change, "change failed_elsewhere node ");
  CHECK_HAS(change, "a worker failed with status 3");
  const std::string again = a->line("assigned"), again_b = b->line("assigned");
  CHECK_HAS(again, "attempt=1 ");
  CHECK_HAS(again_b, "attempt=1 ");
  CHECK_HAS(again, "prefix=attempt-1");
  CHECK(master_of(again) == master_of(again_b));
  CHECK(master_of(again) != master_of(first));
  CHECK(has(first, "group=0/2") == has(again, "group=0/2"));
  a->tell("done");
  b->tell("done");
  CHECK(a->status() == 0);
  CHECK(b->status() == 0);
}

TEST_CASE("a restart takes those along who are done already") {
  const Job job({"min=2", "max=2"});
  auto a = job.start(), b = job.start();
  a->line("assigned");
  b->line("assigned");
  a->tell("done");
  b->tell("restart once more");
  CHECK_HAS(a->line("assigned"), "attempt=1");
  b->line("assigned");
  b->tell("done");
  a->tell("done");
  CHECK(a->status() == 0);
  CHECK(b->status() == 0);
}

TEST_CASE("the job grows when a node comes, and shrinks at once when it says good-bye") {
  const Job job({"min=1", "max=2", "last_call_timeout=0.2"});
  auto a = job.start();
  CHECK_HAS(a->line("assigned"), "group=0/1");
  auto b = job.start();
  CHECK_HAS(a->line("change membership"), "has come");
  CHECK_HAS(a->line("assigned"), "attempt=1 group=0/2");
  CHECK_HAS(b->line("assigned"), "attempt=1 group=1/2");
  b->tell("leave");
  CHECK(b->status() == 143);
  CHECK_HAS(a->line("change membership"), "was told to stop");
  CHECK_HAS(a->line("assigned"), "attempt=2 group=0/1");
  a->tell("done");
  CHECK(a->status() == 0);
}

TEST_CASE("a killed node is missed at once, a stopped one after its silence, and the job goes on without it") {
  std::string why, silence;
  int signal = 0;
  SUBCASE("killed") {
    signal = SIGKILL;
    silence = "keep_alive_interval=1000";
    why = "its connection has ended";
  }
  SUBCASE("stopped") {
    signal = SIGSTOP;
    silence = "keep_alive_interval=1";
    why = "not a sign of life for 2 s";
  }
  const Job job({"min=1", "max=3", "last_call_timeout=0.2", silence, "keep_alive_max_attempt=2"});
  auto a = job.start();
  a->line("assigned");
  auto b = job.start();
  CHECK_HAS(a->line("assigned"), "group=0/2");
  b->line("assigned");
  b->signal(signal);
  const std::string change = a->line("change failed_elsewhere");
  CHECK_HAS(change, "is lost: " + why);
  CHECK_HAS(change, fmt::format("process {}", b->process()));
  CHECK_HAS(a->line("assigned"), "group=0/1");
  a->tell("done");
  CHECK(a->status() == 0);
}

TEST_CASE("a node that was stopped for long finds itself out, and comes back as a newcomer") {
  const Job job({"min=1", "max=2", "last_call_timeout=0.2", "keep_alive_interval=1", "keep_alive_max_attempt=2"});
  auto a = job.start();
  a->line("assigned");
  auto b = job.start();
  b->line("assigned");
  a->line("assigned");
  b->signal(SIGSTOP);
  a->line("change failed_elsewhere");
  CHECK_HAS(a->line("assigned"), "group=0/1");
  b->signal(SIGCONT);
  CHECK_HAS(b->line("change membership"), "took this one for lost");
  CHECK_HAS(b->line("assigned"), "group=1/2");
  CHECK_HAS(a->line("assigned"), "group=0/2");
  a->tell("done");
  b->tell("done");
  CHECK(a->status() == 0);
  CHECK(b->status() == 0);
}

TEST_CASE("a new node takes a killed one's place; one too many waits, and ends well with the job") {
  const Job job({"min=2", "max=2", "keep_alive_interval=1", "keep_alive_max_attempt=2"});
  auto a = job.start();
  auto b = job.start();
  const std::string first = a->line("assigned");
  b->line("assigned");
  if (!has(first, "group=0/")) std::swap(a, b);  // the one killed must not be the store's host
  auto c = job.start();
  b->signal(SIGKILL);
  a->line("change failed_elsewhere");
  const std::string replacement = c->line("assigned");
  CHECK_HAS(replacement, "group=1/2");
  CHECK(job_of(replacement) == job_of(first));
  CHECK_HAS(a->line("assigned"), "group=0/2");
  auto d = job.start();
  a->tell("done");
  c->tell("done");
  CHECK(a->status() == 0);
  CHECK(c->status() == 0);
  // It may have come too late to hear of the end: then there is no store any more.
  const int spare = d->status();
  CHECK((spare == 0 || has(d->seen(), "no store answers") || has(d->seen(), "1 missing")));
}

TEST_CASE("nodes whose configurations differ do not start") {
  const Job job({"min=2", "max=2"});
  auto a = job.start({"fact.configuration=aa"});
  auto b = job.start({"fact.configuration=bb"});
  CHECK(a->status() == 2);
  CHECK(b->status() == 2);
  CHECK_HAS(a->seen() + b->seen(), "the configuration of a node (host ");
  // One that comes to a job that runs does not end it.
  const Job running({"min=1", "max=2"});
  auto c = running.start({"fact.configuration=aa", "last_call_timeout=0"});
  c->line("assigned");
  auto d = running.start({"fact.configuration=bb", "last_call_timeout=0"});
  CHECK_HAS(d->line("error"), "the configuration of ");
  CHECK(d->status() == 2);
  c->tell("done");
  CHECK(c->status() == 0);
}

TEST_CASE("many nodes meet, lose some, and meet again") {
  const Job job({"min=4", "max=8", "last_call_timeout=1", "keep_alive_interval=1", "keep_alive_max_attempt=3"});
  std::vector<std::unique_ptr<Program>> peers;
  for (int i = 0; i < 8; ++i) peers.push_back(job.start());
  std::vector<std::unique_ptr<Program>> others;
  for (auto& peer : peers) {
    const std::string assigned = peer->line("assigned");
    CHECK_HAS(assigned, "/8 ");
    if (!has(assigned, "group=0/")) others.push_back(std::move(peer));
  }
  REQUIRE(others.size() == 7);
  for (std::size_t i = 0; i < 3; ++i) others[i]->signal(i % 2 ? SIGKILL : SIGSTOP);
  for (std::size_t i = 3; i < 7; ++i) {
    std::string assigned;
    while (!has(assigned, "/5 ")) assigned = others[i]->line("assigned");
    CHECK_HAS(assigned, "group=");
  }
  for (auto& peer : peers)
    if (peer) peer->tell("done");
  for (std::size_t i = 3; i < 7; ++i) others[i]->tell("done");
  for (std::size_t i = 3; i < 7; ++i) CHECK(others[i]->status() == 0);
  for (auto& peer : peers)
    if (peer) CHECK(peer->status() == 0);
}
