// Where a text stops being JSON: a place inside it, and a sentence whenever the parser refuses.
#include <cstdint>

#include "base/json.hpp"
#include "base/place.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto fault = lmf::find_json_fault(text);
  if (fault.has_value() == nlohmann::json::accept(text)) __builtin_trap();
  if (fault && (fault->offset > size || fault->what.empty() || fault->what.find("[json") != std::string::npos))
    __builtin_trap();
  if (fault) lmf::line_and_column(text, fault->offset);
  return 0;
}
