#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <torch/types.h>

#include "base/files.hpp"
#include "model/decoder_spec.hpp"
#include "model/weight_files.hpp"
#include "model/written_header.hpp"
#include "quantize/gptq.hpp"

namespace lmf::exporter {

/// The weight files of a quantised model, written while layers become ready: the linears of the layers packed, all
/// else the bytes of the model's files.
class Checkpoint {
 public:
  Checkpoint(const model::WeightFiles& model, const model::DecoderSpec& spec, const Rounding& rounding,
             std::filesystem::path folder, std::uint64_t shard_bytes);
  ~Checkpoint();

  using Tensors = std::map<std::string, torch::Tensor>;
  /// Writes on, up to the first linear that is not in `packed` ("NAME.qweight" and so on).
  void write(const Tensors& packed);
  /// After the last layer: what is left, and the index.
  void finish();
  std::uint64_t bytes() const;

 private:
  struct Entry {
    model::WrittenTensor tensor;
    bool packed;  // else: of the model's files
    std::size_t shard = 0;
  };
  struct Shard;
  void copy(const Entry& entry, AtomicFile& file) const;
  AtomicFile& file_of(std::size_t shard);

  const model::WeightFiles& model_;
  std::filesystem::path folder_;
  std::vector<Entry> entries_;  // in the order of the model's state dict
  std::vector<Shard> shards_;
  std::size_t next_ = 0;
};

}  // namespace lmf::exporter
