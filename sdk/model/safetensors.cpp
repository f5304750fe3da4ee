#include "model/safetensors.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/files.hpp"
#include "lmf/error.hpp"

namespace lmf::model {
namespace {

constexpr std::array<std::pair<std::string_view, torch::Dtype>, 12> kFileDtypes = {{{"F64", torch::kFloat64},
                                                                                    {"F32", torch::kFloat32},
                                                                                    {"F16", torch::kFloat16},
                                                                                    {"BF16", torch::kBFloat16},
                                                                                    {"I64", torch::kInt64},
                                                                                    {"I32", torch::kInt32},
                                                                                    {"I16", torch::kInt16},
                                                                                    {"I8", torch::kInt8},
                                                                                    {"U8", torch::kUInt8},
                                                                                    {"BOOL", torch::kBool},
                                                                                    {"F8_E4M3", torch::kFloat8_e4m3fn},
                                                                                    {"F8_E5M2", torch::kFloat8_e5m2}}};

torch::Dtype dtype_of(const TensorEntry& entry) {
  for (const auto& [name, dtype] : kFileDtypes)
    if (entry.dtype == name) return dtype;
  throw Error(fmt::format("safetensors' dtype {} has no counterpart in libtorch", entry.dtype), {}, kExitInternal);
}

std::string name_of(torch::Dtype dtype) {
  for (const auto& [name, known] : kFileDtypes)
    if (known == dtype) return std::string(name);
  throw Error(fmt::format("safetensors files cannot hold tensors of dtype {}", torch::toString(dtype)));
}

}  // namespace

torch::Tensor Weights::tensor(std::string_view name) const {
  const TensorEntry& entry = files_.require(name);
  const auto options = torch::TensorOptions(dtype_of(entry));
  const auto [bytes, owner] = files_.bytes(name);
  if (bytes.empty()) return torch::empty(entry.shape, options);
  const auto address = reinterpret_cast<std::uintptr_t>(bytes.data());
  if (address % torch::elementSize(dtype_of(entry)) != 0) {  // legal, and never met in practice
    torch::Tensor copy = torch::empty(entry.shape, options);
    std::memcpy(copy.data_ptr(), bytes.data(), bytes.size());
    return copy;
  }
  // The map is read-only: whoever wants to write copies first.
  return torch::from_blob(
      const_cast<std::byte*>(bytes.data()), entry.shape, [keep = owner](void*) {}, options);
}

torch::Tensor Weights::tensor(std::string_view name, const std::vector<std::int64_t>& shape) const {
  files_.require(name, shape);
  return tensor(name);
}

void write_safetensors(const std::filesystem::path& file,
                       const std::vector<std::pair<std::string, torch::Tensor>>& tensors,
                       std::map<std::string, std::string> metadata) {
  // Wide elements first, so that every tensor is aligned to its element.
  std::vector<const std::pair<std::string, torch::Tensor>*> order;
  for (const auto& tensor : tensors) order.push_back(&tensor);
  std::stable_sort(order.begin(), order.end(),
                   [](const auto* a, const auto* b) { return a->second.element_size() > b->second.element_size(); });

  metadata["format"] = "pt";
  nlohmann::json header = {{"__metadata__", metadata}};
  std::uint64_t end = 0;
  for (const auto* tensor : order) {
    const std::uint64_t begin = end;
    end += tensor->second.nbytes();
    if (header.contains(tensor->first))
      throw Error(fmt::format("tensor '{}' would be written twice", tensor->first), {}, kExitInternal);
    header[tensor->first] = {{"dtype", name_of(tensor->second.scalar_type())},
                             {"shape", tensor->second.sizes().vec()},
                             {"data_offsets", {begin, end}}};
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  std::string length(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) length[i] = static_cast<char>((std::uint64_t{text.size()} >> (8 * i)) & 0xff);

  AtomicFile output(file);
  output.write(length);
  output.write(text);
  for (const auto* tensor : order) {
    const torch::Tensor bytes = tensor->second.detach().to(torch::kCPU).contiguous();
    output.write(bytes.data_ptr(), bytes.nbytes());
  }
  output.commit();
}

}  // namespace lmf::model
