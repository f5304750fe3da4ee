#pragma once

#include <cstdint>
#include <string>

namespace lmf {

/// "python3 (process 4711)", from the kernel's table of listening sockets; "a process of user 1000" when that one is
/// another, whose processes may not be looked into; "a process that is not to be seen from here", as in another
/// container; "" when nothing listens on the port, or no longer: a process that ends lets go of its sockets one by one,
/// so that this may take a moment.
std::string port_owner(std::uint16_t port);

}  // namespace lmf
