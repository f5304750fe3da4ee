// The one file that sees gloo: its headers are another version's than the one inside libtorch, so nothing of it but
// shared pointers may pass through here.
#include <cstdlib>

#ifndef USE_C10D_GLOO
#error "this libtorch was built without gloo (USE_C10D_GLOO): several processes on CPUs need it"
#endif
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include "train/worker/backend.hpp"
#include "train/worker/own_address.hpp"

namespace lmf::train {
namespace {

constexpr std::chrono::seconds kNamePatience{60};

std::string listening_address(const World& world) {
  const std::string address = own_address_towards(world.master_address, kNamePatience);
  const bool several_nodes = world.local_size < world.size;
  return several_nodes && is_loopback(address) ? own_outward_address() : address;
}

}  // namespace

c10::intrusive_ptr<c10d::Backend> gloo_backend(const c10::intrusive_ptr<c10d::Store>& store, const World& world,
                                               std::chrono::milliseconds timeout) {
  using Gloo = c10d::ProcessGroupGloo;
  const auto options = Gloo::Options::create(timeout);
  const char* interface = std::getenv("GLOO_SOCKET_IFNAME");
  options->devices.push_back(interface && *interface ? Gloo::createDeviceForInterface(interface)
                                                     : Gloo::createDeviceForHostname(listening_address(world)));
  return c10::make_intrusive<Gloo>(store, world.rank, world.size, options);
}

}  // namespace lmf::train
