// How an elastic job ends, and who has to be there for it: failures, the store's host, spares, patience.
#include <algorithm>

#include <doctest/doctest.h>

#include <fcntl.h>

#include "launch/job.hpp"

using namespace lmf::test;
using lmf::train::launch::GroupState;
using lmf::train::launch::Node;

TEST_CASE("a failed job fails on every node with the same status, whoever failed") {
  for (const int failing : {0, 1}) {
    const Job job({"min=2", "max=2"});
    std::unique_ptr<Program> peers[] = {job.start(), job.start()};
    for (auto& peer : peers) peer->line("assigned");
    peers[failing]->tell("fail 7 rank 1 ran out of memory|step 3|tried to take \x1b[31m5 GiB");
    CHECK_HAS(peers[1 - failing]->line("change closed"), "rank 1 ran out of memory");
    CHECK(peers[1 - failing]->line("last line") == "last line step 3");
    CHECK(peers[1 - failing]->line("last line") == "last line tried to take ?[31m5 GiB");
    CHECK(peers[1 - failing]->status() == 7);
    CHECK(peers[failing]->status() == 7);
  }
}

TEST_CASE("a failure reaches those who are done already") {
  const Job job({"min=2", "max=2"});
  auto a = job.start(), b = job.start();
  a->line("assigned");
  b->line("assigned");
  a->tell("done");
  b->tell("fail 5 too bad");
  CHECK(a->status() == 5);
  CHECK(b->status() == 5);
}

TEST_CASE("the store's host stays although it is done, so that the others hear of a failure long after") {
  for (const char* backend : {"fixed", "elastic"}) {
    CAPTURE(backend);
    // The barrier is for those whom nobody needs any more.
    const Job job({fmt::format("backend={}", backend), "min=3", "max=3", "exit_barrier_timeout=1"}, "127.0.0.1");
    auto host = job.start({"rank=0"});
    job.until_nodes(1);
    auto a = job.start({"rank=1"}), b = job.start({"rank=2"});
    for (auto* peer : {host.get(), a.get(), b.get()}) peer->line("assigned");
    host->tell("done");
    const std::string waits = host->line("log this node is done, and stays until the others are: ");
    CHECK_HAS(waits, fmt::format("process {})", a->process()));
    CHECK_HAS(waits, fmt::format("process {}) are still at work", b->process()));
    a->tell("fail 6 too bad");
    for (auto* peer : {host.get(), a.get(), b.get()}) CHECK(peer->status() == 6);
    CHECK_HAS(b->seen(), "too bad");
    CHECK_FALSE(has(host->seen(), "not waiting for them any longer"));
  }
}

TEST_CASE("who is done waits for the others as long as they work, or as long as it was told to") {
  const Job job({"min=2", "max=2"});
  auto host = job.start();
  job.until_nodes(1);
  auto other = job.start({"exit_barrier_timeout=0.5"});
  host->line("assigned");
  other->line("assigned");
  other->tell("done");
  CHECK_HAS(other->line("log not all nodes have ended"), "(exit_barrier_timeout)");
  CHECK(other->status() == 0);
  host->tell("done");
  CHECK(host->status() == 0);
}

TEST_CASE("who is done when the store's host is lost at work has failed with the job") {
  const Job job({"min=2", "max=2"});
  auto host = job.start();
  job.until_nodes(1);
  auto other = job.start();
  host->line("assigned");
  other->line("assigned");
  other->tell("done");
  job.until([](const GroupState& state) {
    return std::any_of(state.nodes.begin(), state.nodes.end(), [](const Node& n) { return n.done; });
  });
  host->signal(SIGKILL);
  CHECK_HAS(other->line("change store_lost"), "is lost: it has closed the connection");
  CHECK(other->status() == 1);
}

TEST_CASE("a spare hears that it was not needed") {
  const Job job({"min=1", "max=1"});
  auto a = job.start();
  a->line("assigned");
  auto spare = job.start({"join_timeout=0.2"});  // its patience is for a start, not for others' work
  job.until_nodes(2);
  job.until_all_have_read(5);  // longer than its patience
  a->tell("done");
  CHECK_HAS(spare->line("change closed"), "this spare node was not needed");
  CHECK(spare->status() == 0);
  CHECK(a->status() == 0);
}

TEST_CASE("the store's host killed or stopped ends the others with a sentence") {
  const Job job({"min=2", "max=2", "read_timeout=2"});
  auto a = job.start();
  // Only the first one hosts; the other must have found the port taken.
  auto b = job.start();
  const std::string first = a->line("assigned");
  b->line("assigned");
  auto& host = has(first, "group=0/") ? a : b;
  auto& other = has(first, "group=0/") ? b : a;
  std::string expected;
  SUBCASE("killed") {
    host->signal(SIGKILL);
    expected = "is lost: it has closed the connection";
  }
  SUBCASE("stopped") {
    host->signal(SIGSTOP);
    expected = "is lost: it has not answered for 2 s";
  }
  CHECK_HAS(other->line("change store_lost"), expected);
  CHECK(other->status() == 1);
}

TEST_CASE("the store's host may vanish once its part is done, and the others end well") {
  const Job job({"min=2", "max=2"});
  auto a = job.start(), b = job.start();
  const std::string first = a->line("assigned");
  b->line("assigned");
  auto& host = has(first, "group=0/") ? a : b;
  auto& other = has(first, "group=0/") ? b : a;
  host->tell("done");
  job.until([](const GroupState& state) {
    return std::any_of(state.nodes.begin(), state.nodes.end(), [](const Node& n) { return n.hosts_store && n.done; });
  });
  job.until_all_have_read();
  SUBCASE("killed") {
    host->signal(SIGKILL);
    CHECK(host->status() == 137);
  }
  SUBCASE("told to stop") {
    host->tell("leave");
    CHECK(host->status() == 143);
  }
  CHECK_HAS(other->line("log"), "its node had done its part: the job goes on with this node as host of the store");
  other->tell("done");
  CHECK(other->status() == 0);
  CHECK_FALSE(has(other->seen(), "store_lost"));
}

namespace {

/// Three nodes at work; the store's host is the first.
struct ThreeNodes {
  explicit ThreeNodes(const std::string& backend, const std::vector<std::string>& more = {})
      : job(words("backend=" + backend, more), "127.0.0.1") {
    for (int i = 0; i < 3; ++i) {
      nodes.push_back(job.start({fmt::format("rank={}", i)}));
      job.until_nodes(static_cast<std::size_t>(i) + 1);
    }
    for (auto& node : nodes) node->line("assigned");
  }
  static std::vector<std::string> words(const std::string& backend, const std::vector<std::string>& more) {
    std::vector<std::string> words{backend, "min=3", "max=3", "read_timeout=3"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  void finish(std::size_t node) {
    nodes[node]->tell("done");
    job.until([&](const GroupState& state) { return state.members()[node]->done; });
    job.until_all_have_read();
  }

  Job job;
  std::vector<std::unique_ptr<Program>> nodes;
};

}  // namespace

TEST_CASE("those who work hear of each other's failure also when the store's host is done and gone") {
  struct Case {
    const char* backend;
    int signal;
    std::size_t failing;
  };
  for (const auto& [backend, signal, failing] : {Case{"fixed", SIGKILL, 1}, Case{"elastic", SIGKILL, 1},
                                                 Case{"elastic", SIGKILL, 2}, Case{"fixed", SIGSTOP, 2}}) {
    CAPTURE(backend);
    CAPTURE(failing);
    ThreeNodes three(backend);
    three.finish(0);
    three.nodes[0]->signal(signal);
    auto &a = *three.nodes[failing], &b = *three.nodes[3 - failing];
    a.tell("fail 9 too bad");  // before it knows that the store is gone
    CHECK_HAS(b.line("change closed"), fmt::format("node {} (host ", failing));
    CHECK_HAS(b.seen(), "too bad");
    CHECK(b.status() == 9);
    CHECK(a.status() == 9);
    CHECK_FALSE(has(a.seen() + b.seen(), "store_lost"));
  }
}

TEST_CASE("the store moves on as often as its host is done and gone") {
  ThreeNodes three("elastic");
  three.finish(0);
  three.finish(1);
  three.nodes[0]->signal(SIGKILL);
  CHECK_HAS(three.nodes[1]->line("log the store at"), "the job goes on with node 2 (");
  CHECK_HAS(three.nodes[2]->line("log the store at"), "the job goes on with this node");
  SUBCASE("and ends well with the last one") {
    three.nodes[2]->tell("done");
    for (const std::size_t node : {1, 2}) CHECK(three.nodes[node]->status() == 0);
  }
  SUBCASE("or with its failure, also for who was done") {
    three.nodes[2]->tell("fail 4 too bad");
    for (const std::size_t node : {1, 2}) CHECK(three.nodes[node]->status() == 4);
  }
  SUBCASE("a host that has not done its part is needed") {
    three.nodes[2]->signal(SIGKILL);
    CHECK_HAS(three.nodes[1]->line("change store_lost"), "is lost");
    CHECK(three.nodes[1]->status() == 1);
  }
}

TEST_CASE("those who are left begin again together at the store of the next host") {
  ThreeNodes three("elastic", {"min=2"});
  three.finish(0);
  three.nodes[0]->signal(SIGKILL);
  three.nodes[2]->tell("restart out of luck");
  CHECK_HAS(three.nodes[1]->line("change failed_elsewhere"), "out of luck");
  for (const std::size_t node : {1, 2}) CHECK_HAS(three.nodes[node]->line("assigned"), "attempt=1");
  CHECK_HAS(three.nodes[1]->seen(), "group=0/2");
  for (const std::size_t node : {1, 2}) three.nodes[node]->tell("done");
  for (const std::size_t node : {1, 2}) CHECK(three.nodes[node]->status() == 0);
}

TEST_CASE("what a node says last is heard although the store's host vanishes at once") {
  for (const bool failed : {false, true}) {
    CAPTURE(failed);
    ThreeNodes three("elastic");
    three.finish(0);
    three.nodes[2]->tell(failed ? "fail 6 too bad" : "done");
    three.job.until([failed](const GroupState& state) {
      return failed ? state.phase == GroupState::Phase::ended : state.members()[2]->done;
    });
    three.nodes[0]->signal(SIGKILL);  // nobody else may have read it
    if (!failed) three.nodes[1]->tell("done");
    for (const std::size_t node : {1, 2}) CHECK(three.nodes[node]->status() == (failed ? 6 : 0));
  }
}

TEST_CASE("an attempt that too few nodes are left for is not begun") {
  for (const char* backend : {"fixed", "elastic"}) {
    CAPTURE(backend);
    ThreeNodes three(backend);
    three.finish(0);
    three.nodes[0]->signal(SIGKILL);
    three.nodes[2]->tell("restart out of luck");
    CHECK_HAS(three.nodes[2]->line("refused"), "too few nodes are left");
    three.nodes[2]->tell("fail 3 out of luck");
    CHECK_HAS(three.nodes[1]->line("change closed"), "out of luck");
    for (const std::size_t node : {1, 2}) CHECK(three.nodes[node]->status() == 3);
  }
}

TEST_CASE("a host that is done does not begin again without those it is cut off from: they go on") {
  ThreeNodes three("elastic", {"min=1", "keep_alive_interval=0.5"});
  three.finish(0);
  for (const std::size_t node : {1, 2}) three.nodes[node]->signal(SIGSTOP);
  CHECK_HAS(three.nodes[0]->line("change closed"), "is lost: not a sign of life for 1 s");
  CHECK(three.nodes[0]->status() == 1);
  CHECK_FALSE(has(three.nodes[0]->seen(), "attempt=1"));
}

TEST_CASE("an agent that is started at the endpoint while the job goes on elsewhere is told so") {
  ThreeNodes three("elastic", {"min=1", "last_call_timeout=600"});
  three.finish(0);
  three.nodes[0]->signal(SIGKILL);
  three.nodes[1]->line("log the store at");
  CHECK(three.nodes[0]->status() == 137);
  auto again = three.job.start({"rank=0"});
  CHECK_HAS(again->line("change closed"), "the job job goes on elsewhere, hosted by node 1 (host ");
  CHECK(again->status() == 1);
  for (const std::size_t node : {1, 2}) three.nodes[node]->tell("done");
  for (const std::size_t node : {1, 2}) CHECK(three.nodes[node]->status() == 0);
}

TEST_CASE("the store's new host does not wait for one that does not come to it") {
  ThreeNodes three("fixed", {"keep_alive_interval=0.5"});
  three.finish(0);
  three.nodes[2]->signal(SIGSTOP);
  three.nodes[0]->signal(SIGKILL);
  three.nodes[1]->line("log the store at");
  CHECK_HAS(three.nodes[1]->line("log not come to the store's new host"), "node 2 (host ");
  three.nodes[1]->tell("done");
  CHECK(three.nodes[1]->status() == 0);
}

TEST_CASE("who waits in vain says who has come; who is told to stop meanwhile stops at once") {
  const Job job({"min=2", "max=3", "join_timeout=1"});
  auto a = job.start();
  const std::string error = a->line("error");
  CHECK_HAS(error, "after 1 s: 1 of 2 to 3 nodes have joined: ");
  CHECK_HAS(error, fmt::format("(process {}); 1 missing", a->process()));
  CHECK(a->status() == 1);
  const Job patient({"min=2", "max=2"});
  auto b = patient.start();
  patient.until_nodes(1);
  b->tell("leave");
  CHECK(b->status() == 143);
}

TEST_CASE("nobody hosts at an address of another machine, and a foreign port is named") {
  const Job nowhere({"min=1", "max=1", "join_timeout=1"}, "192.0.2.1");
  auto a = nowhere.start({"read_timeout=1"});
  CHECK_HAS(a->line("error"), "no store answers at 192.0.2.1:");
  CHECK(a->status() == 1);
  const Job unknown({"min=1", "max=1", "join_timeout=1"}, "no-such-host.invalid");
  auto b = unknown.start();
  CHECK_HAS(b->line("error"), "the name no-such-host.invalid has no address");
  CHECK(b->status() == 1);
  boost::asio::io_context context;
  boost::asio::ip::tcp::acceptor mute(context, {boost::asio::ip::tcp::v4(), 0});
  ::fcntl(mute.native_handle(), F_SETFD, FD_CLOEXEC);  // else the agent holds the port too
  const Job foreign({"min=1", "max=1", "read_timeout=1"});
  auto c = foreign.start({fmt::format("port={}", mute.local_endpoint().port())});
  CHECK_HAS(c->line("error"), fmt::format("is in use by "));
  CHECK_HAS(c->seen(), fmt::format("(process {})", ::getpid()));
  CHECK(c->status() == 1);
}

TEST_CASE("two jobs on one port do not disturb each other, whichever ends first") {
  const Job job({"min=1", "max=1"});
  auto host = job.start();
  host->line("assigned");
  auto guest = job.start({"id=guest"});
  CHECK_HAS(guest->line("assigned"), "group=0/1");
  CHECK_HAS(guest->seen(), "id=guest");
  auto partner = job.start({"id=guest", "min=2", "max=2"});
  partner->tell("leave");  // not of one mind about the job's size: a spare here
  CHECK(partner->status() == 143);
  host->tell("done");
  CHECK_HAS(host->line("log this job is done"), "job guest meets on its store and goes on");
  guest->tell("restart to see that the store is there");
  CHECK_HAS(guest->line("assigned"), "attempt=1");
  guest->tell("done");
  CHECK(guest->status() == 0);
  CHECK(host->status() == 0);
}

TEST_CASE("the workers' store outlives the good-bye of the agent that hosts it: they may still be saving") {
  for (const char* backend : {"fixed", "elastic"}) {
    CAPTURE(backend);
    const Job job({fmt::format("backend={}", backend), "min=2", "max=2"}, "127.0.0.1");
    std::unique_ptr<Program> a = job.start({"rank=0"}), b = job.start({"rank=1"});
    const std::string first = a->line("assigned");
    b->line("assigned");
    if (!has(first, "group=0/")) std::swap(a, b);
    a->tell("stop");
    a->line("left");
    CHECK_HAS(b->line("change closed"), "was told to stop");
    lmf::test::on_loop([&](boost::asio::io_context& context) -> lmf::test::Task<void> {
      lmf::train::launch::StoreClient worker(context.get_executor());
      co_await worker.connect("127.0.0.1", master_port_of(first), lmf::test::soon());
      const auto sum = co_await worker.add("saved", 1);
      CHECK(sum == 1);
    });
    a->tell("saved");
    CHECK(a->status() == 143);
    b->status();
  }
}

TEST_CASE("the host of another job's store waits for it only so long, and not when it is told to stop") {
  for (const bool told : {false, true}) {
    CAPTURE(told);
    const Job job({"min=1", "max=1"});
    auto host = job.start({told ? "exit_barrier_timeout=600" : "exit_barrier_timeout=1"});
    host->line("assigned");
    auto guest = job.start({"id=guest"});
    guest->line("assigned");
    host->tell("done");
    if (told) {
      host->line("ending");
      host->tell("leave");
    }
    CHECK(host->status() == (told ? 143 : 0));
    CHECK_HAS(guest->line("change store_lost"), "is lost");
    guest->status();
  }
}
