#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/files.hpp"
#include "gguf/file_kind.hpp"
#include "gguf/header.hpp"
#include "gguf/vocabulary.hpp"
#include "merged_weights.hpp"
#include "weight_writer.hpp"

namespace lmf::exporter {

/// What a GGUF file says beside the weights.
struct GgufText {
  std::string name;
  const GgufVocabulary& vocabulary;
  const text::Tokenizer& tokenizer;
  std::vector<std::int32_t> stop_ids;
};

/// A model as one GGUF file, judged before anything is written.
class GgufWriter {
 public:
  /// Throws Error when llama.cpp has no form for the model or its tokenizer, see require_gguf_form().
  GgufWriter(const MergedWeights& weights, const model::DecoderSpec& spec);

  /// Bytes of the tensors of a file of this kind.
  std::uint64_t data_bytes(FileKind kind) const;
  /// Writes folder/file_name(kind), some rows at a time, on all cores.
  void write(FileKind kind, const GgufText& text, const std::filesystem::path& folder, const Wrote& wrote) const;
  static std::string file_name(FileKind kind);  ///< "model-Q8_0.gguf"

 private:
  struct Tensor {
    std::string name;
    TensorRole role;
    std::int64_t permuted_head = 0;  ///< channels of a head whose rows are put in llama.cpp's order; 0: none are
  };
  BlockType type_of(FileKind kind, std::size_t tensor) const { return type_for(kind, tensors_[tensor].role); }
  std::uint64_t bytes_of_tensor(FileKind kind, std::size_t tensor) const;
  GgufHeader header(FileKind kind, const GgufText& text) const;
  void write_tensor(std::size_t index, BlockType type, AtomicFile& file, const Wrote& wrote) const;

  const MergedWeights& weights_;
  const model::DecoderSpec& spec_;
  std::vector<Tensor> tensors_;  // one for each of the weights
  std::vector<float> rope_factors_;
};

/// Rows of heads in llama.cpp's order, whose rotary embedding turns neighbours: of a head's D rows, i and i + D/2
/// become 2i and 2i + 1. `rows`: [count, width], count a multiple of D.
void permute_heads(std::vector<float>& rows, std::int64_t count, std::int64_t width, std::int64_t head);

}  // namespace lmf::exporter
