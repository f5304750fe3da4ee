// What other agents leave in the store, JSON all of it: the state of an elastic group, torchrun's infos on roles (one a
// line) and its assignment of ranks.
#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

#include "lmf/error.hpp"
#include "train/launch/rendezvous/group_state.hpp"
#include "train/launch/rendezvous/torchrun_format.hpp"

namespace {

using namespace lmf::train::launch;

template <class Use>
void unless_refused(Use use) {
  try {
    use();
  } catch (const lmf::Error&) {
  }
}

std::vector<torchrun::RoleInfo> infos_in(const std::string& text) {
  std::vector<torchrun::RoleInfo> infos;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) infos.push_back(torchrun::read_role_info(line));
  return infos;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  unless_refused([&] {
    const GroupState state = read_state(text);
    for (const Node* node : state.members()) name_of(*node);
    const std::string written = write_state(state);
    if (write_state(read_state(written)) != written) __builtin_trap();
  });
  unless_refused([&] {
    for (const std::string& assigned : torchrun::assign_ranks(infos_in(text))) torchrun::read_assigned_ranks(assigned);
  });
  unless_refused([&] { torchrun::read_assigned_ranks(text); });
  return 0;
}
