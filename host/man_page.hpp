#pragma once

#include <string>

#include "host/catalogue.hpp"

namespace lmf::host {

/// lmf-COMMAND(1) as roff, from what help shows.
std::string man_page(const Claim& claim);

/// On a terminal through man(1), with its pager; else prints the roff itself. Throws Error when man is not there, with
/// the command that says the same instead.
int show_page(const std::string& roff, const std::string& instead);

}  // namespace lmf::host
