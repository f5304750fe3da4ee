#pragma once

#include <string>
#include <vector>

#include "http/asio.hpp"

namespace lmf::http {

/// Sockets that listen on every address of `host` ("" and "*": on all there are), all on one port. Throws Error with
/// one sentence: whose the port is, that it needs privileges, or that the address is not of this machine. `port_words`:
/// where a user sets the port.
std::vector<tcp::acceptor> listen(asio::io_context& context, const std::string& host, std::uint16_t port,
                                  const std::string& port_words);

}  // namespace lmf::http
