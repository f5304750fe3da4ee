#include "train/launch/rendezvous/torchrun_format.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lmf/error.hpp"

namespace lmf::train::launch::torchrun {
namespace {

using nlohmann::json;

constexpr int kMost = 1 << 24, kMostWorkers = 4096;  // of a job, of a node

[[noreturn]] void refuse_entry(const std::string& text) {
  throw Error(
      fmt::format("another agent of the job wrote {} to the store, which torchrun 2.13 does not", text.substr(0, 100)),
      "run the same versions on all nodes");
}

int number(const json& value, const std::string& text, int least, int most = kMost) {
  if (!value.is_number_integer() || value < least || value > most) refuse_entry(text);
  return value;
}

}  // namespace

std::string role_info_key(const std::string& run_id, int node_rank) {
  return fmt::format("{}/torchelastic/role_info/{}", run_id, node_rank);
}
std::string assigned_ranks_key(const std::string& run_id, int node_rank) {
  return fmt::format("{}/torchelastic/assigned_ranks/{}", run_id, node_rank);
}
std::string exit_count_key(const std::string& run_id) {
  return run_id + "/torchelastic/agent/terminal_state/num_members";
}
std::string exit_last_key(const std::string& run_id) {
  return run_id + "/torchelastic/agent/terminal_state/last_member";
}

std::string write_role_info(const RoleInfo& info) {
  const json object{
      {"role", info.role}, {"rank", info.node_rank}, {"local_world_size", info.workers}, {"lmf_node", info.lmf_node}};
  return object.dump(-1, ' ', true, json::error_handler_t::replace);
}

RoleInfo read_role_info(const std::string& text) {
  const json object = json::parse(text, nullptr, false);
  if (!object.is_object() || !object.contains("role") || !object["role"].is_string() || !object.contains("rank") ||
      !object.contains("local_world_size"))
    refuse_entry(text);
  RoleInfo info{
      object["role"], number(object["rank"], text, 0), number(object["local_world_size"], text, 1, kMostWorkers), {}};
  if (object.contains("lmf_node") && object["lmf_node"].is_string()) info.lmf_node = object["lmf_node"];
  return info;
}

std::vector<std::string> assign_ranks(const std::vector<RoleInfo>& nodes) {
  int world_size = 0;
  std::map<std::string, int> role_sizes, role_ranks;
  for (const RoleInfo& node : nodes) {
    world_size += node.workers;
    role_sizes[node.role] += node.workers;
  }
  std::vector<std::string> result;
  int first_rank = 0;
  for (const RoleInfo& node : nodes) {
    result.push_back(json{first_rank, world_size, role_ranks[node.role], role_sizes[node.role]}.dump());
    first_rank += node.workers;
    role_ranks[node.role] += node.workers;
  }
  return result;
}

Assignment read_assigned_ranks(const std::string& text) {
  const json list = json::parse(text, nullptr, false);
  if (!list.is_array() || list.size() != 4) refuse_entry(text);
  Assignment result;
  result.first_rank = number(list[0], text, 0);
  result.world_size = number(list[1], text, 1);
  result.role_first_rank = number(list[2], text, 0);
  result.role_world_size = number(list[3], text, 1);
  return result;
}

Assignment identical_ranks(int node_rank, int nodes, int workers) {
  Assignment result;
  result.first_rank = result.role_first_rank = node_rank * workers;
  result.world_size = result.role_world_size = nodes * workers;
  return result;
}

}  // namespace lmf::train::launch::torchrun
