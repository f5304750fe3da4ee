#include "model/written_header.hpp"

#include <nlohmann/json.hpp>

namespace lmf::model {

std::string written_header(const std::vector<WrittenTensor>& tensors) {
  nlohmann::ordered_json header = {{"__metadata__", {{"format", "pt"}}}};  // transformers reads no other format
  std::uint64_t end = 0;
  for (const WrittenTensor& tensor : tensors) {
    const std::uint64_t begin = end;
    end += tensor.bytes;
    header[tensor.name] = {{"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {begin, end}}};
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  std::string length(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) length[i] = static_cast<char>((std::uint64_t{text.size()} >> (8 * i)) & 0xff);
  return length + text;
}

}  // namespace lmf::model
