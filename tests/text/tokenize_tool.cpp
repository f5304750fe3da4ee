// tokenize_tool FOLDER MODE: a tokenizer's folder against texts on standard input, for compare_tokenizers.py and the
// benchmark. Every message is a length (4 bytes, little-endian) and that many bytes.
//   encode  text in, ids out (4 bytes each)          decode  ids in, text out
//   skip    ids in, text without special tokens out   stream  ids in, the pieces of StreamDecoder out, joined
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "lmf/error.hpp"
#include "text/tokenizer.hpp"

namespace {

using lmf::text::StreamDecoder;
using lmf::text::Tokenizer;
using Ids = std::vector<std::int32_t>;

bool read_message(std::string& message) {
  std::uint32_t length = 0;
  if (std::fread(&length, sizeof length, 1, stdin) != 1) return false;
  message.resize(length);
  return std::fread(message.data(), 1, length, stdin) == length;
}

void write_message(const void* data, std::size_t bytes) {
  const auto length = static_cast<std::uint32_t>(bytes);
  std::fwrite(&length, sizeof length, 1, stdout);
  std::fwrite(data, 1, bytes, stdout);
}

Ids ids_of(const std::string& message) {
  Ids ids(message.size() / sizeof(std::int32_t));
  std::memcpy(ids.data(), message.data(), ids.size() * sizeof(std::int32_t));
  return ids;
}

std::string streamed(const Tokenizer& tokenizer, const Ids& ids) {
  StreamDecoder decoder(tokenizer, false);
  std::string text;
  for (const std::int32_t id : ids) text += decoder.push(id);
  return text + decoder.finish();
}

int run(const std::string& folder, const std::string& mode) {
  const Tokenizer tokenizer = Tokenizer::load(folder);
  std::string message;
  while (read_message(message)) {
    if (mode == "encode") {
      const Ids ids = tokenizer.encode(message);
      write_message(ids.data(), ids.size() * sizeof(std::int32_t));
    } else {
      const Ids ids = ids_of(message);
      const std::string text = mode == "stream" ? streamed(tokenizer, ids) : tokenizer.decode(ids, mode == "skip");
      write_message(text.data(), text.size());
    }
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: tokenize_tool FOLDER encode|decode|skip|stream\n", stderr);
    return 2;
  }
  try {
    return run(argv[1], argv[2]);
  } catch (const lmf::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return error.exit_status();
  }
}
