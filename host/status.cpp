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
    case Status::options:
      return "options";
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
    case Status::disabled:
      return "disabled";
    case Status::not_allowed:
      return "not-allowed";
    case Status::no_manifest:
      return "no-manifest";
    case Status::crashed:
      return "crashed";
    case Status::timeout:
      return "timeout";
    case Status::untried:
      return "untried";
    case Status::conflict:
      return "conflict";
  }
  return "unknown";
}

bool is_fault(Status status) {
  return status != Status::ok && status != Status::shadowed && status != Status::disabled &&
         status != Status::not_allowed;
}

}  // namespace lmf::host
