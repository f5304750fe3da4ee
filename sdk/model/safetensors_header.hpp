#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace lmf::model {

/// What a safetensors header says of one tensor. `begin` and `end` count from the file's first byte.
struct TensorEntry {
  std::string dtype;  ///< the format's name, "F32"
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0, end = 0;
};

struct SafetensorsHeader {
  std::map<std::string, TensorEntry, std::less<>> tensors;
  std::map<std::string, std::string> metadata;
};

/// Parses the header of a whole safetensors file. The format as its reference reader accepts it: eight bytes of length
/// (little-endian, at most 100 MB), a JSON object, then the tensors' bytes without holes, overlaps or a rest.
/// Everything else throws Error naming `file` and the tensor.
SafetensorsHeader parse_safetensors_header(std::span<const std::byte> bytes, const std::filesystem::path& file);

}  // namespace lmf::model
