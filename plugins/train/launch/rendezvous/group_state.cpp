#include "train/launch/rendezvous/group_state.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/printable.hpp"
#include "lmf/error.hpp"

namespace lmf::train::launch {
namespace {

using nlohmann::json;

constexpr int kVersion = 5;
constexpr std::size_t kMaxState = std::size_t{4} << 20, kMaxNodes = 4096, kMaxText = 16 * 1024, kMaxFacts = 512;
constexpr std::size_t kMaxLines = 20, kMaxLine = 500;
constexpr int kMaxNumber = 1 << 30;
constexpr const char* kPhases[] = {"forming", "running", "ended"};

[[noreturn]] void refuse_state(const std::string& what) {
  throw Error(fmt::format("the rendezvous state on the store is not to be used: {}", what),
              "run the same version of lmf on all nodes, and one job for each id (RDZV_ID, --rdzv-id)");
}

const json& field(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) refuse_state(fmt::format("it has no {}", name));
  return *found;
}

std::string text(const json& object, const char* name) {
  const json& value = field(object, name);
  if (!value.is_string() || value.get_ref<const std::string&>().size() > kMaxText)
    refuse_state(fmt::format("{} is no text, or too long", name));
  return value;
}

int number(const json& object, const char* name, int least, int most = kMaxNumber) {
  const json& value = field(object, name);
  if (!value.is_number_integer() || value < least || value > most)
    refuse_state(fmt::format("{} is no number from {} to {}", name, least, most));
  return value;
}

std::uint16_t port(const json& object, const char* name) {
  return static_cast<std::uint16_t>(number(object, name, 0, 65535));
}

bool flag(const json& object, const char* name) {
  const json& value = field(object, name);
  if (!value.is_boolean()) refuse_state(fmt::format("{} is neither true nor false", name));
  return value;
}

std::optional<int> optional_number(const json& object, const char* name) {
  if (field(object, name).is_null()) return std::nullopt;
  return number(object, name, 0);
}

json write_optional(const std::optional<int>& value) { return value ? json(*value) : json(nullptr); }

json write_node(const Node& node) {
  return {{"id", node.id},
          {"host", node.host},
          {"process", node.process},
          {"wished_rank", write_optional(node.wished_rank)},
          {"workers", node.workers},
          {"role", node.role},
          {"address", node.address},
          {"port", node.port},
          {"ready", node.ready},
          {"hosts_store", node.hosts_store},
          {"done", node.done},
          {"gone", node.gone},
          {"rank", write_optional(node.rank)},
          {"clock", node.clock},
          {"facts", node.facts},
          {"standby_address", node.standby_address},
          {"standby_port", node.standby_port}};
}

Node read_node(const json& object) {
  if (!object.is_object()) refuse_state("a node is no object");
  Node node;
  node.id = text(object, "id");
  node.host = text(object, "host");
  node.process = number(object, "process", 0);
  node.wished_rank = optional_number(object, "wished_rank");
  node.workers = number(object, "workers", 1, 4096);
  node.role = text(object, "role");
  node.address = text(object, "address");
  node.port = port(object, "port");
  node.hosts_store = flag(object, "hosts_store");
  node.standby_address = text(object, "standby_address");
  node.standby_port = port(object, "standby_port");
  node.ready = number(object, "ready", -1);
  node.rank = optional_number(object, "rank");
  node.done = flag(object, "done");
  node.gone = flag(object, "gone");
  if (!field(object, "clock").is_number_integer()) refuse_state("clock is no number");
  node.clock = field(object, "clock");
  const json& facts = field(object, "facts");
  if (!facts.is_object() || facts.size() > kMaxFacts) refuse_state("facts are no object, or too many");
  for (const auto& [name, value] : facts.items()) node.facts[name] = text(facts, name.c_str());
  return node;
}

/// Others show it on their terminals, where nothing but text may come from here. Cut between characters.
std::string shown(std::string line) {
  const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; };
  std::size_t end = std::min(line.size(), kMaxLine);
  while (end < line.size() && end > 0 && continues(line[end])) --end;
  line.resize(end);
  for (char& c : line)
    if ((static_cast<unsigned char>(c) < ' ' && c != '\t') || c == '\x7f') c = '?';  // as in the failing node's report
  return printable(line);                                                            // the controls beyond ASCII
}

json write_lines(const std::vector<std::string>& lines) {
  json result = json::array();
  for (std::size_t i = lines.size() - std::min(lines.size(), kMaxLines); i < lines.size(); ++i)
    result.push_back(shown(lines[i]));
  return result;
}

std::vector<std::string> read_lines(const json& list) {
  if (!list.is_array() || list.size() > kMaxLines) refuse_state("last_lines are no list, or too many");
  std::vector<std::string> lines;
  for (const json& line : list) {
    if (!line.is_string()) refuse_state("one of last_lines is no text");
    lines.push_back(shown(line));
  }
  return lines;
}

/// Their ranks are 0, 1, 2, ...: everybody computes its workers' ranks from them.
void check_ranks(const GroupState& state) {
  const auto members = state.members();
  for (std::size_t i = 0; i < members.size(); ++i)
    if (*members[i]->rank != static_cast<int>(i)) refuse_state("its ranks have gaps");
  if (members.empty()) refuse_state("an attempt runs without a node");
}

}  // namespace

Node* GroupState::find(const std::string& id) {
  const auto found = std::find_if(nodes.begin(), nodes.end(), [&](const Node& node) { return node.id == id; });
  return found == nodes.end() ? nullptr : &*found;
}

std::vector<const Node*> GroupState::members() const {
  std::vector<const Node*> result;
  for (const Node& node : nodes)
    if (node.rank) result.push_back(&node);
  std::sort(result.begin(), result.end(), [](const Node* a, const Node* b) { return *a->rank < *b->rank; });
  return result;
}

std::string name_of(const Node& node) {
  const std::optional<int> number = node.rank ? node.rank : node.wished_rank;
  const std::string place = fmt::format("host {}, process {}", node.host, node.process);
  return number ? fmt::format("node {} ({})", *number, place) : fmt::format("a node ({})", place);
}

std::string write_state(const GroupState& state) {
  json nodes = json::array();
  for (const Node& node : state.nodes) nodes.push_back(write_node(node));
  const json object{{"lmf", kVersion},
                    {"phase", kPhases[static_cast<int>(state.phase)]},
                    {"job", state.job},
                    {"attempt", state.attempt},
                    {"why", state.why.substr(0, kMaxText / 2)},
                    {"moved", state.moved},
                    {"failure", state.failure},
                    {"status", state.status},
                    {"last_lines", write_lines(state.last_lines)},
                    {"nodes", std::move(nodes)}};
  std::string result = object.dump(-1, ' ', false, json::error_handler_t::replace);
  if (result.size() > kMaxState) refuse_state(fmt::format("{} nodes do not fit into it", state.nodes.size()));
  return result;
}

GroupState read_state(std::string_view bytes) {
  if (bytes.size() > kMaxState) refuse_state(fmt::format("it has {} bytes", bytes.size()));
  const json object = json::parse(bytes, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) refuse_state("it is no JSON object");
  if (number(object, "lmf", 0) != kVersion)
    refuse_state(fmt::format("its version is {}, not {}", number(object, "lmf", 0), kVersion));
  GroupState state;
  const std::string phase = text(object, "phase");
  const auto found = std::find(std::begin(kPhases), std::end(kPhases), phase);
  if (found == std::end(kPhases)) refuse_state(fmt::format("{} is no phase", phase));
  state.phase = static_cast<GroupState::Phase>(found - std::begin(kPhases));
  state.job = text(object, "job");
  state.attempt = number(object, "attempt", 0);
  state.why = text(object, "why");
  state.moved = flag(object, "moved");
  state.failure = flag(object, "failure");
  state.status = number(object, "status", 0, 255);
  state.last_lines = read_lines(field(object, "last_lines"));
  const json& nodes = field(object, "nodes");
  if (!nodes.is_array() || nodes.size() > kMaxNodes) refuse_state("nodes are no list, or too many");
  for (const json& node : nodes) state.nodes.push_back(read_node(node));
  if (state.phase == GroupState::Phase::running) check_ranks(state);
  return state;
}

}  // namespace lmf::train::launch
