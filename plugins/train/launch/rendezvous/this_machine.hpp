#pragma once

#include <string>

#include "train/launch/store/asio.hpp"

namespace lmf::train::launch {

/// Host, process and a random number: another one at each call on any machine.
std::string fresh_id();

/// An address of one of this machine's interfaces, or a loopback one. Names are not compared: aliases, second network
/// cards and service names would be missed.
bool is_own_address(const asio::ip::address& address);

}  // namespace lmf::train::launch
