#include "model/safetensors_header.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "lmf/error.hpp"

namespace lmf::model {
namespace {

using nlohmann::json;

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kMaximumHeaderBytes = 100'000'000;  // the reference reader's own limit
constexpr std::size_t kMaximumDepth = 4;                    // object of tensors, tensor, list
constexpr std::size_t kMaximumDimensions = 64;

/// The format's dtypes that lmf reads, with the bytes of an element.
constexpr std::array<std::pair<std::string_view, std::uint64_t>, 12> kDtypes = {{{"F64", 8},
                                                                                 {"F32", 4},
                                                                                 {"F16", 2},
                                                                                 {"BF16", 2},
                                                                                 {"I64", 8},
                                                                                 {"I32", 4},
                                                                                 {"I16", 2},
                                                                                 {"I8", 1},
                                                                                 {"U8", 1},
                                                                                 {"BOOL", 1},
                                                                                 {"F8_E4M3", 1},
                                                                                 {"F8_E5M2", 1}}};

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& why) {
  throw Error(fmt::format("{} is not a usable safetensors file: {}", file.string(), why),
              "the file may be cut off or damaged; copy or download it again");
}

/// A name that occurs twice would let two readers see two different models.
class HeaderBuilder final : public JsonBuilder<json> {
 public:
  explicit HeaderBuilder(const std::filesystem::path& file) : file_(file) {}

 private:
  bool keeps(const json& object, const std::string& key) override {
    if (object.contains(key)) refuse(file_, fmt::format("its header has '{}' twice", key));
    return true;
  }
  void count() override {
    if (depth() > kMaximumDepth) refuse(file_, "its header is nested too deeply");
  }

  const std::filesystem::path& file_;
};

json read_header(std::string_view text, const std::filesystem::path& file) {
  const json header = HeaderBuilder(file).build(text).value_or(json(json::value_t::discarded));
  if (const auto fault = header.is_discarded() ? find_json_fault(text) : std::nullopt)
    refuse(file, fmt::format("its header is not JSON: at byte {}: {}", kLengthBytes + fault->offset, fault->what));
  if (!header.is_object()) refuse(file, "its header is not a JSON object");
  return header;
}

std::string read_dtype(const json& entry, const std::string& name, const std::filesystem::path& file) {
  const auto found = entry.find("dtype");
  if (found == entry.end() || !found->is_string()) refuse(file, fmt::format("tensor '{}' has no dtype", name));
  return found->get<std::string>();
}

std::uint64_t element_bytes(const std::string& dtype, const std::string& name, const std::filesystem::path& file) {
  for (const auto& [known, bytes] : kDtypes)
    if (dtype == known) return bytes;
  refuse(file, fmt::format("tensor '{}' has dtype '{}', which lmf does not read", name, dtype));
}

/// Shape and the number of bytes that it needs.
std::pair<std::vector<std::int64_t>, std::uint64_t> read_shape(const json& entry, std::uint64_t bytes,
                                                               const std::string& name,
                                                               const std::filesystem::path& file) {
  const auto found = entry.find("shape");
  if (found == entry.end() || !found->is_array() || found->size() > kMaximumDimensions)
    refuse(file, fmt::format("tensor '{}' has no usable shape", name));
  std::vector<std::int64_t> shape;
  for (const json& side : *found) {
    // A size of zero must not hide an overflow of the others: torch multiplies them in any order.
    if (!side.is_number_unsigned() || side.get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max() ||
        __builtin_mul_overflow(bytes, std::max<std::uint64_t>(side.get<std::uint64_t>(), 1), &bytes) ||
        bytes > std::uint64_t{std::numeric_limits<std::int64_t>::max()})
      refuse(file, fmt::format("tensor '{}' has the impossible shape {}", name, found->dump()));
    shape.push_back(side.get<std::int64_t>());
  }
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) bytes = 0;
  return {std::move(shape), bytes};
}

TensorEntry read_entry(const json& entry, const std::string& name, std::uint64_t data_begin, std::uint64_t data_bytes,
                       const std::filesystem::path& file) {
  if (!entry.is_object()) refuse(file, fmt::format("the entry of tensor '{}' is not an object", name));
  TensorEntry result;
  result.dtype = read_dtype(entry, name, file);
  std::uint64_t bytes = 0;
  std::tie(result.shape, bytes) = read_shape(entry, element_bytes(result.dtype, name, file), name, file);
  const auto found = entry.find("data_offsets");
  if (found == entry.end() || !found->is_array() || found->size() != 2 || !(*found)[0].is_number_unsigned() ||
      !(*found)[1].is_number_unsigned())
    refuse(file, fmt::format("tensor '{}' has no usable data_offsets", name));
  const auto begin = (*found)[0].get<std::uint64_t>(), end = (*found)[1].get<std::uint64_t>();
  if (begin > end || end > data_bytes)
    refuse(file, fmt::format("tensor '{}' lies at bytes {} to {}, but the file has {} bytes of data", name, begin, end,
                             data_bytes));
  if (end - begin != bytes)
    refuse(file, fmt::format("tensor '{}' has {} bytes, but its dtype {} and shape {} need {}", name, end - begin,
                             entry["dtype"].get<std::string>(), entry["shape"].dump(), bytes));
  result.begin = data_begin + begin;
  result.end = data_begin + end;
  return result;
}

/// Every byte of the data belongs to exactly one tensor.
void check_layout(const SafetensorsHeader& header, std::uint64_t data_begin, std::uint64_t file_bytes,
                  const std::filesystem::path& file) {
  std::vector<std::pair<const std::string*, const TensorEntry*>> order;
  for (const auto& [name, entry] : header.tensors) order.emplace_back(&name, &entry);
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return std::pair(a.second->begin, a.second->end) < std::pair(b.second->begin, b.second->end);
  });
  std::uint64_t reached = data_begin;
  for (const auto& [name, entry] : order) {
    if (entry->begin < reached) refuse(file, fmt::format("tensor '{}' overlaps another", *name));
    if (entry->begin > reached)
      refuse(file, fmt::format("{} bytes before tensor '{}' belong to no tensor", entry->begin - reached, *name));
    reached = entry->end;
  }
  if (reached != file_bytes) refuse(file, fmt::format("its last {} bytes belong to no tensor", file_bytes - reached));
}

std::map<std::string, std::string> read_metadata(const json& entry, const std::filesystem::path& file) {
  std::map<std::string, std::string> metadata;
  if (!entry.is_object()) refuse(file, "its __metadata__ is not an object");
  for (const auto& [key, value] : entry.items()) {
    if (!value.is_string()) refuse(file, fmt::format("its __metadata__ '{}' is not text", key));
    metadata.emplace(key, value.get<std::string>());
  }
  return metadata;
}

}  // namespace

SafetensorsHeader parse_safetensors_header(std::span<const std::byte> bytes, const std::filesystem::path& file) {
  if (bytes.size() < kLengthBytes) refuse(file, fmt::format("it has {} bytes, too few for a header", bytes.size()));
  std::uint64_t length = 0;
  for (std::uint64_t i = 0; i < kLengthBytes; ++i) length |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
  if (length > kMaximumHeaderBytes || length > bytes.size() - kLengthBytes)
    refuse(file, fmt::format("its header claims {} bytes of {}", length, bytes.size()));
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + kLengthBytes, length);
  const json parsed = read_header(text, file);

  SafetensorsHeader header;
  const std::uint64_t data_begin = kLengthBytes + length;
  for (const auto& [name, entry] : parsed.items()) {
    if (name == "__metadata__")
      header.metadata = read_metadata(entry, file);
    else
      header.tensors.emplace(name, read_entry(entry, name, data_begin, bytes.size() - data_begin, file));
  }
  check_layout(header, data_begin, bytes.size(), file);
  return header;
}

}  // namespace lmf::model
