// Answers with calls of tools. The first byte says which format, the second how they are cut into pieces.
#include <cstdint>
#include <filesystem>
#include <string>

#include "support/places.hpp"
#include "text/tool_call_reader.hpp"

namespace {

/// What was understood, as one text: the pieces of a part that comes in several are joined.
void add(std::string& to, std::size_t& kind, const std::vector<lmf::text::AnswerPart>& parts) {
  using namespace lmf::text;
  for (const AnswerPart& part : parts) {
    if (part.index() != kind || std::holds_alternative<ToolCallBegin>(part))
      to += static_cast<char>('0' + part.index());
    kind = part.index();
    if (const auto* piece = std::get_if<AnswerPiece>(&part)) to += piece->text;
    if (const auto* begin = std::get_if<ToolCallBegin>(&part)) to += begin->name;
    if (const auto* arguments = std::get_if<ToolCallArguments>(&part)) to += arguments->json;
  }
}

std::string understood(const lmf::text::ToolFormat& format, std::string_view answer, std::size_t step) {
  lmf::text::ToolCallReader reader(format, "[TOOL_CALLS]", {"f", "get_weather"});
  std::string all;
  std::size_t kind = 9;
  for (std::size_t at = 0; at < answer.size(); at += step) add(all, kind, reader.push(answer.substr(at, step)));
  add(all, kind, reader.finish());
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<lmf::text::ToolFormat> formats = [] {
    std::vector<lmf::text::ToolFormat> all;
    for (const char* name : {"default", "qwen", "llama3", "mistral"})
      all.push_back(lmf::text::ToolFormat::load(lmf::test::share(), name));
    return all;
  }();
  if (size < 2 || size > 20000) return 0;
  const std::string_view answer(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto& format = formats[data[0] % formats.size()];
  const std::string whole = understood(format, answer, answer.size() + 1);
  if (understood(format, answer, data[1] % 16 + 1) != whole) __builtin_trap();
  return 0;
}
