#include "gguf/file_kind.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace lmf::exporter {
namespace {

struct KnownKind {
  FileKind kind;
  std::string_view name;
  std::uint32_t number;
  BlockType matrices;
};
constexpr std::array<KnownKind, 7> kKnownKinds = {{{FileKind::f32, "F32", 0, BlockType::f32},
                                                   {FileKind::f16, "F16", 1, BlockType::f16},
                                                   {FileKind::bf16, "BF16", 32, BlockType::bf16},
                                                   {FileKind::q8_0, "Q8_0", 7, BlockType::q8_0},
                                                   {FileKind::q6_k, "Q6_K", 18, BlockType::q6_k},
                                                   {FileKind::q4_k_m, "Q4_K_M", 15, BlockType::q4_k},
                                                   {FileKind::q4_0, "Q4_0", 2, BlockType::q4_0}}};

const KnownKind& known(FileKind kind) { return kKnownKinds[static_cast<std::size_t>(kind)]; }

/// The first and the last eighth of the layers, and every third between.
bool is_sensitive(std::int64_t layer, std::int64_t layers) {
  const std::int64_t eighth = layers / 8;
  return layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2;
}

}  // namespace

std::optional<FileKind> file_kind(std::string_view name) {
  const auto same = [&](std::string_view other) {
    return std::equal(name.begin(), name.end(), other.begin(), other.end(),
                      [](unsigned char a, unsigned char b) { return std::toupper(a) == b; });
  };
  for (const KnownKind& one : kKnownKinds)
    if (same(one.name)) return one.kind;
  return std::nullopt;
}

std::string_view name_of(FileKind kind) { return known(kind).name; }
std::uint32_t gguf_number(FileKind kind) { return known(kind).number; }
bool is_quantized(FileKind kind) { return shape_of(known(kind).matrices).numbers > 1; }

std::vector<std::string> file_kinds() {
  std::vector<std::string> names;
  for (const KnownKind& one : kKnownKinds) names.emplace_back(one.name);
  return names;
}

BlockType type_for(FileKind kind, const TensorRole& role) {
  using Part = TensorRole::Part;
  if (role.part == Part::vector) return BlockType::f32;
  BlockType type = known(kind).matrices;
  const bool four_bits = kind == FileKind::q4_0 || kind == FileKind::q4_k_m;
  if (four_bits && role.part == Part::head) type = BlockType::q6_k;
  if (kind == FileKind::q4_k_m && (role.part == Part::value || role.part == Part::down) &&
      is_sensitive(role.layer, role.layers))
    type = BlockType::q6_k;
  const auto fits = [&](BlockType wanted) {
    return role.width % static_cast<std::int64_t>(shape_of(wanted).numbers) == 0;
  };
  if (fits(type)) return type;
  return fits(BlockType::q8_0) ? BlockType::q8_0 : BlockType::f16;
}

}  // namespace lmf::exporter
