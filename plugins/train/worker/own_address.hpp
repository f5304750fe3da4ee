#pragma once

#include <chrono>
#include <string>

namespace lmf::train {

/// The address of this machine that packets to `host` leave from; loopback when `host` is this machine by a loopback
/// name. No packet is sent. A name that is unknown is asked for again until `patience` is over (a cluster's names
/// appear with its machines); then throws Error.
std::string own_address_towards(const std::string& host, std::chrono::seconds patience);

/// Where other machines reach this one, when all that is known of it is a loopback address: a host whose own name
/// stands for 127.0.1.1, as Debian writes it, would offer that to the others. Loopback when there is no network at all.
std::string own_outward_address();

bool is_loopback(const std::string& address);

}  // namespace lmf::train
