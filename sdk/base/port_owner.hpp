#pragma once

#include <cstdint>
#include <string>

namespace lmf {

/// "python3 (process 4711)", from the kernel's table of listening sockets; "a process of another user" when it may not
/// be seen; "" when nothing listens on the port.
std::string port_owner(std::uint16_t port);

}  // namespace lmf
