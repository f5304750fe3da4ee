#include "train/launch/store/workers_store.hpp"

#include <fmt/format.h>

#include "base/port_owner.hpp"
#include "lmf/error.hpp"

namespace lmf::train::launch {
namespace {

/// One node: nobody outside needs to reach the store, unless the user named an address that is not this machine's own.
std::string listening_address(const std::string& host) {
  if (host.empty() || host == "localhost" || host.starts_with("127.")) return "127.0.0.1";
  return host == "::1" ? "::1" : "";
}

}  // namespace

WorkersStore::WorkersStore(asio::io_context& context, const RendezvousOptions& options) {
  if (options.agent_store) {
    server_.emplace(context, listening_address(options.host), options.port);
    port_ = server_->port();
    return;
  }
  // Bound but not listening: the worker, which sets SO_REUSEADDR as we do, can still listen there; nobody else is given
  // the port.
  kept_.emplace(context);
  kept_->open(tcp::v4());
  kept_->set_option(asio::socket_base::reuse_address(true));
  error_code failed;
  kept_->bind({asio::ip::address_v4::any(), options.port}, failed);
  if (failed)
    throw Error(fmt::format("port {} cannot be the workers' store: {} {}", options.port, failed.message(),
                            port_owner(options.port)));
  port_ = kept_->local_endpoint().port();
}

}  // namespace lmf::train::launch
