#include "host/status.hpp"

namespace lmf::host {

std::string_view word(Status status) {
  switch (status) {
    case Status::ok:
      return "ok";
    case Status::manifest:
      return "manifest";
    case Status::schema:
      return "schema";
    case Status::abi:
      return "abi";
    case Status::library_missing:
      return "library-missing";
    case Status::unsafe:
      return "unsafe";
    case Status::load:
      return "load";
    case Status::dependency:
      return "dependency";
    case Status::entry:
      return "entry";
    case Status::mismatch:
      return "mismatch";
    case Status::reserved:
      return "reserved";
    case Status::shadowed:
      return "shadowed";
    case Status::conflict:
      return "conflict";
  }
  return "unknown";
}

}  // namespace lmf::host
