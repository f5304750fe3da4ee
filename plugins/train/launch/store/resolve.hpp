#pragma once

#include <functional>
#include <string>
#include <vector>

#include "lmf/error.hpp"
#include "train/launch/store/asio.hpp"

namespace lmf::train::launch {

/// There is no such name: unlike a name server that does not answer, asking again helps only when somebody adds it.
struct NameUnknown : Error {
  using Error::Error;
};

/// The addresses of a name. Throws NameUnknown, or Error when none came by the deadline, or `stopped` says so. The
/// look-up has a thread of its own that nobody waits for: Asio's resolver would keep the process from ending until the
/// last name server's time-out.
Task<std::vector<tcp::endpoint>> resolve(std::string host, std::uint16_t port, Time deadline,
                                         std::function<bool()> stopped);

}  // namespace lmf::train::launch
