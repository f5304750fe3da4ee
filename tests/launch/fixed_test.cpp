// Static jobs: every node has its rank beforehand.
#include <doctest/doctest.h>

#include "launch/job.hpp"
#include "train/launch/rendezvous/torchrun_format.hpp"
#include "train/launch/store/store_server.hpp"

using namespace lmf::test;
namespace torchrun = lmf::train::launch::torchrun;

TEST_CASE("fixed: each node has the rank it was given, and the workers' store is node 0's") {
  const Job job({"backend=fixed", "min=2", "max=2"}, "127.0.0.1");
  auto b = job.start({"rank=1", "workers=2"});
  auto a = job.start({"rank=0"});
  const std::string first = a->line("assigned"), second = b->line("assigned");
  CHECK_HAS(first, "attempt=0 group=0/2 ranks=0+1/3 role=0/3 master=127.0.0.1:");
  CHECK_HAS(second, "attempt=0 group=1/2 ranks=1+2/3 role=1/3 master=127.0.0.1:");
  b->tell("restart once");
  CHECK_HAS(a->line("change failed_elsewhere"), "node 1 (host ");
  const std::string again = a->line("assigned"), again_b = b->line("assigned");
  CHECK_HAS(again, "attempt=1 group=0/2");
  CHECK_HAS(again_b, "attempt=1 group=1/2");
  CHECK(master_of(again) == master_of(again_b));
  CHECK(master_of(again) != master_of(first));
  a->tell("done");
  b->tell("done");
  CHECK(a->status() == 0);
  CHECK(b->status() == 0);
}

TEST_CASE("fixed: where a worker hosts the workers' store, it has a port of its own") {
  const Job job({"backend=fixed", "min=2", "max=2", "agent_store=0"}, "127.0.0.1");
  auto a = job.start({"rank=0"}), b = job.start({"rank=1"});
  for (int attempt = 0; attempt < 2; ++attempt) {
    const std::string first = a->line("assigned");
    CHECK(master_of(first) == master_of(b->line("assigned")));
    boost::asio::io_context context;
    // As rank 0's worker would.
    const lmf::train::launch::StoreServer workers_own(context, "", master_port_of(first));
    if (attempt == 0) b->tell("restart once");
  }
  a->tell("done");
  b->tell("done");
  CHECK(a->status() == 0);
  CHECK(b->status() == 0);
  const Job both({"backend=fixed", "min=2", "max=2"}, "127.0.0.1");
  auto c = both.start({"rank=0"}), d = both.start({"rank=1", "agent_store=0"});
  CHECK(c->status() == 2);
  CHECK(d->status() == 2);
  CHECK_HAS(c->seen() + d->seen(), "the TORCH_DISABLE_SHARE_RDZV_TCP_STORE of node ");
}

TEST_CASE("fixed: a failure, a good-bye and a loss end all nodes") {
  for (const int failing : {0, 1}) {
    const Job job({"backend=fixed", "min=2", "max=2", "keep_alive_interval=1", "keep_alive_max_attempt=2"});
    std::unique_ptr<Program> peers[] = {job.start({"rank=0"}), job.start({"rank=1"})};
    for (auto& peer : peers) peer->line("assigned");
    auto& other = peers[1 - failing];
    SUBCASE("failure") {
      peers[failing]->tell("fail 9 a worker failed");
      CHECK_HAS(other->line("change closed"), fmt::format("node {} (host ", failing));
      CHECK(other->status() == 9);
    }
    SUBCASE("good-bye") {
      peers[failing]->tell("leave");
      CHECK_HAS(other->line("change closed"), "was told to stop");
      CHECK(other->status() == 1);
    }
    SUBCASE("loss") {
      peers[failing]->signal(SIGKILL);
      CHECK_HAS(other->line("change"), "is lost");
      CHECK(other->status() == 1);
    }
  }
}

TEST_CASE("fixed: nodes that were told of different numbers of nodes do not begin") {
  for (const int first : {2, 3}) {
    CAPTURE(first);
    const Job job({"backend=fixed", "min=2", "timeout=60"});
    auto a = job.start({"rank=0", fmt::format("max={}", first)});
    job.until_nodes(1);
    auto b = job.start({"rank=1", fmt::format("max={}", 5 - first)});
    for (auto* peer : {a.get(), b.get()}) CHECK(peer->status() == 2);
    for (auto* peer : {a.get(), b.get()}) CHECK_HAS(peer->seen(), "NNODES of node");
    for (auto* peer : {a.get(), b.get()}) CHECK_FALSE(has(peer->seen(), "assigned"));
  }
}

TEST_CASE("fixed: equal ranks are told, and missing nodes named") {
  const Job job({"backend=fixed", "min=3", "max=3", "timeout=60"});
  auto a = job.start({"rank=0"});
  auto b = job.start({"rank=1"});
  job.until_nodes(2);
  auto again = job.start({"rank=1"});
  int clashes = 0;
  const auto clash = [&](Program& peer) { return has(peer.line("error"), "two nodes have the rank 1"); };
  clashes += clash(*again);
  CHECK(clashes == 1);
  CHECK(again->status() == 2);
  auto zero = job.start({"rank=0"});
  CHECK_HAS(zero->line("error"),
            fmt::format("(process {}) | if that is this job's node 0, this one needs a number of its own (NODE_RANK",
                        a->process()));
  CHECK(zero->status() == 1);
  auto two = job.start({"rank=2"});  // the job is none the worse for them
  for (auto* peer : {a.get(), b.get(), two.get()}) CHECK_HAS(peer->line("assigned"), "/3 ");
  for (auto* peer : {a.get(), b.get(), two.get()}) peer->tell("done");
  for (auto* peer : {a.get(), b.get(), two.get()}) CHECK(peer->status() == 0);
  const Job hurried({"backend=fixed", "min=3", "max=3", "timeout=1"});
  auto c = hurried.start({"rank=0"});
  auto d = hurried.start({"rank=2"});
  CHECK_HAS(c->line("error"), "after 1 s: joined: node 0 (host ");
  CHECK_HAS(c->seen(), "missing: node 1");
  CHECK(c->status() == 1);
  const Job alone({"backend=fixed", "min=2", "max=2", "timeout=1"});
  auto e = alone.start({"rank=1"});
  CHECK_HAS(e->line("error"), "no store answers at localhost:");
  CHECK(e->status() == 1);
}

TEST_CASE("fixed: a node that has waited long for the store has no wrong clock") {
  const Job job({"backend=fixed", "min=2", "max=2"}, "127.0.0.1");
  auto b = job.start({"rank=1"});
  b->line("log waiting: no store answers");  // longer than clocks may differ
  auto a = job.start({"rank=0"});
  for (auto* peer : {a.get(), b.get()}) peer->line("assigned");
  b->tell("restart so that they look at each other again");
  for (auto* peer : {a.get(), b.get()}) CHECK_HAS(peer->line("assigned"), "attempt=1");
  for (auto* peer : {a.get(), b.get()}) peer->tell("done");
  for (auto* peer : {a.get(), b.get()}) CHECK(peer->status() == 0);
  for (auto* peer : {a.get(), b.get()}) CHECK_FALSE(has(peer->seen(), "the clock of"));
}

TEST_CASE("fixed: a node 0 that others may not find at its address is warned") {
  const Job elsewhere({"backend=fixed", "min=2", "max=2", "timeout=1"}, "192.0.2.1");
  CHECK_HAS(elsewhere.start({"rank=0"})->line("log"), "192.0.2.1 is no address of this machine, but this is node 0");
}

TEST_CASE("an address that there is not ends the wait before the others would come") {
  for (const auto& backend : {"backend=fixed", "backend=elastic"}) {
    const Job job({backend, "min=2", "max=2", "name_timeout=1"}, "no..such");
    for (const char* rank : {"rank=0", "rank=1"}) {
      auto node = job.start({rank});
      CHECK_HAS(node->line("error"), "the name no..such has no address: Name or service not known");
      CHECK_HAS(node->seen(), "check the spelling (MASTER_ADDR, --rdzv-endpoint)");
      CHECK(node->status() == 1);
    }
  }
}

TEST_CASE("fixed: nodes whose workers are identical by decree need no exchange, and are checked where they can be") {
  const Job job({"backend=fixed", "min=3", "max=3", "identical=1", "workers=2"}, "127.0.0.1");
  std::unique_ptr<Program> nodes[] = {job.start({"rank=0"}), job.start({"rank=1"}), job.start({"rank=2"})};
  CHECK_HAS(nodes[0]->line("assigned"), "group=0/3 ranks=0+2/6 role=0/6");
  CHECK_HAS(nodes[1]->line("assigned"), "group=1/3 ranks=2+2/6 role=2/6");
  CHECK_HAS(nodes[2]->line("assigned"), "group=2/3 ranks=4+2/6 role=4/6");
  nodes[1]->tell("restart once");  // so they know each other
  for (auto& node : nodes) CHECK_HAS(node->line("assigned"), "attempt=1");
  for (auto& node : nodes) node->tell("done");
  for (auto& node : nodes) CHECK(node->status() == 0);

  const Job odd({"backend=fixed", "min=2", "max=2", "identical=1"}, "127.0.0.1");
  auto a = odd.start({"rank=0"}), b = odd.start({"rank=1", "workers=2"});
  CHECK(a->status() == 2);
  CHECK(b->status() == 2);
  CHECK_HAS(a->seen() + b->seen(), "the TORCH_ELASTIC_WORKER_IDENTICAL of node ");
}

TEST_CASE("fixed: an identical node that left and came again counts once") {
  const Job job({"backend=fixed", "min=3", "max=3", "identical=1"}, "127.0.0.1");
  auto a = job.start({"rank=0"});
  auto leaving = job.start({"rank=1"});
  job.until_nodes(2);
  job.until_all_have_read();
  leaving->tell("leave");
  CHECK(leaving->status() == 143);
  job.until_nodes(1);
  auto again = job.start({"rank=1"});
  job.until_nodes(2);
  job.until_all_have_read();  // and nobody took the two for three
  auto c = job.start({"rank=2"});
  for (auto* peer : {a.get(), again.get(), c.get()}) CHECK_HAS(peer->line("assigned"), "attempt=0");
  again->tell("restart once");
  for (auto* peer : {a.get(), again.get(), c.get()}) CHECK_HAS(peer->line("assigned"), "attempt=1");
  for (auto* peer : {a.get(), again.get(), c.get()}) CHECK_FALSE(has(peer->seen(), "run by torchrun"));
  for (auto* peer : {a.get(), again.get(), c.get()}) peer->tell("done");
  for (auto* peer : {a.get(), again.get(), c.get()}) CHECK(peer->status() == 0);
}

TEST_CASE("fixed: a node that left or died while it waited is waited for again, and may come back") {
  const Job job({"backend=fixed", "min=3", "max=3", "keep_alive_interval=1", "keep_alive_max_attempt=2"});
  auto a = job.start({"rank=0"});
  auto waiting = job.start({"rank=1"});
  job.until_key(torchrun::role_info_key("job", 1));
  job.until_nodes(2);
  SUBCASE("left") {
    waiting->tell("leave");
    CHECK(waiting->status() == 143);
  }
  SUBCASE("died") { waiting->signal(SIGKILL); }
  // A job that is complete before the dead one is missed starts, and ends when it is.
  job.until_nodes(1);
  auto c = job.start({"rank=2"});
  auto again = job.start({"rank=1"});
  for (auto* peer : {a.get(), again.get(), c.get()}) CHECK_HAS(peer->line("assigned"), "attempt=0");
  for (auto* peer : {a.get(), again.get(), c.get()}) peer->tell("done");
  for (auto* peer : {a.get(), again.get(), c.get()}) CHECK(peer->status() == 0);
}
