#include <doctest/doctest.h>

#include "lmf/error.hpp"
#include "train/launch/rendezvous/group_rules.hpp"
#include "train/launch/rendezvous/preflight.hpp"
#include "train/launch/rendezvous/settings.hpp"
#include "train/launch/rendezvous/silence.hpp"
#include "train/launch/rendezvous/torchrun_format.hpp"

using namespace lmf::train::launch;
using Phase = GroupState::Phase;

namespace {

Node node(const std::string& name, int workers = 1) {
  Node result;
  result.id = name;
  result.host = name;
  result.workers = workers;
  result.role = "default";
  result.address = "address-of-" + name;
  result.port = 1234;
  return result;
}

GroupState running(const GroupPolicy& policy, const std::vector<std::string>& names) {
  GroupState state;
  for (const auto& name : names) get_ready(state, policy, node(name));
  start(state, policy);
  return state;
}

std::string order(const GroupState& state) {
  std::string names;
  for (const Node* member : state.members()) names += member->id + " ";
  return names;
}

}  // namespace

TEST_CASE("nodes start together when they are enough and all stand ready") {
  const GroupPolicy policy{2, 3, false};
  GroupState state;
  get_ready(state, policy, node("a"));
  CHECK_FALSE(is_complete(state, policy));
  get_ready(state, policy, node("b"));
  CHECK(is_complete(state, policy));
  CHECK(grows(state));
  CHECK_FALSE(is_full(state, policy));
  start(state, policy);
  CHECK(state.phase == Phase::running);
  reform(state, policy, true, "b failed");
  CHECK(state.attempt == 1);
  get_ready(state, policy, node("b"));
  CHECK_FALSE(is_complete(state, policy));
  get_ready(state, policy, node("a"));
  CHECK(is_complete(state, policy));
  CHECK_FALSE(grows(state));
}

TEST_CASE("the store's host is first, then wished ranks, then hosts in their natural order; the rest are spares") {
  const GroupPolicy policy{4, 4, false};
  GroupState state;
  Node host = node("z");
  host.hosts_store = true;
  Node wishes = node("y");
  wishes.wished_rank = 3;
  for (const Node& each : {node("node10"), node("node2"), wishes, host, node("node1")}) get_ready(state, policy, each);
  start(state, policy);
  CHECK(order(state) == "z y node1 node2 ");
  CHECK_FALSE(state.find("node10")->rank);
  CHECK(natural_less("node2", "node10"));
  CHECK(natural_less("a2b3", "a2b10"));
  CHECK_FALSE(natural_less("a10", "a10"));
  CHECK(natural_less("a", "a1"));
}

TEST_CASE("survivors keep their order, newcomers come after them, a spare takes a lost one's place") {
  const GroupPolicy policy{2, 3, false};
  GroupState state = running(policy, {"c", "b", "d"});
  CHECK(order(state) == "b c d ");
  get_ready(state, policy, node("a"));  // a spare
  CHECK(newcomers(state, policy).empty());
  remove(state, policy, "b", /*lost=*/true, "b is lost");
  CHECK(state.phase == Phase::forming);
  CHECK(state.why == "b is lost");
  CHECK(state.failure);
  for (const char* name : {"d", "a", "c"}) get_ready(state, policy, node(name));
  start(state, policy);
  CHECK(order(state) == "c d a ");
  // Whoever comes later belongs to the job that the first one began, which may be gone.
  CHECK(state.job == "c");
  CHECK(assignment_of(state, "a").job == "c");
  CHECK(state.attempt == 1);
}

TEST_CASE("newcomers are those who could join, and none while some have done their part") {
  const GroupPolicy policy{1, 3, false};
  GroupState state = running(policy, {"a", "b"});
  get_ready(state, policy, node("c"));
  REQUIRE(newcomers(state, policy).size() == 1);
  mark_done(state, "b");
  CHECK(newcomers(state, policy).empty());
}

TEST_CASE("a job ends well with its last member, whoever has left after its part") {
  const GroupPolicy policy{1, 3, false};
  GroupState state = running(policy, {"a", "b", "c"});
  mark_done(state, "b");
  remove(state, policy, "b", /*lost=*/true, "lost");
  CHECK(state.phase == Phase::running);
  CHECK(order(state) == "a b c ");  // the others keep their ranks
  CHECK(read_state(write_state(state)).find("b")->gone);
  CHECK_FALSE(read_state(write_state(state)).find("c")->gone);
  mark_done(state, "a");
  CHECK(state.phase == Phase::running);
  mark_done(state, "c");
  CHECK(state.phase == Phase::ended);
  CHECK(state.status == 0);
  end(state, /*failure=*/true, 3, "too late");
  CHECK(state.status == 0);
  CHECK_FALSE(state.failure);
}

TEST_CASE("the store's host has a successor once it is done: the first that still works and stands by") {
  const GroupPolicy policy{1, 4, false};
  GroupState state = running(policy, {"a", "b", "c", "d"});
  for (Node& each : state.nodes) each.standby_port = 4321;
  CHECK(successor(state) == nullptr);  // a store of nobody's
  state.find("a")->hosts_store = true;
  CHECK(successor(state) == nullptr);  // without its host's part the attempt is lost
  mark_done(state, "a");
  REQUIRE(successor(state));
  CHECK(successor(state)->id == "b");
  mark_done(state, "b");
  state.find("c")->standby_port = 0;
  REQUIRE(successor(state));
  CHECK(successor(state)->id == "d");
  take_over(state, "d");
  CHECK(order(state) == "a b c d ");
  CHECK(state.find("a")->gone);
  CHECK(state.phase == Phase::running);
  CHECK(successor(state) == nullptr);
  const Node& host = *state.find("d");
  CHECK(host.hosts_store);
  const GroupState read = read_state(write_state(state));
  CHECK(read.find("b")->standby_port == 4321);
  CHECK(read.moved);
  reform(state, policy, true, "d failed");
  CHECK(successor(state) == nullptr);
}

TEST_CASE("another attempt needs enough nodes, where no newcomer finds the job's store") {
  for (const bool fixed : {false, true}) {
    CAPTURE(fixed);
    const GroupPolicy policy{3, 3, fixed};
    GroupState state = running({3, 3, false}, {"a", "b", "c"});
    CHECK(can_restart(state, policy));
    mark_done(state, "a");
    CHECK(can_restart(state, policy));  // it waits, and can begin again
    remove(state, policy, "a", /*lost=*/true, "lost");
    CHECK(can_restart(state, policy) == !fixed);
    state.moved = true;
    CHECK_FALSE(can_restart(state, policy));
    remove(state, policy, "b", /*lost=*/true, "b is lost");
    CHECK(state.phase == Phase::ended);
    CHECK(state.status == 1);
    CHECK(state.why.starts_with("b is lost; too few nodes") == !fixed);
  }
}

TEST_CASE("who works on by itself is not waited for") {
  const GroupPolicy policy{2, 2, false};
  GroupState state = running(policy, {"a", "b"});
  leave_alone(state, "b");
  CHECK(state.phase == Phase::running);
  mark_done(state, "a");
  CHECK(state.phase == Phase::ended);
  CHECK(state.status == 0);
}

TEST_CASE("a fixed job ends with a lost node, and two nodes of one rank are told") {
  const GroupPolicy policy{2, 2, true};
  GroupState state;
  Node a = node("a"), b = node("b"), clash = node("c");
  a.wished_rank = 1;
  b.wished_rank = 0;
  clash.wished_rank = 1;
  get_ready(state, policy, a);
  get_ready(state, policy, b);
  CHECK_THROWS_AS(get_ready(state, policy, clash), lmf::Error);
  start(state, policy);
  CHECK(order(state) == "b a ");
  bool lost = false;
  SUBCASE("lost: nobody can save together any more") { lost = true; }
  SUBCASE("left: all have been told to stop, and save") { lost = false; }
  remove(state, policy, "a", lost, "a is gone");
  CHECK(state.phase == Phase::ended);
  CHECK(state.status == lmf::kExitFailed);
  CHECK(state.failure == lost);
}

TEST_CASE("ranks are sums in the nodes' order, over all and within a role, as torchrun's") {
  const GroupPolicy policy{3, 3, false};
  GroupState state;
  Node a = node("a", 1), b = node("b", 2), c = node("c", 3);
  b.role = "trainer";
  for (const Node& each : {a, b, c}) get_ready(state, policy, each);
  start(state, policy);
  std::vector<torchrun::RoleInfo> roles{{"default", 0, 1}, {"trainer", 1, 2}, {"default", 2, 3}};
  const auto theirs = torchrun::assign_ranks(roles);
  int i = 0;
  for (const char* name : {"a", "b", "c"}) {
    const Assignment ours = assignment_of(state, name);
    const Assignment same = torchrun::read_assigned_ranks(theirs[static_cast<std::size_t>(i)]);
    CHECK(ours.group_rank == i++);
    CHECK(ours.group_world_size == 3);
    CHECK(ours.first_rank == same.first_rank);
    CHECK(ours.world_size == same.world_size);
    CHECK(ours.role_first_rank == same.role_first_rank);
    CHECK(ours.role_world_size == same.role_world_size);
    CHECK(ours.master_address == "address-of-a");
  }
  CHECK(assignment_of(state, "c").first_rank == 3);
  CHECK(assignment_of(state, "c").role_first_rank == 1);
}

TEST_CASE("a state survives the store, and nothing else is taken for one") {
  const GroupPolicy policy{1, 2, false};
  GroupState state = running(policy, {"a", "b"});
  state.why = "name with \"quotes\" and \xff bytes";
  state.nodes[0].facts["configuration"] = "12ab";
  state.last_lines.assign(30, "before");
  state.last_lines.push_back("\x1b[2J\x7f\tsmoke\u009b");
  state.last_lines.push_back(std::string(499, 'x') + "\u00e9");
  const std::string text = write_state(state);
  CHECK(write_state(read_state(text)) == text);
  CHECK(read_state(text).nodes[0].facts.at("configuration") == "12ab");
  const auto lines = read_state(text).last_lines;
  REQUIRE(lines.size() == 20);
  CHECK(lines[18] == "?[2J?\tsmoke\ufffd");
  CHECK(lines[19] == std::string(499, 'x'));
  const auto without = [&](const std::string& part, const std::string& instead) {
    std::string changed = text;
    const auto at = changed.find(part);
    REQUIRE(at != std::string::npos);
    return changed.replace(at, part.size(), instead);
  };
  CHECK(read_state(without("smoke", "\\u001b[31msmoke")).last_lines[18] ==
        "?[2J?\t?[31msmoke\ufffd");  // as anybody may write it
  for (const std::string& bad :
       {std::string(), std::string("gASV"), std::string("[]"), std::string("{}"), text.substr(0, text.size() / 2),
        without("\"lmf\":5", "\"lmf\":2"), without("\"job\":\"a\"", "\"job\":1"),
        without("\"phase\":\"running\"", "\"phase\":\"dancing\""), without("\"rank\":0", "\"rank\":5"),
        without("\"workers\":1", "\"workers\":0"), without("\"port\":1234", "\"port\":70000"),
        without("\"standby_port\":0", "\"standby_port\":-1"),
        without("\"last_lines\":[", "\"last_lines\":[\"one more\","),
        without("\"last_lines\":[\"before\"", "\"last_lines\":[1"), without("\"status\":0", "\"status\":-1"),
        without("\"attempt\":0", "\"attempt\":1e99"), without("\"facts\":{", "\"facts\":[{"), std::string(5 << 20, '['),
        std::string(100000, '[')}) {
    CAPTURE(bad.substr(0, 200));
    CHECK_THROWS_AS(read_state(bad), lmf::Error);
  }
}

TEST_CASE("what torchrun's agents write is read, and what they would not is refused") {
  const auto info = torchrun::read_role_info(R"({"role": "default", "rank": 1, "local_world_size": 2})");
  CHECK(info.workers == 2);
  CHECK(torchrun::read_role_info(torchrun::write_role_info(info)).node_rank == 1);
  for (const char* bad : {"", "[]", "{}", R"({"role": 1, "rank": 1, "local_world_size": 2})",
                          R"({"role": "r", "rank": -1, "local_world_size": 2})",
                          R"({"role": "r", "rank": 1, "local_world_size": 2000000000})"})
    CHECK_THROWS_AS(torchrun::read_role_info(bad), lmf::Error);
  for (const char* bad : {"", "[0, 1, 0]", "[0, 0, 0, 1]", "[0, \"1\", 0, 1]", "{}"})
    CHECK_THROWS_AS(torchrun::read_assigned_ranks(bad), lmf::Error);
}

TEST_CASE("silence is counted on the reader's clock, and not while the reader was stopped itself") {
  using namespace std::chrono_literals;
  Silence silence;
  Time now = Clock::now();
  const auto look = [&](const std::string& beat) { silence.look({{"a", beat}}, now += 1s); };
  look("1");
  look("1");
  look("1");
  CHECK(silence.of("a") == 2s);
  look("2");
  CHECK(silence.of("a") == 0s);
  look("2");
  now += 1h;
  look("2");
  CHECK(silence.of("a") == 1s + Silence::kMostPerLook);
  CHECK(silence.last_beat("a") == "2");
  silence.look({}, now += 1s);
  CHECK(silence.of("a") == 0s);
}

TEST_CASE("nodes that differ in a fact or by their clocks are named") {
  Node self = node("a"), other = node("b");
  self.facts = other.facts = {{"version", "1"}, {"configuration", "aa"}};
  CHECK(difference(self, other) == "");
  other.facts["configuration"] = "bb";
  CHECK(difference(self, other) ==
        "the configuration of a node (host a, process 0) is aa, that of a node (host b, process 0) is bb");
  other.facts["configuration"] = "aa";
  other.facts["learning_rate"] = "0.1";
  CHECK(difference(self, other) ==
        "the learning_rate of a node (host a, process 0) is not set, that of a node (host b, process 0) is 0.1");
  CHECK(difference(other, self) ==
        "the learning_rate of a node (host b, process 0) is 0.1, that of a node (host a, process 0) is not set");
  other.clock = 100000;
  CHECK(clock_difference(other, 101000) == "");
  CHECK(clock_difference(other, 90000) == "the clock of a node (host b, process 0) is 10.0 s ahead of this machine's");
  CHECK(clock_difference(other, 110000) == "the clock of a node (host b, process 0) is 10.0 s behind this machine's");
}

TEST_CASE("without settings a silent node is missed in less than 20 s, and a silent store in less than 15 s") {
  const auto settings = read_settings(RendezvousOptions{});
  CHECK(settings.group.silence == std::chrono::seconds(15));
  CHECK_FALSE(settings.exit_barrier);  // who is done hears of a failure however late
  // The last beat may have come just after a look, and one more look sees that it was the last.
  CHECK(settings.group.silence + 2 * settings.group.poll < std::chrono::seconds(20));
  CHECK(settings.group.answer + settings.group.poll < std::chrono::seconds(15));
}
