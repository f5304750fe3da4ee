// The bodies of all POST routes. The first byte says which.
#include <cstdint>
#include <string_view>

#include "protocol/api_error.hpp"
#include "protocol/chat_request.hpp"
#include "protocol/completion_request.hpp"
#include "protocol/embedding_request.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lmf::api;
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  constexpr Bounds kBounds{.vocab_size = 1000};
  try {
    switch (data[0] % 6) {
      case 0: {
        const auto request = read_chat_request(body, kBounds);
        if (request.conversation.turns.empty() || request.fields.stop.size() > 4) __builtin_trap();
        for (const auto& [id, bias] : request.fields.logit_bias)
          if (id < 0 || id >= kBounds.vocab_size) __builtin_trap();
        break;
      }
      case 1:
        if (read_completion_request(body, kBounds).prompts.empty()) __builtin_trap();
        break;
      case 2:
        read_tokenize_request(body);
        break;
      case 3:
        read_detokenize_request(body, kBounds);
        break;
      case 4:
        if (read_embedding_request(body, kBounds).inputs.empty()) __builtin_trap();
        break;
      case 5:
        if (read_score_request(body).texts.empty()) __builtin_trap();
    }
  } catch (const ApiError& error) {
    if (error.status() != 400 || !nlohmann::json::accept(error.json())) __builtin_trap();
  }
  return 0;
}
