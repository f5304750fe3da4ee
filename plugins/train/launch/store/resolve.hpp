#pragma once

#include <functional>
#include <string>
#include <vector>

#include "train/launch/store/asio.hpp"

namespace lmf::train::launch {

/// The addresses of a name. Throws Error when there are none, none came by the deadline, or `stopped` says so. The
/// look-up has a thread of its own that nobody waits for: Asio's resolver would keep the process from ending until the
/// last name server's time-out.
Task<std::vector<tcp::endpoint>> resolve(std::string host, std::uint16_t port, Time deadline,
                                         std::function<bool()> stopped);

}  // namespace lmf::train::launch
