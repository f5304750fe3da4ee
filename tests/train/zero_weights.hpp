#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "model/decoder_shapes.hpp"

namespace lmf::test {

/// A safetensors file of zeros, made without libtorch.
inline void write_zeros(const std::filesystem::path& file, const std::vector<model::ParameterShape>& tensors,
                        const std::string& dtype = "F32") {
  const std::uint64_t element = dtype == "F32" ? 4 : dtype == "I64" ? 8 : 2;
  nlohmann::json header = nlohmann::json::object();
  std::uint64_t end = 0;
  for (const auto& [name, shape] : tensors) {
    const std::uint64_t begin = end;
    std::uint64_t bytes = element;
    for (const std::int64_t side : shape) bytes *= static_cast<std::uint64_t>(side);
    end += bytes;
    header[name] = {{"dtype", dtype}, {"shape", shape}, {"data_offsets", {begin, end}}};
  }
  const std::string text = header.dump();
  std::ofstream stream(file, std::ios::binary);
  for (int i = 0; i < 8; ++i) stream.put(static_cast<char>(text.size() >> (8 * i) & 0xff));
  stream << text << std::string(end, '\0');
}

}  // namespace lmf::test
