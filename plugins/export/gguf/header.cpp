#include "gguf/header.hpp"

#include <bit>

namespace lmf::exporter {
namespace {

/// The format's numbers of its types.
enum class Type : std::uint32_t { i32 = 5, u32 = 4, f32 = 6, boolean = 7, text = 8, list = 9 };

template <class Whole>
void put(std::string& to, Whole value) {
  for (std::size_t i = 0; i < sizeof value; ++i)
    to += static_cast<char>((static_cast<std::uint64_t>(value) >> (8 * i)) & 0xff);
}
void put(std::string& to, std::string_view text) {
  put(to, std::uint64_t{text.size()});
  to += text;
}
void put(std::string& to, float value) { put(to, std::bit_cast<std::uint32_t>(value)); }
void put(std::string& to, Type type) { put(to, static_cast<std::uint32_t>(type)); }

template <class Item>
void put_list(std::string& to, Type type, std::span<const Item> items) {
  put(to, Type::list);
  put(to, type);
  put(to, std::uint64_t{items.size()});
  for (const Item& item : items) {
    if constexpr (std::is_same_v<Item, std::string>)
      put(to, std::string_view(item));
    else if constexpr (std::is_same_v<Item, float>)
      put(to, item);
    else
      put(to, static_cast<std::uint32_t>(item));
  }
}

}  // namespace

void GgufHeader::add(std::string_view key, std::uint32_t value) {
  put(values_, key);
  put(values_, Type::u32);
  put(values_, value);
  ++value_count_;
}

void GgufHeader::add(std::string_view key, float value) {
  put(values_, key);
  put(values_, Type::f32);
  put(values_, value);
  ++value_count_;
}

void GgufHeader::add(std::string_view key, bool value) {
  put(values_, key);
  put(values_, Type::boolean);
  values_ += value ? '\1' : '\0';
  ++value_count_;
}

void GgufHeader::add(std::string_view key, std::string_view value) {
  put(values_, key);
  put(values_, Type::text);
  put(values_, value);
  ++value_count_;
}

void GgufHeader::add(std::string_view key, std::span<const std::string> values) {
  put(values_, key);
  put_list(values_, Type::text, values);
  ++value_count_;
}

void GgufHeader::add(std::string_view key, std::span<const std::int32_t> values) {
  put(values_, key);
  put_list(values_, Type::i32, values);
  ++value_count_;
}

void GgufHeader::add(std::string_view key, std::span<const float> values) {
  put(values_, key);
  put_list(values_, Type::f32, values);
  ++value_count_;
}

void GgufHeader::add_tensor(std::string_view name, std::span<const std::uint64_t> dimensions, BlockType type,
                            std::uint64_t bytes) {
  put(tensors_, name);
  put(tensors_, static_cast<std::uint32_t>(dimensions.size()));
  for (const std::uint64_t side : dimensions) put(tensors_, side);
  put(tensors_, static_cast<std::uint32_t>(type));
  put(tensors_, data_bytes_);
  data_bytes_ += aligned(bytes);
  ++tensor_count_;
}

std::string GgufHeader::bytes() const {
  std::string result = "GGUF";
  put(result, std::uint32_t{3});
  put(result, tensor_count_);
  put(result, value_count_);
  result += values_;
  result += tensors_;
  result.resize(aligned(result.size()));
  return result;
}

}  // namespace lmf::exporter
