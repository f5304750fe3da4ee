// The reader of tokenizer.json, and encoding and decoding with what it accepts.
#include <cstdint>
#include <string>
#include <vector>

#include "lmf/error.hpp"
#include "text/tokenizer_model.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto tokenizer = lmf::text::parse_tokenizer_json({reinterpret_cast<const char*>(data), size}, "fuzz");
    std::vector<std::int32_t> ids;
    for (const char* text :
         {"The ship's <s>bell</s>  rang \u706f\u53f0\u2581 \U0001F600\n\n 1234", " ", "[L] x <mask> y"})
      tokenizer->encode(text, false, ids);
    for (std::int32_t id = -1; id < 300; id += 3) ids.push_back(id);
    tokenizer->decode(ids, false);
    tokenizer->decode(ids, true);
  } catch (const lmf::Error&) {
  }
  return 0;
}
