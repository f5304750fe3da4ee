#include "model/gptq_format.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "lmf/error.hpp"
#include "model/config_file.hpp"
#include "model/weight_files.hpp"

namespace lmf::model {
namespace {

constexpr std::string_view kWeight = ".weight";

std::string part_of(const std::string& name, const char* part) {
  return name.substr(0, name.size() - kWeight.size()) + part;
}

bool is_read(std::int64_t bits) { return bits == 4 || bits == 8; }

void require_dtype(const WeightFiles& files, const std::string& name, bool known, const char* expected) {
  if (known) return;
  throw Error(fmt::format("{}: tensor '{}' has dtype {}, expected {}", files.source().string(), name,
                          files.require(name).dtype, expected));
}

void require_integers(const WeightFiles& files, const std::string& name, const std::vector<std::int64_t>& shape) {
  require_dtype(files, name, files.require(name, shape).dtype == "I32", "I32");
}

/// Of a linear's codes, by their shape: as config.json says, unless modules differ.
std::int64_t bits_of(const WeightFiles& files, const std::string& qweight, std::int64_t in, const GptqFormat& format) {
  const auto& shape = files.require(qweight).shape;
  const std::int64_t words = shape.empty() ? 0 : shape.front();
  if (format.varies && words > 0 && words <= in)  // a word holds 4 codes at least
    for (const std::int64_t bits : {4, 8})
      if (words * 32 == in * bits) return bits;
  return format.bits;
}

}  // namespace

GptqFormat GptqFormat::read(const ConfigObject& config) {
  GptqFormat format;
  format.bits = config.integer("bits", 1);
  if (!is_read(format.bits)) config.refuse(fmt::format("bits is {}, and lmf reads GPTQ of 4 or 8", format.bits));
  format.group_size = config.integer("group_size", -1);
  if (format.group_size == 0) config.refuse("group_size is 0, expected -1 (one group) or the size of a group");
  format.scattered = config.flag("desc_act", false);
  const std::string stored = config.text("checkpoint_format", config.text("format", "gptq"));
  if (stored != "gptq" && stored != "gptq_v2")
    config.refuse(fmt::format("checkpoint_format is '{}', and lmf reads gptq and gptq_v2", stored));
  format.zeros_less_one = stored == "gptq";
  if (const auto word = config.text("pack_dtype", "int32"); word != "int32")
    config.refuse(fmt::format("pack_dtype is '{}', and lmf reads int32", word));
  // What would have to be computed beside the weights, and another order of the codes.
  for (const char* key : {"adapter", "rotation", "is_marlin_format"})
    if (config.has(key) && config.at(key) != false)
      config.refuse(fmt::format("{} is {}, which lmf does not read", key, config.at(key).dump()));
  format.varies = config.has("dynamic") && !config.at("dynamic").empty();
  return format;
}

bool is_gptq(const WeightFiles& files, const std::string& name) {
  const bool linear = name.ends_with("_proj.weight") || name == "lm_head.weight";
  return linear && files.find(name) == nullptr && files.find(part_of(name, ".qweight")) != nullptr;
}

std::vector<std::string> gptq_names(const std::string& name) {
  std::vector<std::string> names;
  for (const char* part : {".qweight", ".qzeros", ".scales", ".g_idx"}) names.push_back(part_of(name, part));
  return names;
}

GptqShape require_gptq(const WeightFiles& files, const std::string& name, const std::vector<std::int64_t>& shape,
                       const GptqFormat& format) {
  const std::int64_t out = shape.at(0), in = shape.at(1);
  const auto names = gptq_names(name);
  const std::string &codes = names[0], &zeros = names[1], &scales = names[2], &places = names[3];
  const std::int64_t bits = bits_of(files, codes, in, format), together = 32 / bits;
  if (in % together != 0 || out % together != 0)
    throw Error(
        fmt::format("{}: tensor '{}' stands for {} x {} weights, and {} codes of {} bits share a word: sides "
                    "must be multiples of {}",
                    files.source().string(), codes, out, in, together, bits, together));
  require_integers(files, codes, {in / together, out});
  std::int64_t size = format.group_size < 0 ? in : std::min(format.group_size, in), groups = (in + size - 1) / size;
  if (const auto& stored = files.require(scales).shape;
      format.varies && !stored.empty() && stored[0] > 0 && stored[0] != groups) {
    groups = std::min(stored[0], in);
    size = groups == 1 ? in : 0;  // of 48 inputs, 3 groups have 16 to 23
  }
  require_dtype(files, scales, is_weight_dtype(files.require(scales, {groups, out}).dtype), "F32, F16 or BF16");
  require_integers(files, zeros, {groups, out / together});
  if (files.find(places) != nullptr)
    require_integers(files, places, {in});
  else if (format.scattered)
    throw Error(
        fmt::format("{} has no tensor '{}', which desc_act in config.json needs", files.source().string(), places));
  else if (size == 0)
    refuse_unknown_groups(files, name, groups);
  return {bits, groups, size};
}

void refuse_unknown_groups(const WeightFiles& files, const std::string& name, std::int64_t groups) {
  throw Error(fmt::format("{}: '{}' has {} groups, not as many as group_size in config.json makes, and no '{}' that "
                          "says which input is in which",
                          files.source().string(), name, groups, gptq_names(name)[3]),
              "quantise the model again with a program that writes g_idx, as GPTQModel does");
}

}  // namespace lmf::model
