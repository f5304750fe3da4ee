#include "gguf/gguf_writer.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "base/files.hpp"
#include "gguf/metadata.hpp"
#include "gguf/tensor_names.hpp"
#include "lmf/error.hpp"

namespace lmf::exporter {
namespace {

bool is_permuted(const model::DecoderSpec& spec, std::string_view parameter) {
  return gguf_architecture(spec) == "llama" && (parameter.find("self_attn.q_proj.") != parameter.npos ||
                                                parameter.find("self_attn.k_proj.") != parameter.npos);
}

/// work(first, count) for parts of [0, total), each on a thread of its own.
template <class Work>
void in_parallel(std::int64_t total, const Work& work) {
  const auto cores = static_cast<std::int64_t>(std::max(1u, std::thread::hardware_concurrency()));
  const std::int64_t parts = std::clamp<std::int64_t>(total, 1, cores), at_once = (total + parts - 1) / parts;
  std::vector<std::jthread> threads;
  for (std::int64_t first = at_once; first < total; first += at_once)
    threads.emplace_back([&work, first, count = std::min(at_once, total - first)] { work(first, count); });
  work(0, std::min(at_once, total));
}

}  // namespace

void permute_heads(std::vector<float>& rows, std::int64_t count, std::int64_t width, std::int64_t head) {
  std::vector<float> original(static_cast<std::size_t>(head * width));
  for (std::int64_t first = 0; first < count; first += head) {
    float* here = rows.data() + first * width;
    std::copy_n(here, head * width, original.data());
    for (std::int64_t i = 0; i < head / 2; ++i)
      for (std::int64_t side = 0; side < 2; ++side)
        std::copy_n(original.data() + (side * head / 2 + i) * width, width, here + (2 * i + side) * width);
  }
}

GgufWriter::GgufWriter(const MergedWeights& weights, const model::DecoderSpec& spec)
    : weights_(weights), spec_(spec), rope_factors_(rope_factors(spec)) {
  require_gguf_form(spec);
  for (const MergedTensor& tensor : weights.tensors()) {
    GgufName known = gguf_name(tensor.name);
    const bool known_bias = spec.output_bias || spec.mlp_bias;
    if (known.name.empty() || (known_bias && known.name.ends_with(".bias") && gguf_architecture(spec) != "llama"))
      throw Error(fmt::format("the model cannot be written as GGUF: llama.cpp has no place for '{}'", tensor.name),
                  "leave export_gguf out");
    if (tensor.shape.size() < 2) known.part = TensorRole::Part::vector;
    if (known.name == "token_embd.weight" && spec.tied_embeddings) known.part = TensorRole::Part::head;
    tensors_.push_back({std::move(known.name),
                        {known.part, known.layer, spec.layers, tensor.width},
                        is_permuted(spec, tensor.name) ? spec.head_dim : 0});
  }
}

std::uint64_t GgufWriter::bytes_of_tensor(FileKind kind, std::size_t tensor) const {
  const MergedTensor& shape = weights_.tensors()[tensor];
  return static_cast<std::uint64_t>(shape.rows) *
         row_bytes(type_of(kind, tensor), static_cast<std::size_t>(shape.width));
}

std::uint64_t GgufWriter::data_bytes(FileKind kind) const {
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < tensors_.size(); ++i) bytes += GgufHeader::aligned(bytes_of_tensor(kind, i));
  return bytes;
}

std::string GgufWriter::file_name(FileKind kind) { return fmt::format("model-{}.gguf", name_of(kind)); }

GgufHeader GgufWriter::header(FileKind kind, const GgufText& text) const {
  GgufHeader header;
  std::uint64_t parameters = 0;
  for (const MergedTensor& tensor : weights_.tensors()) parameters += tensor.count();
  add_model(header, spec_, kind, text.name, parameters);
  add_vocabulary(header, text.vocabulary, text.tokenizer, text.stop_ids);
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const auto& shape = weights_.tensors()[i].shape;
    header.add_tensor(tensors_[i].name, std::vector<std::uint64_t>(shape.rbegin(), shape.rend()), type_of(kind, i),
                      bytes_of_tensor(kind, i));
  }
  if (const std::uint64_t factors = rope_factors_.size(); factors > 0)
    header.add_tensor("rope_freqs.weight", std::array{factors}, BlockType::f32, factors * sizeof(float));
  return header;
}

void GgufWriter::write(FileKind kind, const GgufText& text, const std::filesystem::path& folder,
                       const Wrote& wrote) const {
  AtomicFile file(folder / file_name(kind));
  file.write(header(kind, text).bytes());
  const std::string filler(GgufHeader::kAlignment, '\0');
  const auto fill = [&](std::uint64_t bytes) { file.write(filler.data(), GgufHeader::aligned(bytes) - bytes); };
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    write_tensor(i, type_of(kind, i), file, wrote);
    fill(bytes_of_tensor(kind, i));
  }
  if (!rope_factors_.empty()) {
    file.write(rope_factors_.data(), rope_factors_.size() * sizeof(float));
    fill(rope_factors_.size() * sizeof(float));
  }
  file.commit();
}

void GgufWriter::write_tensor(std::size_t index, BlockType type, AtomicFile& file, const Wrote& wrote) const {
  const MergedTensor& tensor = weights_.tensors()[index];
  const auto width = static_cast<std::size_t>(tensor.width);
  const std::size_t bytes = row_bytes(type, width);
  const std::int64_t head = tensors_[index].permuted_head;
  std::int64_t at_once = rows_at_once(tensor);
  if (head > 0) at_once = std::max(head, at_once / head * head);
  MergedWeights::Reader reader(weights_, index);
  std::vector<float> rows;
  std::vector<std::byte> blocks;
  for (std::int64_t first = 0; first < tensor.rows; first += at_once) {
    const std::int64_t count = std::min(at_once, tensor.rows - first);
    rows.resize(static_cast<std::size_t>(count) * width);
    blocks.resize(static_cast<std::size_t>(count) * bytes);
    reader.read(first, count, rows.data());
    if (head > 0 && tensor.shape.size() > 1) permute_heads(rows, count, tensor.width, head);
    if (head > 0 && tensor.shape.size() == 1) permute_heads(rows, tensor.width, 1, head);  // a bias
    std::atomic<bool> finite = true;
    in_parallel(count, [&](std::int64_t begin, std::int64_t part) {
      for (auto row = static_cast<std::size_t>(begin); row < static_cast<std::size_t>(begin + part); ++row) {
        const float* numbers = rows.data() + row * width;
        if (!std::all_of(numbers, numbers + width, [](float number) { return std::isfinite(number); }))
          finite = false;  // a block has no place for it
        else
          store_row(type, numbers, width, blocks.data() + row * bytes);
      }
    });
    if (!finite)
      throw Error(fmt::format("the model cannot be written as GGUF: '{}' holds NaN or infinity", tensor.name),
                  "train or fetch the model or its adapter again, or leave export_gguf out");
    file.write(blocks.data(), blocks.size());
    wrote(blocks.size());
  }
}

}  // namespace lmf::exporter
